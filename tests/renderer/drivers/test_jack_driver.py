"""The JACK driver on a real server."""

import ctypes
import re
import subprocess
import time

import jack
import numpy as np
import pytest

from stemfield.renderer.drivers.connections import ConnectionKeeper
from stemfield.renderer.drivers.jack import JackDriver, JackError
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.engine.engine import Engine

LABELS = tuple(f"M+{n:03d}" for n in range(24))
LATENCY = 2304


@pytest.fixture
def live(jackd):
    """A driver with an engine at work: `live(server)`."""
    drivers = []

    def make(server, name="stemfield", direct=(), chain=None, monitor=(), **settings):
        driver = JackDriver(JackSettings(name, server.name, **settings))
        drivers.append(driver)
        engine = Engine(driver.sample_rate_hz, 2, len(direct), 24, 4, LATENCY, chain)
        engine.timeline.close()
        ports = JackPorts(("mixture_L", "mixture_R", *direct), 2, LABELS, tuple(range(1, 25)), monitor)
        driver.start(engine, ports)
        return driver, engine, ports

    yield make
    for driver in drivers:
        driver.close()


def test_ports_are_named_after_loudspeakers_and_in_their_order(jackd, live):
    server = jackd()
    live(server, direct=("guest",))
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        outputs = [p.shortname for p in looker.get_ports("^stemfield:", is_output=True)]
        inputs = [p.shortname for p in looker.get_ports("^stemfield:", is_input=True)]
    assert outputs == list(LABELS)
    assert inputs == ["mixture_L", "mixture_R", "guest"]


def test_the_callback_runs_while_another_thread_holds_the_interpreter(jackd, live):
    """A foreign call that keeps the interpreter lock for 0.5 s: periods go on being rendered."""
    _, engine, _ = live(jackd())
    time.sleep(0.3)
    sleep_with_lock = ctypes.PyDLL(None).usleep
    before = engine.counters().calls
    sleep_with_lock(500_000)
    rendered = engine.counters().calls - before
    assert rendered > 20  # of 375, however busy the machine is: none, if it waited for the lock


def test_no_thread_of_the_servers_waits_for_the_interpreter(jackd, live, tool):
    """It stands still while others change the graph and are told our latency, and while the server dies."""
    server = jackd()
    driver, _, _ = live(server)
    looks = f"{tool('jack_lsp')} -s {server.name} -l stemfield"
    steps = f"{tool('jack_connect')} -s {server.name} system:capture_1 stemfield:mixture_L && {looks}"
    steps += f"; kill -9 {server.process.pid}; sleep 0.5"
    with subprocess.Popen(["timeout", "20", "sh", "-c", f"exec 2>&1; out=$({steps}); echo \"$out\""],
                          stdout=subprocess.PIPE) as others:  # fmt: skip
        first = ctypes.create_string_buffer(1)
        ctypes.PyDLL(None).read(others.stdout.fileno(), first, 1)  # keeps the interpreter lock meanwhile
        lost = driver.lost
        latencies = in_words(first.raw.decode() + others.stdout.read().decode())
    assert lost
    assert latencies["M+000", "capture"] == latencies["mixture_L", "capture"] + LATENCY


def test_libjack_is_given_no_function_of_python(repository):
    """It cancels its threads: Python in one of them would take the interpreter lock with it."""
    registers = re.compile(r"jack\.set_(error|info)_function|lient\.set_\w+_callback|CFUNCTYPE|_ffi\.callback")
    folders = ("control", "renderer")  # only these know JACK
    texts = {path: path.read_text() for folder in folders for path in (repository / folder).rglob("*.py")}
    assert [str(path) for path, text in texts.items() if registers.search(text)] == []


def test_a_client_that_leaves_is_no_user_who_disconnects(jackd, live):
    """It gives up its connections before its ports; looked at in between, it is found again when it returns."""
    server = jackd()
    driver, _, _ = live(server)
    keeper, wish = ConnectionKeeper(), ("M+000", "player:in")

    def player():
        client = jack.Client("player", no_start_server=True, servername=server.name)
        client.inports.register("in")
        client.activate()
        return client

    keeper.want({wish})
    before = player()
    assert keeper.missing(driver.connections(), driver.exists) == {wish}
    assert driver.connect(wish)
    assert keeper.missing(driver.connections(), driver.exists) == set()
    before.deactivate()
    assert (driver.connections(), driver.exists("player:in")) == (set(), True)
    assert keeper.missing(driver.connections(), driver.exists) == set()
    before.close()
    assert keeper.missing(driver.connections(), driver.exists) == set()
    with player():
        assert keeper.missing(driver.connections(), driver.exists) == {wish}


