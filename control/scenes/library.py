"""Scenes by name: saved ones and presets. And the history for undo and redo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from stemfield.control.faults import cause
from stemfield.control.parameters.names import valid_name
from stemfield.control.parameters.recall import undone
from stemfield.control.scenes.file import SceneFileError
from stemfield.control.scenes.presets import FORMER_NAMES
from stemfield.control.scenes.store import SceneStore
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import Scene

MAX_SCENES = 512
"""Maximum number of saved scenes."""
MAX_NAMES_BYTES = 60_000
"""Maximum size of all names together, so that a list of them fits into one reply."""
MAX_WAITING = 16
"""Maximum number of scenes that wait for the disk."""
MAX_STEPS = 100
PAUSE_S = 0.7
"""Changes in quicker succession are one step: a drag is undone as a whole."""


Content = Scene | bytes
"""A saved scene, or the content of its file."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A saved scene that was overwritten or deleted: before and after; None is no scene."""

    name: str
    before: Content | None
    after: Content | None


Step = Scene | Rewrite
"""What is undone: a change of the current scene, or of a saved one."""


class SceneLibrary:
    """Scenes by name. A saved scene hides the preset of its name; without a store none can be saved."""

    def __init__(self, store: SceneStore | None, presets: Mapping[str, Scene]) -> None:
        self._store = store
        self._presets = presets
        self._saving: set[asyncio.Task[None]] = set()
        self._unwritten: dict[str, Content] = {}
        self._in_turn = asyncio.Lock()
        self._present = ""
        self._as_saved: Scene | None = None
        """The current scene as it was loaded or saved; None once the saved one has changed."""
        self._saved = set(store.names()) if store is not None else set()
        self._peeked: dict[str, Scene] = {}

    def names(self) -> tuple[str, ...]:
        """Every name, presets first."""
        return (*self._presets, *sorted(self._saved - self._presets.keys()))

    @property
    def current(self) -> str:
        """The name that was loaded or saved last, unless that scene no longer exists."""
        known = (*self._presets, *self._saved, *self._unwritten)
        return self._present if self._present in known else ""

    def mark(self, name: str, scene: Scene) -> None:
        """Note that the current scene was loaded or saved."""
        self._present, self._as_saved = self._known(name), scene

    def is_changed(self, scene: Scene) -> bool:
        """Whether a scene differs from the one that was loaded or saved last.

        Head rotation, recall settings and comparison, which loading does not change, do not count.
        """
        saved = self._as_saved
        if saved is scene or not self.current:
            return False
        return saved is None or replace(undone(scene, saved), head=scene.head, recall=scene.recall) != scene

    def load(self, name: str) -> tuple[Scene, tuple[str, ...]]:
        """A scene, and the problems. Read synchronously, so that the rest of a bundle applies to it.

        Raises:
            RefusedError: no such scene, or its file is broken.
        """
        name = self._known(name)
        self._peeked.pop(name, None)
        return self._read(name)

    def peek(self, name: str) -> Scene:
        """The scene that `load` will return; its file is read once.

        Raises:
            RefusedError: see `load`.
        """
        name = self._known(name)
        if name not in self._peeked:
            self._peeked[name], _ = self._read(name)
        return self._peeked[name]

    def save(self, name: str, scene: Scene, failed: Callable[[str], None]) -> Rewrite | None:
        """Save a scene; a thread waits for the disk, and if it cannot be saved, `failed` is called with the reason.

        Returns:
            What undoes it, if another scene had this name.

        Raises:
            RefusedError: invalid name, no folder, or too many scenes.
        """
        name = valid_name(name)
        known = self._saved | self._unwritten.keys()
        if name not in known and len(known) >= MAX_SCENES:
            raise RefusedError(f"expected at most {MAX_SCENES} saved scenes: delete another one")
        if name not in known and sum(len(each.encode()) + 4 for each in (*known, name)) > MAX_NAMES_BYTES:
            raise RefusedError(f"expected at most {MAX_NAMES_BYTES} bytes for the names of all scenes")
        before = self._content(name)
        self._write(name, scene, failed)
        self.mark(name, scene)
        return None if before is None else Rewrite(name, before, scene)

    def restore(self, name: str, content: Content | None, failed: Callable[[str], None]) -> None:
        """Restore a saved scene, or delete it.

        Raises:
            RefusedError: see `save` and `delete`.
        """
        if content is None:
            self.delete(name)
        else:
            self._write(name, content, failed)
        if name == self._present and content is not self._as_saved:
            self._as_saved = content if isinstance(content, Scene) else None

    def _content(self, name: str) -> Content | None:
        return self._unwritten.get(name) or self._folder().content_named(name)

    def _write(self, name: str, content: Content, failed: Callable[[str], None]) -> None:
        store = self._folder()
        if len(self._saving) >= MAX_WAITING:
            raise RefusedError(f"expected at most {MAX_WAITING} scenes waiting for the disk")
        self._unwritten[name] = content
        write: Callable[..., None] = store.save_named if isinstance(content, Scene) else store.restore_named

        async def save() -> None:
            async with self._in_turn:  # of two with one name the later one must win
                writing = asyncio.get_running_loop().run_in_executor(None, write, name, content)
                await asyncio.wait([writing])
            if self._unwritten.get(name) is content:
                del self._unwritten[name]
            if (error := writing.exception()) is not None:
                failed(f"{name}: {cause(error)}")
            else:
                self._saved.add(name)
                self._peeked.clear()

        task = asyncio.get_running_loop().create_task(save())
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    def delete(self, name: str) -> Rewrite:
        """Delete a saved scene, and return what undoes that.

        Raises:
            RefusedError: no such scene, or its file cannot be removed yet or at all.
        """
        name = valid_name(name)
        if name in self._unwritten:
            raise RefusedError(f"{name}: is waiting for the disk")
        before = self._content(name)
        try:
            self._folder().remove_named(name)
        except OSError as error:
            raise RefusedError(f"{name}: {error.strerror}") from error
        self._saved.discard(name)
        self._peeked.clear()
        return Rewrite(name, before, None)

    async def close(self) -> None:
        """Finish saving."""
        if self._saving:
            await asyncio.wait(self._saving)

    def _known(self, name: str) -> str:
        """The name of a scene, for that of a preset in an older version too, unless a scene is saved under it.

        Raises:
            RefusedError: no valid name.
        """
        name = valid_name(name)
        present = FORMER_NAMES.get(name, name)
        return name if name in self._saved or name in self._unwritten or present not in self._presets else present

    def _read(self, name: str) -> tuple[Scene, tuple[str, ...]]:
        unwritten = self._unwritten.get(name)
        if isinstance(unwritten, Scene):
            return unwritten, ()
        if unwritten is None and name in self._presets and name not in self._saved:
            return self._presets[name], ()
        try:
            return self._folder().load_named(name, unwritten)
        except SceneFileError as error:
            raise RefusedError("; ".join(error.problems)) from error

    def _folder(self) -> SceneStore:
        if self._store is None:
            raise RefusedError("no folder for scenes")
        return self._store


