"""Scenes on disk: the current one, saved as it changes, and the named ones.

A file is written under a temporary name, synced and renamed, so that after a power failure there is either the old file
or the new one. If the disk is full, the current scene goes into a journal whose space was reserved before.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from stemfield.control.faults import cause, log_fault
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.names import file_stem, name_of, valid_name
from stemfield.control.scenes.file import (
    MAX_BYTES,
    NewerSceneError,
    SceneFileError,
    saved_scene,
    scene_data,
    scene_to_dict,
)
from stemfield.control.scenes.journal import MAX_CONTENT, Journal
from stemfield.layouts.plain_data import PlainDataError, decode, read_file, without_waiting
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.scene.scene import Scene


class SceneStore:
    """The scenes in one folder, which is created on the first write."""

    def __init__(self, folder: Path, context: Context) -> None:
        self.folder = folder
        self._context = context
        self._present = folder / "scene.json"
        self._named = folder / "scenes"
        self._journal_file = folder / "scene.journal"
        self._journal = Journal(self._journal_file)
        self._journalled = self._written = b""
        self._writing = threading.Lock()

    def load(self) -> tuple[Scene, tuple[str, ...]]:
        """The scene that was saved last, or the default scene, and the problems.

        A broken file is renamed to `scene.json.broken-1`, one of a newer version to `scene.json.newer-1`; one that
        could only be used in part is copied to `scene.json.kept`.
        """
        problems: list[str] = []
        for path, read, instead in (
            (self._journal_file, self._read_journal, f"{self._present.name} is used"),
            (self._present, partial(_content_of, self._present), "the default scene is used"),
        ):
            try:
                content = read()
                if content is None:
                    continue
                scene, own = self._scene_of(content, path)
            except SceneFileError as error:
                problems += [f"{path}: {problem}" for problem in error.problems]
                problems.append(f"{path}: {_renamed(path, error)}; {instead}")
                continue
            problems += [f"{path}: {problem}" for problem in own]
            if own:
                problems.append(self._copy(content))
            if path == self._journal_file:
                self._journalled = content
            return scene, tuple(problems)
        return self._context.defaults, tuple(problems)

    def prepare(self) -> None:
        """Reserve space for the journal, in case the disk gets full.

        Raises:
            OSError: no space, or the folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal.reserve()

    def save(self, scene: Scene) -> str:
        """Write the current scene.

        Returns:
            Why it was only written to the journal, or nothing.

        Raises:
            OSError: the journal could not be written either.
        """
        content = self._content(scene)
        if content == self._written and not self._journalled:
            return ""  # head rotation is not stored, and memory cards wear out
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
        """The names of the saved scenes, sorted."""
        return tuple(sorted(name for path in self._named.glob("*.json") if (name := name_of(path.stem))))

    def save_named(self, name: str, scene: Scene) -> None:
        """Save a scene under a name; an existing file that is not a scene is renamed, not overwritten.

        Raises:
            RefusedError: invalid name.
            OSError: see `save`.
        """
        path, content = self._path(name), self._content(scene)
        try:
            if (before := _content_of(path)) is not None:
                self._scene_of(before, path)
        except SceneFileError as error:
            _set_aside(path, error)
        self._write(path, content)

    def load_named(self, name: str, content: bytes | None = None) -> tuple[Scene, tuple[str, ...]]:
        """A saved scene, and the problems.

        Args:
            name: its name.
            content: result of `content_named`, in place of what is in the file now.

        Raises:
            RefusedError: invalid name, or no such scene.
            SceneFileError: its file is broken.
        """
        path = self._path(name)
        if content is None and (content := _content_of(path)) is None:
            raise self._no_scene(name)
        return self._scene_of(content, path)

    def remove_named(self, name: str) -> None:
        """Delete a saved scene.

        Raises:
            RefusedError: invalid name, or no such scene.
            OSError: its file cannot be removed.
        """
        try:
            self._path(name).unlink()
        except FileNotFoundError as error:
            raise self._no_scene(name) from error

    def content_named(self, name: str) -> bytes | None:
        """The content of a saved scene's file, valid or not; None if it cannot be read."""
        return _content_or_nothing(self._path(name))

    def restore_named(self, name: str, content: bytes) -> None:
        """Write the result of `content_named` back.

        Raises:
            OSError: see `save`.
        """
        self._write(self._path(name), content)

    def _no_scene(self, name: str) -> RefusedError:
        known = ", ".join((*self._context.presets, *self.names())) or "none, because no scene is saved yet"
        return RefusedError(f"no such scene: expected {known}, got {shown(name)}")

    def _path(self, name: str) -> Path:
        return self._named / f"{file_stem(valid_name(name))}.json"

    def _content(self, scene: Scene) -> bytes:
        """The content of a scene file. Raises OSError if it is too large to be read again."""
        tree = scene_to_dict(scene, self._context)
        content = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False).encode()
        if len(content) > MAX_CONTENT:
            content = json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        if len(content) > MAX_CONTENT:
            raise OSError(errno.EFBIG, f"expected at most {MAX_CONTENT} bytes of scene, got {len(content)}")
        return content

    def _write(self, path: Path, content: bytes) -> None:
        with self._writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            try:
                with open(beside, "wb", opener=without_waiting) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(path)
            except OSError:
                with suppress(OSError):
                    beside.unlink()  # half a file takes space
                raise
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _read_journal(self) -> bytes | None:
        try:
            return self._journal.read()
        except (PlainDataError, OSError) as error:
            raise SceneFileError(str(self._journal_file), (f"cannot be read: {cause(error)}",)) from error

    def _scene_of(self, content: bytes, path: Path) -> tuple[Scene, tuple[str, ...]]:
        """Raises SceneFileError."""
        try:
            text = decode(content)
        except PlainDataError as error:
            raise SceneFileError(str(path), (str(error),)) from error
        return saved_scene(scene_data(text, str(path)), self._context, str(path))

    def _copy(self, content: bytes) -> str:
        """Copy a file whose unused parts the next save would lose."""
        path = self._present.with_name(f"{self._present.name}.kept")
        try:
            if os.path.lexists(path) and _content_or_nothing(path) != content:
                path.replace(_free(path, ""))
            self._write(path, content)
        except OSError as error:
            return f"{path}: cannot be written: {error.strerror}; the unused parts are lost with the next change"
        return f"{self._present}: a copy is saved as {path.name}"