def test_what_others_change_is_counted(jackd, live):
    server = jackd()
    driver, _, _ = live(server)

    def counted(before):
        end_s = time.monotonic() + 10
        while driver.changes == before:
            assert time.monotonic() < end_s, "no change is reported"
            time.sleep(0.01)
        time.sleep(0.2)
        return driver.changes

    time.sleep(0.3)
    before = driver.changes
    with jack.Client("other", no_start_server=True, servername=server.name) as other:
        port = other.inports.register("in")
        before = counted(before)
        other.connect("stemfield:M+000", port)
        before = counted(before)
        port.shortname = "elsewhere"
        before = counted(before)
        port.unregister()
        before = counted(before)
    time.sleep(0.5)
    assert driver.changes - before < 10, "nothing changes any more"


def latencies_of(server):
    """By port and direction, of all ports of ours."""
    text = subprocess.run(
        ["jack_lsp", "-s", server.name, "-l", "stemfield"], capture_output=True, text=True, check=True
    ).stdout
    return in_words(text)


def in_words(text):
    """What `jack_lsp -l` says."""
    latencies, port = {}, ""
    for line in text.splitlines():
        if not line.startswith("\t"):
            port = line.split(":", 1)[-1]
        elif "latency" in line:
            latencies[port, line.split()[1]] = int(line.split("[")[1].split()[1])
    return latencies


def test_the_latency_is_reported(jackd, live):
    server = jackd()
    driver, _, _ = live(server, direct=("guest",))
    for name in ("mixture_L", "mixture_R"):
        assert driver.connect((name, "system:capture_1"))
    assert driver.connect(("guest", "system:capture_2"))
    assert driver.connect(("M+000", "system:playback_1"))
    time.sleep(0.3)
    latencies = latencies_of(server)
    assert latencies["M+000", "capture"] == latencies["mixture_L", "capture"] + LATENCY
    assert latencies["mixture_L", "playback"] == latencies["M+000", "playback"] + LATENCY
    assert latencies["guest", "playback"] == latencies["M+000", "playback"]


def test_the_ears_of_the_monitor_have_ports_connections_and_a_latency_of_their_own(jackd, live):
    server = jackd()
    chain = Chain.plain(24, 48_000).monitored(96, 24)
    ears = ("monitor_left", "monitor_right")
    driver, engine, ports = live(server, chain=chain, monitor=ears, connect_monitor=("system:playback_*",))
    wanted = set(zip(ears, ("system:playback_1", "system:playback_2"), strict=True))
    assert driver.wanted_connections(ports) == wanted
    for connection in wanted:
        assert driver.connect(connection)
    assert driver.connect(("mixture_L", "system:capture_1"))
    time.sleep(0.3)
    latencies = latencies_of(server)
    assert engine.latency_frames == LATENCY
    for ear in ears:
        assert latencies[ear, "capture"] == latencies["mixture_L", "capture"] + LATENCY + 24
        assert latencies["mixture_L", "playback"] == latencies[ear, "playback"] + LATENCY + 24
    assert latencies["M+000", "capture"] == latencies["mixture_L", "capture"] + LATENCY


def test_sound_goes_through_the_server_sample_by_sample(jackd, live):
    """Another client plays noise in and records: the residual comes out delayed by the declared latency."""
    server = jackd(period_frames=256, sync=True)
    driver, engine, _ = live(server)
    gains = np.zeros((10, 24), np.float32)
    gains[8, 5] = 0.5
    engine.publish(gains, np.ones(10, np.int64), np.ones(24, np.float32), 1)
    noise = (0.3 * np.random.default_rng(0).standard_normal(40 * 256)).astype(np.float32)
    heard = []
    peer = jack.Client("peer", no_start_server=True, servername=server.name)
    out, into = peer.outports.register("out"), peer.inports.register("in")
    blocks = iter(noise.reshape(-1, 256))

    @peer.set_process_callback
    def process(_frames):
        heard.append(np.frombuffer(into.get_buffer(), np.float32).copy())
        out.get_array()[:] = next(blocks, np.zeros(256, np.float32))

    del process
    connections = {("mixture_L", "peer:out"), (LABELS[5], "peer:in")}
    with peer:
        for connection in connections:
            assert driver.connect(connection)
        assert driver.connections() == connections
        deadline = time.monotonic() + 10
        while len(heard) < 120 and time.monotonic() < deadline:
            time.sleep(0.05)
    sound = np.concatenate(heard)
    start = int(np.argmax(sound != 0))
    first = int(np.argmax(np.isclose(noise, 2 * sound[start])))  # periods before the connection stood are lost
    length = min(len(noise) - first, len(sound) - start)
    assert length > 20 * 256
    assert np.array_equal(sound[start : start + length], 0.5 * noise[first : first + length])


