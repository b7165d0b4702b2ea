"""Scenes that come back with the music that they belong to."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from stemfield.control.hub.build import build_hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import AssignScene, LoadScene, SaveScene
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.playing.scenes import FILE, MusicScenes
from stemfield.control.scenes.store import SceneStore
from stemfield.control.status import NOTHING_PLAYS, Track
from stemfield.layouts.problems import RefusedError

BLUE, KIND = Track("So", "Miles", "Blue", "MPD"), Track("All", "Miles", "Kind of", "MPD")
FILM = Track("Film", "", "", "Firefox")
HAND = Peer("127.0.0.1", 1, lambda *_: None, "osc")


class Desk:
    """A hub, and music that a test plays."""

    def __init__(self, context, folder):
        self.track = NOTHING_PLAYS
        self.hub = build_hub(context.defaults, context, SceneStore(folder, context))
        self.music = MusicScenes(folder, self.hub, lambda: self.track)

    def play(self, track):
        self.track = track
        self.music.changed()
        return self.hub.library.current

    def do(self, *commands):
        self.hub.perform(commands, HAND)

    def gain(self, gain_db):
        self.do(SetParameter("/object/vocals/gain", (gain_db,)))

    @property
    def vocals_db(self):
        return self.hub.scene.objects[0].level

    async def written(self):
        if self.music._writing is not None:
            await self.music._writing


@pytest.fixture
def desk(context, tmp_path):
    @asynccontextmanager
    async def opened():
        one = Desk(context, tmp_path)
        try:
            yield one
            await one.written()
        finally:
            await one.hub.close()

    return opened


def test_a_record_brings_its_scene_back_after_a_restart_too(desk):
    async def scenario():
        async with desk() as one:
            one.play(BLUE)
            one.gain(-6.0)
            one.do(SaveScene("near"), AssignScene("album"))
            one.play(KIND)
            one.gain(0.0)
            one.do(SaveScene("far"), AssignScene("artist"), SetParameter("/scene/follow", (True,)))
            assert one.play(BLUE) == "near"
            assert one.vocals_db == pytest.approx(10 ** (-6 / 20))
            assert one.play(KIND) == "far", "the artist's scene, where the album has none"
            assert one.music.scene == "far"
            await one.written()
        async with desk() as one:
            one.do(SetParameter("/scene/follow", (True,)))
            assert one.play(BLUE) == "near"
            assert one.play(FILM) == "near", "music without a scene changes nothing"
            assert one.play(KIND) == "far"

    asyncio.run(scenario())


def test_nobody_is_fought(desk):
    async def scenario():
        async with desk() as one:
            one.play(BLUE)
            one.do(SaveScene("near"), AssignScene("album"))
            one.play(FILM)
            one.gain(-3.0)
            one.play(BLUE)
            assert one.vocals_db != 1.0, "following is off"
            one.do(SetParameter("/scene/follow", (True,)))
            one.play(FILM)
            one.play(BLUE)
            assert one.vocals_db == 1.0
            one.gain(-3.0)
            one.play(NOTHING_PLAYS)
            one.play(Track("Next", "Miles", "Blue", "MPD"))
            assert one.vocals_db != 1.0, "a pause and the next track of the record change nothing"
            one.do(LoadScene("near"), SetParameter("/scene/follow", (True,)))
            assert one.hub.scene.recall.follow, "loading a scene does not end it"

    asyncio.run(scenario())


def test_what_is_unknown_or_broken_is_refused_and_nothing_is_lost(desk, tmp_path, caplog):
    async def scenario():
        async with desk() as one:
            one.play(FILM)
            for kind, says in (
                ("albums", "did you mean album"),
                ("album", "no known album"),
                ("source", "save this one"),
            ):
                with pytest.raises(RefusedError, match=says):
                    one.music._assign(kind)
            one.do(SaveScene("film"), AssignScene("source"))
            await one.written()
            assert json.loads((tmp_path / FILE).read_text()) == {"source": {"firefox": "film"}}
            (tmp_path / FILE).write_text('{"album": {"a": 5}}')
        async with desk() as one:
            assert FILE in caplog.text
            assert one.play(FILM) == ""
            one.music._scenes = {"source": {"firefox": "gone"}}
            one.do(SetParameter("/scene/follow", (True,)))
            one.play(BLUE)
            assert one.play(FILM) == "", "a scene that was deleted is not loaded"

    asyncio.run(scenario())