def _content_of(path: Path) -> bytes | None:
    """The content of a scene file; None if it does not exist. Raises SceneFileError."""
    try:
        return read_file(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except PlainDataError as error:
        raise SceneFileError(str(path), (str(error),)) from error
    except OSError as error:
        raise SceneFileError(str(path), (f"cannot be read: {error.strerror}",)) from error


def _content_or_nothing(path: Path) -> bytes | None:
    try:
        return _content_of(path)
    except SceneFileError:
        return None


def _renamed(path: Path, error: SceneFileError) -> str:
    try:
        return f"renamed to {_set_aside(path, error)}"
    except OSError as failed:
        return f"cannot be renamed: {failed.strerror}"


def _set_aside(path: Path, error: SceneFileError) -> str:
    """Rename a file that cannot be used, and return its new name. Raises OSError."""
    kind = "newer" if isinstance(error, NewerSceneError) else "broken"
    free = _free(path, f"{kind}-")
    path.replace(free)
    return free.name


def _free(path: Path, ending: str) -> Path:
    """The first free name beside a file, with a number after its ending."""
    names = (path.with_name(f"{path.name}.{ending}{number}") for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


class Saver:
    """Saves the current scene at a limited rate, in a thread, so that the loop never waits for the disk.

    Failed saves are retried, because a disk may get free space at any time.

    Args:
        store: where the scene is saved.
        report: called when saving starts to fail, and when it works again.
        interval_s: minimum time between two writes.
        again_s: time after which a failed write is retried.
    """

    def __init__(
        self, store: SceneStore, report: Callable[[str], Any], interval_s: float = 0.5, again_s: float = 5.0
    ) -> None:
        self._store = store
        self._report = report
        self._interval_s = interval_s
        self._again_s = again_s
        self._offered: Scene | None = None
        self._fresh = asyncio.Event()
        """Set while the offered scene has not been tried yet."""
        self._failing = ""
        """Why saving fails at present."""
        self._task: asyncio.Task[None] | None = None

    def offer(self, scene: Scene) -> None:
        """Save this scene soon, unless a newer one is offered before."""
        self._offered = scene
        self._fresh.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Save the last scene now, or report that it is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._save()
        if self._offered is not None:
            self._report(f"{self._store.folder}: the last changes are not saved: {self._failing}")

    async def _run(self) -> None:
        while self._offered is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._again_s):
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
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            # A thread cannot be stopped; what it writes is older than what `close` will write.
            await asyncio.wait([writing])
            self._offered = self._offered or scene
            raise
        problem = ""
        if (error := writing.exception()) is not None:  # of any type: the next scene may be valid
            if not isinstance(error, OSError):
                log_fault("the scene cannot be saved", error)
            problem = f"the scene cannot be saved: {cause(error)}"
        elif reason := writing.result():
            problem = f"the scene is saved in its journal only: {reason}"
        if problem:
            self._offered = self._offered or scene
        if problem != self._failing:
            self._report(f"{self._store.folder}: {problem or 'the scene is saved again'}")
        self._failing = problem
