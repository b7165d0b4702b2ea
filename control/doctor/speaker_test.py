"""The safe speaker test: one port of the sound card plays noise in bursts of two seconds, for a minute at most.

The sounds are those of `/speaker/{label}/noise`: fixed in level and length, and limited. If this process is killed,
they end by themselves. As nobody knows yet what is connected to a port, noises for loudspeaker and subwoofer alternate.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stemfield.control.config.free_ports import Claims
from stemfield.control.dialects.osc import Message, encode
from stemfield.control.doctor.processes import next_line, wait_or_kill
from stemfield.control.doctor.speaker_test_daemon import CLIENT, READY
from stemfield.control.network.client import request
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers import libjack
from stemfield.renderer.drivers.libjack import jack

START_S: Final = 120.0
"""Timeout of the start; the first start ever compiles the audio code."""
STOP_S: Final = 5.0
NOISE_S: Final = 1.0
"""Length of the noise that one message plays."""
BURST_S: Final = 2.0
PAUSE_S: Final = 1.0
LONGEST_S: Final = 60.0
HOST: Final = "127.0.0.1"


class SpeakerTestError(OSError):
    """The test cannot play; the message is one line."""


class SpeakerTest:
    """Plays noise on one port at a time, within a `with` block.

    Args:
        layout: layout that defines the sounds.
        name: name by which it is loaded.
        folders: folders with the user's layouts.
        server: name of the JACK server; None for the default one.

    Raises:
        SpeakerTestError: the server refuses the client.
    """

    def __init__(self, layout: Layout, name: str, folders: Sequence[Path], server: str | None) -> None:
        full = [speaker.label for speaker in layout.speakers if not speaker.lfe]
        low = [speaker.label for speaker in layout.speakers if speaker.lfe]
        self._voices = [*full[:1], *low[:1]]
        """One loudspeaker for each kind of noise."""
        self._name = name
        self._folders = folders
        self._server = server
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._port = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stemfield-test-"))
            self._osc = stack.enter_context(closing(Claims())).take(0, socket.SOCK_DGRAM, (HOST,))
            command = [sys.executable, "-P", "-m", "stemfield.control.doctor.speaker_test_daemon", str(os.getpid())]
            self._daemon = subprocess.Popen(
                [*command, self._name, self._server or "", str(self._osc), folder, *map(str, self._folders)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt must reach only this process, which then stops the child
            )
            stack.callback(self._end_daemon)
            if not self._is_ready():
                raise SpeakerTestError("the speaker test does not start: see `stemfield doctor`")
            libjack.say_nothing()
            try:
                self._client = jack.Client("stemfield-connect", no_start_server=True, servername=self._server)
            except jack.JackOpenError as error:
                raise SpeakerTestError("the JACK server is gone") from error
            stack.callback(self._client.close)
            stack.callback(self.stop)
            self._ends = stack.pop_all()
        return self

    def _is_ready(self) -> bool:
        end_s = time.monotonic() + START_S
        while lines := next_line(self._daemon, end_s - time.monotonic()):
            if READY.encode() in lines:
                return True
        return False

    def play(self, port: str) -> None:
        """Play on a port, in place of the one before, until `stop` or for a minute.

        Raises:
            SpeakerTestError: the port does not exist any more.
        """
        self.stop()
        try:
            for voice in self._voices:
                self._client.connect(f"{CLIENT}:{voice}", port)
        except jack.JackError as error:
            raise SpeakerTestError(f"{port}: cannot be connected") from error
        self._port = port
        self._stop.clear()
        self._thread = threading.Thread(target=self._burst, name="bursts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop playing at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for voice in self._voices:
            self._send(voice, on=False)
        port, self._port = self._port, ""
        if port:
            for voice in self._voices:
                try:
                    self._client.disconnect(f"{CLIENT}:{voice}", port)
                except jack.JackError:
                    continue  # disconnected already, or the server is gone

    def _burst(self) -> None:
        end_s = time.monotonic() + LONGEST_S
        while True:
            for voice in self._voices:
                for _ in range(round(BURST_S / NOISE_S)):
                    if time.monotonic() > end_s:
                        return
                    self._send(voice, on=True)
                    if self._stop.wait(NOISE_S):
                        return
                if self._stop.wait(PAUSE_S):
                    return

    def _send(self, voice: str, *, on: bool) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(encode(f"/speaker/{voice}/noise", "T", (on,)), (HOST, self._osc))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()

    def _end_daemon(self) -> None:
        assert self._daemon.stdout is not None
        self._daemon.terminate()
        wait_or_kill(self._daemon, STOP_S)
        self._daemon.stdout.close()


@contextmanager
def muted_daemon(host: str, port: int) -> Iterator[None]:
    """Mute the running daemon, if there is one that is not muted."""

    def mute(*on: bool) -> list[Message]:
        return list(request([encode("/master/mute", "T" if on else "", on)], host, port))

    plays = False
    with suppress(OSError):  # there is none
        plays = not any(answer.arguments == [True] for answer in mute() if answer.address == "/master/mute")
    try:
        if plays:
            with suppress(OSError):
                mute(True)
        yield
    finally:
        if plays:
            with suppress(OSError):  # it is gone
                mute(False)
