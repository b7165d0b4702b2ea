"""What plays: a fake player on a real, private D-Bus, and a server that speaks MPD's protocol."""

import asyncio
import re
import subprocess
from contextlib import AsyncExitStack, suppress

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_connection
from servers import need

from stemfield.control.config.configuration import Config, parse_config
from stemfield.control.config.schema import ConfigError
from stemfield.control.playing import mpd, mpris
from stemfield.control.playing.follower import PlayingTrack
from stemfield.control.status import NOTHING_PLAYS, Track

PLAYER = DBusAddress(mpris.PATH, interface="org.freedesktop.DBus.Properties")


@pytest.fixture
def bus(monkeypatch):
    command = [need("dbus-daemon"), "--session", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.stdout.readline().strip())
        yield daemon
        daemon.terminate()


class Player:
    """A player with a name on the bus."""

    def __init__(self, connection, name, identity):
        self.connection = connection
        self.root = {"Identity": ("s", identity)}
        self.player = {"PlaybackStatus": ("s", "Stopped")}
        self.silent = False
        self.asked = 0

    @classmethod
    async def open(cls, stack, name, identity):
        connection = await stack.enter_async_context(await open_dbus_connection(mpris._address()))
        one = cls(connection, name, identity)
        async with DBusRouter(connection) as router:
            await Proxy(message_bus, router).RequestName(mpris.PREFIX + name)
        serving = asyncio.create_task(one.serve())
        stack.callback(serving.cancel)
        return one

    async def serve(self):
        while True:
            call = await self.connection.receive()
            if call.header.message_type is MessageType.method_call and not self.silent:
                self.asked += 1
                assert call.header.fields[HeaderFields.member] == "GetAll"
                found = self.player if call.body[0].endswith(".Player") else self.root
                await self.connection.send(new_method_return(call, "a{sv}", (found,)))

    async def play(self, status="Playing", **metadata):
        types = {"artist": "as"}
        tags = {f"xesam:{key}": (types.get(key, "s"), value) for key, value in metadata.items()}
        self.player = {"PlaybackStatus": ("s", status), "Metadata": ("a{sv}", tags)}
        await self.tell()

    async def tell(self):
        changed = ("org.mpris.MediaPlayer2.Player", {}, ["Metadata"])
        await self.connection.send(new_signal(PLAYER, "PropertiesChanged", "sa{sv}as", changed))


async def becomes(playing, track):
    async with asyncio.timeout(20):
        while playing.now != track:
            await asyncio.sleep(0.01)


def followed(scenario, **keys):
    async def run():
        async with AsyncExitStack() as stack:
            playing = PlayingTrack(parse_config({"playing": keys}, "test"))
            playing.start(stack)
            await asyncio.wait_for(scenario(stack, playing), 60)

    asyncio.run(run())


def test_the_player_that_began_last_is_shown_until_it_stops_or_goes(bus):
    async def scenario(stack, playing):
        browser = await Player.open(stack, "firefox.instance_1", "Firefox")
        await browser.play(title="Film", artist=["A", "B"])
        await becomes(playing, Track("Film", "A, B", "", "Firefox"))
        async with AsyncExitStack() as inner:
            music = await Player.open(inner, "music", "")
            await music.play(title="Song", artist=["<b>C</b>"], album="Record")
            await becomes(playing, Track("Song", "<b>C</b>", "Record", "music"))
            await browser.play(title="Film, later")
            await music.play(title="Song 2")
            await becomes(playing, Track("Song 2", "", "", "music"))
        await becomes(playing, Track("Film, later", "", "", "Firefox"))
        await browser.play("Paused", title="Film")
        await becomes(playing, NOTHING_PLAYS)

    followed(scenario)


def test_a_hostile_player_costs_little_and_its_texts_are_plain(bus, monkeypatch):
    monkeypatch.setattr(mpris, "ANSWER_S", 0.3)

    async def scenario(stack, playing):
        mute = await Player.open(stack, "mute", "Mute")
        mute.silent = True
        one = await Player.open(stack, "one", "x" * 500)
        await one.play(title="a\n\x07b" + "y" * 100_000, artist=["c"])
        await becomes(playing, Track.of("a  b" + "y" * 300, "c", "", "x" * 500))
        assert len(playing.now.title) == len(playing.now.source) == 200
        asked = one.asked
        for _ in range(2000):
            await one.tell()
        await one.play(title="end")
        await becomes(playing, Track.of("end", "", "", "x" * 500))
        assert one.asked - asked <= 20
        one.player = {"PlaybackStatus": ("i", 5), "Metadata": ("s", "nothing")}
        await one.tell()
        await becomes(playing, NOTHING_PLAYS)

    followed(scenario)