class History:
    """Up to 100 steps of undo and redo: changes of the current scene, and of saved ones."""

    def __init__(self) -> None:
        self._before: list[Step] = []
        self._after: list[Step] = []
        self._last_s = float("-inf")

    def note(self, before: Scene, now_s: float) -> None:
        """Note that the current scene is about to change, at a monotonic time."""
        if now_s - self._last_s > PAUSE_S:
            self._before = [*self._before[-MAX_STEPS + 1 :], before]
            self._after.clear()
        self._last_s = now_s

    def rewritten(self, step: Rewrite) -> None:
        """Note that a saved scene was overwritten or deleted."""
        self._before = [*self._before[-MAX_STEPS + 1 :], step]
        self._after.clear()
        self.end_step()

    def end_step(self) -> None:
        """Begin a new step, however soon the next change comes."""
        self._last_s = float("-inf")

    def undo(self, present: Scene) -> Step:
        """The scene before the last step, or the saved scene that it changed.

        Raises:
            RefusedError: nothing to undo.
        """
        return self._step(present, self._before, self._after, "undo")

    def redo(self, present: Scene) -> Step:
        """The scene before the last undo, or the saved scene that it restored.

        Raises:
            RefusedError: nothing to redo.
        """
        return self._step(present, self._after, self._before, "redo")

    def _step(self, present: Scene, source: list[Step], target: list[Step], what: str) -> Step:
        if not source:
            raise RefusedError(f"nothing to {what}")
        step = source.pop()
        target.append(step if isinstance(step, Rewrite) else present)
        self.end_step()
        return step
