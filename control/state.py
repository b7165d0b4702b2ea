"""Scenes on disk: the present one, saved as it changes, and the named ones.

A file is written beside its place, forced to the disk and renamed, so that whenever the power goes there is either
the old file or the new one. Where the disk is full, the present scene goes into a journal whose room was taken before.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from stemfield.control.arguments import shown
from stemfield.control.commands import RefusedError
from stemfield.control.journal import Journal
from stemfield.control.parameters import SCENE_NAME
from stemfield.control.scene_file import SceneFileError, read_data, scene_from_dict, scene_to_dict
from stemfield.control.venue import Venue
from stemfield.renderer.scene import Scene

AGAIN_S = 5.0
"""How long after it failed to save a scene it is tried again."""
_MAX_BROKEN = 9


class SceneStore:
    """The scenes in one folder.

    Args:
        folder: is made when something is first written there.
        venue: what there is.
    """

    def __init__(self, folder: Path, venue: Venue) -> None:
        self.folder = folder
        self._venue = venue
        self._present = folder / "scene.json"
        self._named = folder / "scenes"
        self._journal = Journal(folder / "scene.journal")
        self._journalled = self._written = b""
        self._writing = threading.Lock()

    def load(self) -> tuple[Scene, tuple[str, ...]]:
        """The scene as it was saved last, and what of it could not be used.

        Where there is none it is the default scene. A broken file is set aside as `scene.json.broken-1` (to 9).
        """
        kept = self._journal.read()
        if kept is not None:
            self._journalled = kept
            scene, problems = scene_from_dict(json.loads(kept), self._venue)
            return scene, tuple(f"{self.folder / 'scene.journal'}: {problem}" for problem in problems)
        try:
            scene, problems = scene_from_dict(read_data(self._present), self._venue)
        except FileNotFoundError:
            return self._venue.defaults, ()
        except SceneFileError as error:
            return self._venue.defaults, (*error.problems, self._set_aside())
        return scene, tuple(f"{self._present}: {problem}" for problem in problems)

    def prepare(self) -> None:
        """Take the room that a full disk will not give.

        Raises:
            OSError: there is none, or the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal.reserve()

    def save(self, scene: Scene) -> str:
        """Write the present scene.

        Returns:
            Why it could only be journalled, or nothing.

        Raises:
            OSError: it could not even be that.
        """
        content = self._content(scene)
        if content == self._written and not self._journalled:
            return ""  # a head that turns is no part of it, and memory cards wear out
        self._written = b""
        try:
            self._write(self._present, content)
        except OSError as error:
            try:
                if content != self._journalled:
                    with self._writing:
                        self._journal.write(content)
            except OSError:
                raise error from None
            self._journalled = content
            return error.strerror or str(error)
        if self._journalled:
            self._journal.clear()
            self._journalled = b""
        self._written = content
        return ""

    def names(self) -> tuple[str, ...]:
        """The names of the kept scenes, sorted."""
        found = (path.stem.replace("+", " ") for path in self._named.glob("*.json"))
        return tuple(sorted(name for name in found if SCENE_NAME.fullmatch(name)))

    def save_named(self, name: str, scene: Scene) -> None:
        """Keep a scene under a name.

        Raises:
            RefusedError: the name is not allowed.
            OSError: as `save`.
        """
        self._write(self._path(name), self._content(scene))

    def load_named(self, name: str) -> tuple[Scene, tuple[str, ...]]:
        """A kept scene, and what of it could not be used.

        Raises:
            RefusedError: the name is not allowed, or no scene has it.
            SceneFileError: its file is broken.
        """
        path = self._path(name)
        try:
            return scene_from_dict(read_data(path), self._venue)
        except FileNotFoundError as error:
            raise self._no_scene(name) from error

    def remove_named(self, name: str) -> None:
        """Forget a kept scene.

        Raises:
            RefusedError: the name is not allowed, or no scene has it.
            OSError: its file cannot be removed.
        """
        try:
            self._path(name).unlink()
        except FileNotFoundError as error:
            raise self._no_scene(name) from error

    def check_name(self, name: str) -> None:
        """Refuse a name that is not 1 to 64 of A-Z a-z 0-9, space, _ and -."""
        if not SCENE_NAME.fullmatch(name):
            raise RefusedError(f"{shown(name)}: allowed 1 to 64 of A-Z a-z 0-9, space, _ and -")

    def _no_scene(self, name: str) -> RefusedError:
        known = ", ".join((*self._venue.presets, *self.names())) or "none is kept yet"
        return RefusedError(f"{shown(name)}: no such scene: allowed {known}")

    def _path(self, name: str) -> Path:
        self.check_name(name)
        return self._named / f"{name.replace(' ', '+')}.json"

    def _content(self, scene: Scene) -> bytes:
        tree = scene_to_dict(scene, self._venue)
        return json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False).encode()

    def _write(self, path: Path, content: bytes) -> None:
        with self._writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            try:
                with beside.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(path)
            except OSError:
                with suppress(OSError):
                    beside.unlink()  # half a file takes room that others need
                raise
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _set_aside(self) -> str:
        names = [f"{self._present.name}.broken-{n}" for n in range(1, _MAX_BROKEN + 1)]
        free = next((n for n in names if not (self.folder / n).exists()), names[-1])
        try:
            self._present.replace(self.folder / free)
        except OSError as error:
            return f"{self._present}: cannot be set aside: {error.strerror}; the default scene is used"
        return f"{self._present}: set aside as {free}; the default scene is used"


class Saver:
    """Saves the present scene at most once in a while, in a thread, so that the loop never waits for the disk.

    What fails is tried again: a disk gets room without anybody touching the scene.

    Args:
        store: where to.
        report: is told when saving begins to fail, and when it works again.
        interval_s: the least time between two writes.
    """

    def __init__(self, store: SceneStore, report: Callable[[str], Any], interval_s: float = 0.5) -> None:
        self._store = store
        self._report = report
        self._interval_s = interval_s
        self._offered: Scene | None = None
        self._fresh = asyncio.Event()
        """Whether what is offered was not tried before."""
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def offer(self, scene: Scene) -> None:
        """Save this scene soon, unless a later one is offered before."""
        self._offered = scene
        self._fresh.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Save what was offered last, now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._save()

    async def _run(self) -> None:
        while self._offered is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._fresh.wait()
            await asyncio.sleep(self._interval_s)
            await self._save()

    async def _save(self) -> None:
        scene, self._offered = self._offered, None
        self._fresh.clear()
        if scene is None:
            return
        writing = asyncio.get_running_loop().run_in_executor(None, self._store.save, scene)
        try:
            reason = await asyncio.shield(writing)
        except OSError as error:
            self._complain(f"the scene cannot be saved: {error.strerror}", scene)
        except asyncio.CancelledError:
            # A thread cannot be stopped: what it writes is older than what `close` will.
            await asyncio.wait([writing])
            self._offered = self._offered or scene
            raise
        else:
            if reason:
                self._complain(f"the scene is kept in its journal only: {reason}", scene)
            elif self._failing:
                self._report(f"{self._store.folder}: the scene is saved again")
                self._failing = False

    def _complain(self, text: str, scene: Scene) -> None:
        self._offered = self._offered or scene
        if not self._failing:
            self._report(f"{self._store.folder}: {text}")
        self._failing = True
