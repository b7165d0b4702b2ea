"""The scenes that have a name: those that were kept, and the presets of the room. And the way back: undo and redo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from stemfield.control.commands import RefusedError
from stemfield.control.faults import cause
from stemfield.control.scene_file import SceneFileError
from stemfield.control.state import SceneStore
from stemfield.renderer.scene import Scene

MAX_SCENES = 512
"""So many can be kept: their names fit into one answer."""
MAX_WAITING = 16
"""So many may wait for the disk."""
MAX_STEPS = 100
PAUSE_S = 0.7
"""Changes that follow one another more quickly are one step: a drag is undone as a whole."""


class SceneBook:
    """Scenes by name. A kept scene hides the preset of its name.

    Args:
        store: where scenes are kept; None keeps none.
        presets: the scenes that everybody has.
    """

    def __init__(self, store: SceneStore | None, presets: Mapping[str, Scene]) -> None:
        self._store = store
        self._presets = presets
        self._saving: set[asyncio.Task[None]] = set()
        self._unwritten: dict[str, Scene] = {}
        self._in_turn = asyncio.Lock()
        self.present = ""
        """The name that was loaded or saved last."""
        self._kept = set(store.names()) if store is not None else set()
        self._glanced: dict[str, Scene] = {}

    def names(self) -> tuple[str, ...]:
        """Every name, presets first."""
        return (*self._presets, *sorted(self._kept - self._presets.keys()))

    def load(self, name: str) -> tuple[Scene, tuple[str, ...]]:
        """A scene, and what of it could not be used: read at once, so that what follows in a bundle acts on it.

        Raises:
            RefusedError: there is none of this name, or its file is broken.
        """
        self._glanced.pop(name, None)
        loaded = self._read(name)
        self.present = name
        return loaded

    def glance(self, name: str) -> Scene:
        """The scene that `load` is going to give; its file is read once.

        Raises:
            RefusedError: as there.
        """
        if name not in self._glanced:
            self._glanced[name], _ = self._read(name)
        return self._glanced[name]

    def save(self, name: str, scene: Scene, failed: Callable[[str], None]) -> None:
        """Keep a scene; the disk is waited for in a thread.

        Args:
            name: of 1 to 64 characters.
            scene: as it is now.
            failed: is told why it could not be kept.

        Raises:
            RefusedError: the name is not allowed, there is no folder, or there are too many.
        """
        store = self._folder()
        store.check_name(name)
        known = self._kept | self._unwritten.keys()
        if name not in known and len(known) >= MAX_SCENES:
            raise RefusedError(f"{MAX_SCENES} scenes are kept: allowed no more")
        if len(self._saving) >= MAX_WAITING:
            raise RefusedError(f"{MAX_WAITING} scenes wait for the disk: allowed no more")
        self.present = name
        self._unwritten[name] = scene

        async def save() -> None:
            async with self._in_turn:  # of two of one name the later one has to stay
                writing = asyncio.get_running_loop().run_in_executor(None, store.save_named, name, scene)
                await asyncio.wait([writing])
            if self._unwritten.get(name) is scene:
                del self._unwritten[name]
            if (error := writing.exception()) is not None:
                failed(f"{name}: {cause(error)}")
            else:
                self._kept.add(name)
                self._glanced.clear()

        task = asyncio.get_running_loop().create_task(save())
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    def remove(self, name: str) -> None:
        """Forget a kept scene.

        Raises:
            RefusedError: there is none of this name, or its file cannot be removed yet or at all.
        """
        if name in self._unwritten:
            raise RefusedError(f"{name}: it waits for the disk")
        try:
            self._folder().remove_named(name)
        except OSError as error:
            raise RefusedError(f"{name}: {error.strerror}") from error
        self._kept.discard(name)
        self._glanced.clear()

    async def close(self) -> None:
        """Finish saving."""
        if self._saving:
            await asyncio.wait(self._saving)

    def _read(self, name: str) -> tuple[Scene, tuple[str, ...]]:
        if name in self._unwritten:
            return self._unwritten[name], ()
        if name in self._presets and name not in self._kept:
            return self._presets[name], ()
        try:
            return self._folder().load_named(name)
        except SceneFileError as error:
            raise RefusedError("; ".join(error.problems)) from error

    def _folder(self) -> SceneStore:
        if self._store is None:
            raise RefusedError("there is no folder for scenes")
        return self._store


class History:
    """The scenes before and after the present one, up to 100 steps back."""

    def __init__(self) -> None:
        self._before: list[Scene] = []
        self._after: list[Scene] = []
        self._last_s = float("-inf")

    def note(self, before: Scene, now_s: float) -> None:
        """A scene is about to be changed, at a monotonic time."""
        if now_s - self._last_s > PAUSE_S:
            self._before = [*self._before[-MAX_STEPS + 1 :], before]
            self._after.clear()
        self._last_s = now_s

    def part(self) -> None:
        """What comes next is a step of its own, however soon it comes."""
        self._last_s = float("-inf")

    def undo(self, present: Scene) -> Scene:
        """The scene before the last step.

        Raises:
            RefusedError: there is none.
        """
        return self._step(present, self._before, self._after, "undo")

    def redo(self, present: Scene) -> Scene:
        """The scene that the last undo left.

        Raises:
            RefusedError: there is none.
        """
        return self._step(present, self._after, self._before, "redo")

    def _step(self, present: Scene, source: list[Scene], target: list[Scene], what: str) -> Scene:
        if not source:
            raise RefusedError(f"nothing to {what}")
        target.append(present)
        self.part()
        return source.pop()