def test_the_period_may_change_while_playing(jackd, live, until):
    server = jackd()
    _, engine, _ = live(server)
    with jack.Client("changer", no_start_server=True, servername=server.name) as changer:
        for period in (16, 2048, 8192, 64):
            changer.blocksize = period
            before = engine.counters()
            until(lambda calls=before.calls: engine.counters().calls > calls + 1, 5, f"blocks of {period} frames")
            after = engine.counters()
            assert (after.position_frames - before.position_frames) % 16 == 0


def test_a_server_that_goes_away_is_noticed_and_left(jackd, live, until):
    server = jackd()
    driver, _, _ = live(server)
    server.stop(kill=True)
    until(lambda: driver.lost, 5, "the loss is noticed")
    driver.close()
    assert (driver.client_name, driver.sample_rate_hz, driver.period_frames) == ("stemfield", 48_000, 64)
    server.start()
    again, engine, _ = live(server)
    until(lambda: engine.counters().calls > 10, 5, "rendering again")
    assert again.client_name == "stemfield"


def test_patterns_ask_for_connections_by_wired_channel(jackd, live):
    server = jackd()
    settings = {"connect_inputs": ("system:capture_*",), "connect_outputs": ("system:play*_?",)}
    driver, _, ports = live(server, **settings)
    assert driver.wanted_connections(ports) == {
        ("mixture_L", "system:capture_1"),
        ("mixture_R", "system:capture_2"),
        (LABELS[0], "system:playback_1"),
        (LABELS[1], "system:playback_2"),
    }
    assert driver.exists("system:playback_1")
    assert not driver.exists("system:playback_99")
    assert not driver.connect(("mixture_L", "nobody:out"))
    assert driver.is_free("nobody")
    assert not driver.is_free("stemfield")


def test_aliases_and_titles_say_where_a_port_belongs_and_it_may_be_renamed(jackd, live, until):
    """On a real server; a port that is renamed keeps its connection, and its place."""
    server = jackd()
    driver, _, ports = live(server)
    driver.settings = JackSettings("stemfield", server.name, connect_inputs=("card:capture_*",))
    with jack.Client("card", no_start_server=True, servername=server.name) as card:
        one, two = (card.outports.register(f"capture_{n}") for n in (1, 2))
        assert driver.wanted_connections(ports) == {("mixture_L", one.name), ("mixture_R", two.name)}
        one.set_alias("card:front-right")
        two.set_alias("FL")
        wanted = {("mixture_L", two.name), ("mixture_R", one.name)}
        assert driver.wanted_connections(ports) == wanted
        assert all(map(driver.connect, wanted))
        until(lambda: driver.connections() == wanted, 5, "both are connected")
        assert driver.renamed == ()
        before, two.shortname = two.name, "main"
        until(lambda: driver.connections() and driver.renamed, 5, "the new name")
        assert driver.renamed == (("mixture_L", before, "card:main"),)
        assert driver.wanted_connections(ports) == {("mixture_L", "card:main"), ("mixture_R", one.name)}
        three = card.outports.register("capture_3")
        card.set_property(three.uuid, jack.METADATA_PRETTY_NAME, "Front Left", "text/plain")
        driver.settings = JackSettings("stemfield", server.name, connect_inputs=("card:*_1", "card:*_3"))
        assert ("mixture_L", three.name) in driver.wanted_connections(ports)
        assert driver.disconnect(("mixture_L", "card:main"))
        until(lambda: driver.connections() == {("mixture_R", one.name)}, 5, "it is gone")


def test_no_server_is_an_error_that_names_it():
    with pytest.raises(JackError, match="server 'nobody-runs-this' is not there"):
        JackDriver(JackSettings(server_name="nobody-runs-this"))
