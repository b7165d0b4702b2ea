"""Records control and plays it back.

Every change is recorded, whatever its sender and dialect. A recording that plays is one more peer, of low rank: a
person can take an object out of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from stemfield.control.faults import Contained, cause
from stemfield.control.hub.capture import Capture
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters import actions
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.names import file_stem, name_of, valid_name
from stemfield.control.scenes.changes import Dirty
from stemfield.control.scenes.file import stored_changes
from stemfield.control.scenes.recording import (
    FADE,
    HEADER,
    MAX_BYTES,
    RecordingError,
    Step,
    capture_header,
    capture_path,
    encode_step,
    read_recording,
)
from stemfield.layouts.plain_data import without_waiting
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.files.part_file import clear_leavings
from stemfield.renderer.scene.scene import Scene

FLUSH_S = 1.0
MAX_RECORDINGS = 128
"""Maximum number of recordings: 8 GiB at their maximum size."""
MAX_WAITING = 16
"""Maximum number of recordings that wait for the disk."""
READ_AHEAD = 256
"""Number of steps that are read at once, and carried out without a break."""
_ROOM = ("/master/", "/speaker/", "/listener/", "/monitor/", "/scene/recall/")
"""Addresses that belong to the room: their changes are recorded, not their initial values."""
_NOT_CAPTURED = ("/master/", "/speaker/", "/monitor/", "/scene/recall/")
"""Addresses that do not affect objects; the position of the listener affects their directions."""


Work = Callable[[], Coroutine[Any, Any, None]]


class _ControlTrack:
    """The control part of a running recording; its time is that of the capture, or without one that of the loop."""

    def __init__(self, path: Path, hub: Hub, capture: Capture | None = None) -> None:
        self._path = path
        self._hub = hub
        self._scene = hub.scene
        begun_s = asyncio.get_running_loop().time()
        self._seconds = capture.seconds if capture else lambda: asyncio.get_running_loop().time() - begun_s
        self._lines: list[bytes] = []
        self._size = 0
        self._runs = True
        self._add(HEADER if capture is None else capture_header(self._scene))
        stays = _ROOM if capture is None else _NOT_CAPTURED
        for address, values in stored_changes(None, self._scene, hub.context):
            if not address.startswith(stays):
                self._add(encode_step(0.0, address, values))
        hub.listen(self._changed)

    def end(self) -> None:
        """Record the last changes, and stop."""
        if self._runs:
            self._runs = False
            self._hub.ignore(self._changed)
            self._note(self._hub.scene)

    async def write(self) -> None:
        """Write until it has ended.

        Raises:
            RecordingError: too long.
            OSError: it cannot be written.
        """
        mode: Literal["wb", "ab"] = "wb"
        try:
            while self._runs or self._lines:
                lines, self._lines = self._lines, []
                await asyncio.to_thread(self._append, mode, lines)
                mode = "ab"
                # In short steps, so that it ends soon.
                for _ in range(10):
                    if self._runs:
                        await asyncio.sleep(FLUSH_S / 10)
        finally:
            self.end()
        if self._size > MAX_BYTES:
            raise RecordingError(str(self._path), (f"expected at most {MAX_BYTES >> 20} MiB: it ends here",))

    def _changed(self, scene: Scene, dirty: Dirty) -> None:
        self._note(scene, dirty.fade_s)

    def _note(self, scene: Scene, fade_s: float = 0.0) -> None:
        at_s = self._seconds()
        if fade_s > 0.0:
            self._add(encode_step(at_s, FADE, (fade_s,)))
        for address, values in stored_changes(self._scene, scene, self._hub.context):
            self._add(encode_step(at_s, address, values))
        self._scene = scene
        if self._size > MAX_BYTES:
            self.end()

    def _add(self, line: str) -> None:
        self._lines.append(f"{line}\n".encode())
        self._size += len(self._lines[-1])

    def _append(self, mode: Literal["wb", "ab"], lines: Sequence[bytes]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, mode, opener=without_waiting) as file:
            file.write(b"".join(lines))


class Recorder:
    """Records or plays, one at a time.

    Args:
        folder: folder of the recordings; created with the first one.
        hub: owner of the scene.
        report: called with the reason if a recording ends by itself.
        engine: returns the engine that plays, or None.

    Attributes:
        state: what it is doing, such as `recording verse`; empty when idle.
    """

    def __init__(
        self, folder: Path, hub: Hub, report: Callable[[str], object], engine: Callable[[], Engine | None]
    ) -> None:
        self._folder = folder
        self._hub = hub
        self._report = report
        self._engine = engine
        self._ends: tuple[Callable[[], object], ...] = ()
        """What ends the current recording, capture or playing."""
        self._task: asyncio.Task[None] | None = None
        self._tasks: dict[asyncio.Task[None], Path] = {}
        """Unfinished tasks, with their files."""
        self.state = ""
        self._peer = Peer("playback", 0, lambda *_: None, "playback")
        self._names = {name for path in folder.glob("*.jsonl") if (name := name_of(path.stem))}
        clear_leavings(capture_path(folder, "").parent)
        hub.on(actions.Record, lambda command, _: self.record(valid_name(command.name)))
        hub.on(actions.Capture, lambda command, _: self.capture(valid_name(command.name)))
        hub.on(actions.Play, lambda command, _: self.play(valid_name(command.name)))
        hub.on(actions.DeleteRecording, lambda command, _: self.delete(valid_name(command.name)))
        hub.on(actions.Stop, lambda command, _: self.stop() if command.pressed else None)

    def names(self) -> tuple[str, ...]:
        """Names of the recordings, sorted."""
        return tuple(sorted(self._names))

    def record(self, name: str) -> None:
        """Stop, and start a recording, replacing one of the same name.

        Raises:
            RefusedError: invalid name, or too many recordings.
        """
        path = self._place(name)
        if name not in self._names and len(self._names) >= MAX_RECORDINGS:
            raise RefusedError(f"expected at most {MAX_RECORDINGS} recordings: /recorder/delete deletes one")
        self.stop()
        track = _ControlTrack(path, self._hub)
        self._ends = (track.end,)
        self._names.add(name)
        self._begin("recording", name, path, track.write)

    def capture(self, name: str) -> None:
        """Stop, and start a recording with the audio of every object, in a folder of its own.

        Raises:
            RefusedError: invalid name, nothing plays, or the file cannot be written or is being written; then the
                recorder does not stop.
        """
        path = capture_path(self._folder, self._place(name).stem)
        if path in self._tasks.values():
            raise RefusedError(f"{shown(name)} is being written: use another name, or /recorder/stop first")
        engine = self._engine()
        if engine is None:
            raise RefusedError("nothing is playing: there is no sound to capture")
        try:
            capture = Capture(engine, path.with_suffix(".wav"))
        except (AudioFileError, OSError) as error:
            raise RefusedError(str(error)) from error
        self.stop()
        track = _ControlTrack(path, self._hub, capture)
        self._ends = track.end, capture.stop
        self._begin("capturing", name, path, lambda: self._write(track, capture))

    def play(self, name: str) -> None:
        """Stop, and play a recording.

        Raises:
            RefusedError: invalid name, or no such recording.
        """
        path = self._known(name)
        self.stop()
        self._ends = (self._begin("playing", name, path, lambda: self._play(path)).cancel,)

    def delete(self, name: str) -> None:
        """Delete a recording, after what is still being written.

        Raises:
            RefusedError: invalid name, no such recording, or it is being recorded or played.
        """
        path = self._known(name)
        if self.state and self._task is not None and self._tasks.get(self._task) == path:
            raise RefusedError(
                f"{shown(name)}: {self.state.partition(' ')[0]} is still active: use /recorder/stop first"
            )
        self._names.discard(name)
        before = [task for task, of in self._tasks.items() if of == path]
        self._run("deleting", name, path, lambda: asyncio.to_thread(path.unlink, missing_ok=True), before)

    def stop(self) -> None:
        """Stop recording or playing; the rest of a recording is written in the background."""
        self.state = ""
        for end in self._ends:
            end()
        self._ends = ()

    async def close(self) -> None:
        """Stop, and wait until everything is written."""
        self.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, doing: str, name: str, path: Path, work: Work) -> asyncio.Task[None]:
        self._task = self._run(doing, name, path, work, tuple(self._tasks))
        self.state = f"{doing} {name}"
        return self._task

    def _run(
        self, doing: str, name: str, path: Path, work: Work, before: Sequence[asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        """Run work after other tasks."""

        async def run() -> None:
            if before:
                await asyncio.wait(before)
            try:
                with Contained() as fault:
                    await work()
                if (error := fault.error) is not None:
                    why = "; ".join(error.problems) if isinstance(error, RecordingError) else cause(error)
                    self._report(f"{doing} {name}: {why}")
            finally:
                if self._task is task:
                    self.state = ""

        task = asyncio.get_running_loop().create_task(run())
        self._tasks[task] = path
        task.add_done_callback(self._tasks.pop)
        return task

    async def _write(self, track: _ControlTrack, capture: Capture) -> None:
        """Write control and audio until both have ended; the audio file appears when the control is complete."""
        try:
            writing = asyncio.ensure_future(track.write())
            while capture.runs and not writing.done():
                await asyncio.sleep(FLUSH_S / 10)
            track.end()
            await writing
        finally:
            await asyncio.to_thread(capture.finish)
        if capture.problem:
            raise RecordingError("sound", (capture.problem,))

    def _known(self, name: str) -> Path:
        path = self._place(name)
        if name not in self._names:
            known = ", ".join(self.names()) or "none, because there is no recording"
            raise RefusedError(f"no such recording: expected {known}, got {shown(name)}")
        return path

    def _place(self, name: str) -> Path:
        """The file of this name; raises RefusedError if too many tasks are unfinished."""
        if len(self._tasks) >= MAX_WAITING:
            raise RefusedError(f"expected at most {MAX_WAITING} recordings waiting for the disk")
        return self._folder / f"{file_stem(name)}.jsonl"

    async def _play(self, path: Path) -> None:
        loop = asyncio.get_running_loop()
        begun_s, fade = loop.time(), (-1.0, 0.0)
        async with aclosing(_read(path)) as steps:
            async for step in steps:
                if (wait_s := begun_s + step.at_s - loop.time()) > 0.0:
                    await asyncio.sleep(wait_s)
                if step.address == FADE:
                    fade = step.at_s, float(step.values[0])
                    continue
                if step.at_s == fade[0]:  # for each step, because the loop may have run in between
                    self._hub.cross_fade(fade[1])
                self._hub.perform([SetParameter(step.address, step.values, "playback")], self._peer)


async def _read(path: Path) -> AsyncGenerator[Step, None]:
    """The steps of a recording, read in a thread in batches."""
    steps = read_recording(path)
    try:
        while True:
            reading = asyncio.get_running_loop().run_in_executor(None, _some, steps)
            try:
                read, error = await asyncio.shield(reading)
            except asyncio.CancelledError:
                await asyncio.wait([reading])  # a thread cannot be stopped, and it still uses the file
                raise
            for step in read:
                yield step
            if error is not None:
                raise error
            if not read:
                return
    finally:
        steps.close()


def _some(steps: Iterator[Step]) -> tuple[list[Step], OSError | RecordingError | None]:
    """The next steps, and the error that ended reading."""
    read: list[Step] = []
    try:
        read.extend(islice(steps, READ_AHEAD))
    except (OSError, RecordingError) as error:
        return read, error
    return read, None
