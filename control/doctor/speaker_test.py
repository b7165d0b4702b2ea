"""The safe speaker test: one port of the sound card plays noise in bursts of two seconds, for a minute at most.

The sounds are those of `/speaker/{label}/noise`: fixed in level and length, and limited. If this process is killed,
they end by themselves. As nobody knows yet what is connected to a port, noises for loudspeaker and subwoofer alternate.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import jack

from stemfield.control.config.free_ports import Claims
from stemfield.control.dialects.osc import encode
from stemfield.control.doctor.speaker_test_daemon import CLIENT, READY
from stemfield.control.network.client import request
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers import libjack

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
        self._folder = tempfile.TemporaryDirectory(prefix="stemfield-test-")
        self._ports = Claims()
        self._osc = self._ports.take(0, socket.SOCK_DGRAM, (HOST,))
        command = [sys.executable, "-P", "-m", "stemfield.control.doctor.speaker_test_daemon", str(os.getpid())]
        self._daemon = subprocess.Popen(
            [*command, self._name, self._server or "", str(self._osc), self._folder.name, *map(str, self._folders)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt must reach only this process, which then stops the child
        )
        try:
            if not self._is_ready():
                raise SpeakerTestError("the speaker test does not start: see `stemfield doctor`")
            libjack.say_nothing()
            self._client = jack.Client("stemfield-connect", no_start_server=True, servername=self._server)
        except jack.JackOpenError as error:
            self._end_daemon()
            raise SpeakerTestError("the JACK server is gone") from error
        except BaseException:  # also an interrupt, since the start takes a while
            self._end_daemon()
            raise
        return self

    def _is_ready(self) -> bool:
        assert self._daemon.stdout is not None
        end_s, text = time.monotonic() + START_S, b""
        while READY.encode() not in text:
            left_s = end_s - time.monotonic()
            if left_s <= 0.0 or not select.select([self._daemon.stdout], [], [], left_s)[0]:
                return False
            more = os.read(self._daemon.stdout.fileno(), 65_536)
            if not more:
                return False
            text += more
        return True

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
        try:
            self.stop()
            self._client.close()
        finally:
            self._end_daemon()

    def _end_daemon(self) -> None:
        self._ports.close()
        self._daemon.terminate()
        try:
            self._daemon.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        assert self._daemon.stdout is not None
        self._daemon.stdout.close()
        self._folder.cleanup()


class MutedDaemon:
    """Mutes the running daemon, if there is one, within a `with` block."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._was_muted = True

    def __enter__(self) -> Self:
        try:
            answers = list(request([encode("/master/mute", "", ())], *self._to))
        except OSError:
            return self
        self._was_muted = any(answer.arguments == [True] for answer in answers if answer.address == "/master/mute")
        try:
            self._mute(True)
        except BaseException:
            self._mute(False)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._mute(False)

    def _mute(self, on: bool) -> None:
        if self._was_muted:
            return
        try:
            list(request([encode("/master/mute", "T", (on,))], *self._to))
        except OSError:
            return  # it is gone