def test_a_bus_that_ends_is_left_and_one_that_comes_is_found(bus, monkeypatch):
    monkeypatch.setattr(mpris, "RETRY_S", 0.05)

    async def scenario(stack, playing):
        async with AsyncExitStack() as inner:
            one = await Player.open(inner, "one", "One")
            await one.play(title="Song")
            await becomes(playing, Track("Song", "", "", "One"))
            bus.terminate()
            await becomes(playing, NOTHING_PLAYS)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        await asyncio.sleep(0.2)
        with subprocess.Popen(bus.args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as other:
            stack.callback(other.kill)
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", other.stdout.readline().strip())
            async with AsyncExitStack() as inner:
                one = await Player.open(inner, "one", "One")
                await one.play(title="Again")
                await becomes(playing, Track("Again", "", "", "One"))
            other.terminate()

    followed(scenario)


class FakeMpd:
    def __init__(self):
        self.song = "file: a/b.flac\nTitle: First\nArtist: X\nArtist: Y\nAlbum: Z\n"
        self.state = "play"
        self.changed = asyncio.Event()
        self.writers = []

    async def serve(self, reader, writer):
        self.writers.append(writer)
        writer.write(b"OK MPD 0.23.5\n")
        while line := (await reader.readline()).decode().strip():
            if line == "idle player":
                await self.changed.wait()
                self.changed.clear()
                writer.write(b"changed: player\nOK\n")
            else:
                answer = {"status": f"volume: 50\nstate: {self.state}\n", "currentsong": self.song}.get(line)
                writer.write(f"{answer}OK\n".encode() if answer else b"ACK [5@0] {} unknown\n")


def test_an_mpd_is_followed_through_changes_and_restarts(monkeypatch):
    monkeypatch.setattr(mpd, "RETRY_S", 0.05)

    async def run():
        fake = FakeMpd()
        server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def scenario(_, playing):
            await becomes(playing, Track("First", "X", "Z", "MPD"))
            fake.song = "file: a/b.flac\n"
            fake.changed.set()
            await becomes(playing, Track("b.flac", "", "", "MPD"))
            fake.state = "stop"
            fake.changed.set()
            await becomes(playing, NOTHING_PLAYS)

        async with AsyncExitStack() as stack:
            playing = PlayingTrack(parse_config({"playing": {"mpris": False, "mpd": f"127.0.0.1:{port}"}}, "test"))
            playing.start(stack)
            await asyncio.wait_for(scenario(stack, playing), 60)
        for writer in fake.writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)
        server.close()

    asyncio.run(run())


NO_MPD = (b"", b"HTTP/1.1 400\r\n", b"OK MPD 0.23\n" + b"a: b\n" * 5000, b"OK MPD 1\n" + b"x" * 200_000)


@pytest.mark.parametrize("talk", NO_MPD)
def test_what_is_no_mpd_is_left(talk, monkeypatch):
    monkeypatch.setattr(mpd, "RETRY_S", 0.01)

    async def run():
        calls = 0

        async def serve(_, writer):
            nonlocal calls
            calls += 1
            writer.write(talk)
            with suppress(ConnectionError):
                await writer.drain()
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        found = []
        player = asyncio.create_task(mpd.MpdPlayer("127.0.0.1", server.sockets[0].getsockname()[1], found.append).run())
        async with asyncio.timeout(20):
            while calls < 3:
                await asyncio.sleep(0.01)
        player.cancel()
        server.close()
        await asyncio.sleep(0.1)
        assert set(found) == {None}

    asyncio.run(run())


def test_addresses_of_an_mpd():
    assert Config().playing.mpd is None
    assert parse_config({"playing": {"mpd": "host"}}, "test").playing.mpd_address == ("host", 6600)
    assert parse_config({"playing": {"mpd": "::1:6601"}}, "test").playing.mpd_address == ("::1", 6601)
    with pytest.raises(ConfigError, match=re.escape("playing.mpd: expected HOST or HOST:PORT, got 'a:b'")):
        parse_config({"playing": {"mpd": "a:b"}}, "test")
