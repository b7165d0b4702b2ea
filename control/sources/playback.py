"""A ring that a compiled JACK callback plays, with fades where it runs dry and where it goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum, auto
from typing import Any, Final

import jack
import llvmlite.binding
import numpy as np
from numba import carray, cfunc, njit, types

from stemfield.control.sources.formats import Audio
from stemfield.renderer.drivers import libjack
from stemfield.renderer.drivers.wanted_connections import Peer, matching
from stemfield.renderer.native.operations import as_address, as_pointer, load, load_acquire, store, store_release

llvmlite.binding.load_library_permanently(libjack.LIBJACK)
_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))

FADE_S: Final = 0.02
PORTS: Final = ("left", "right")
_MONOTONIC: Final = 1
_WAITING, _PLAYING, _FALLING = range(3)


class _Word(IntEnum):
    """What Python and the callback share."""

    WRITE = 0
    """Position after the newest frame."""
    READ = auto()
    """Position of the next frame to play."""
    CUT = auto()
    """Position at which another stream begins, which has nothing to do with the one before."""
    RING = auto()
    """Address of float32 (2, SIZE)."""
    SIZE = auto()
    PORTS = auto()
    """Address of two `jack_port_t*`."""
    STATE = auto()
    LEVEL = auto()
    """Fade, 0..FADE."""
    FADE = auto()
    TARGET = auto()
    """Frames with which it begins to play."""
    STARVED = auto()
    """How often it ran dry."""
    CLOCK_S = auto()
    CLOCK_NS = auto()
    """Monotonic time of the last callback."""


WRITE, READ, CUT, RING, SIZE, PORT, STATE, LEVEL, FADE, TARGET, STARVED, CLOCK_S, _ = map(int, _Word)
_WORDS: Final = len(_Word)


@njit(nogil=True)
def advance(words: Any, left: Any, right: Any, frames: int) -> None:
    """Plays the next frames of the ring into two buffers."""
    size, fade = words[SIZE], words[FADE]
    ring = carray(as_pointer(words[RING]), (2, size), np.float32)
    write = load_acquire(words.ctypes.data + 8 * WRITE)
    cut = load_acquire(words.ctypes.data + 8 * CUT)
    read, state, level = words[READ], words[STATE], words[LEVEL]
    for i in range(frames):
        if state == _WAITING:
            read = max(read, cut)
        held = (cut if read < cut else write) - read
        if state == _WAITING and held >= words[TARGET]:
            state = _PLAYING
        elif state == _PLAYING and held <= fade:
            state = _FALLING
            words[STARVED] += 1
        elif state == _FALLING and level == 0:
            state = _WAITING
        if state == _WAITING:
            left[i] = right[i] = np.float32(0.0)
            continue
        level = max(level - 1, 0) if state == _FALLING else min(level + 1, fade)
        gain = np.float32(0.5) - np.float32(0.5) * np.cos(np.float32(np.pi) * np.float32(level) / np.float32(fade))
        left[i] = gain * ring[0, read & (size - 1)]
        right[i] = gain * ring[1, read & (size - 1)]
        read += 1
    words[STATE], words[LEVEL] = state, level
    store_release(words.ctypes.data + 8 * READ, read)


def _process(frames: Any, argument: Any) -> Any:
    words = carray(argument, (_WORDS,), np.int64)
    ports = carray(as_pointer(words[PORT]), (2,), np.int64)
    left, right = _buffer(as_pointer(ports[0]), frames), _buffer(as_pointer(ports[1]), frames)
    if as_address(left) != 0 and as_address(right) != 0:  # otherwise a port is going away
        _clock_gettime(_MONOTONIC, as_pointer(words.ctypes.data + 8 * CLOCK_S))
        advance(words, carray(left, (frames,), np.float32), carray(right, (frames,), np.float32), np.int64(frames))
    return np.int32(0)


class Ring:
    """Frames on their way to the callback.

    Args:
        rate_hz: rate of the server.
        target_frames: frames with which it begins to play, more than a fade.
    """

    def __init__(self, rate_hz: int, target_frames: int) -> None:
        self.rate_hz = rate_hz
        self.target_frames = target_frames
        size = 1 << (8 * target_frames).bit_length()
        self._frames = np.zeros((2, size), np.float32)
        self._ports = np.zeros(2, np.int64)
        self.words = np.zeros(_WORDS, np.int64)
        """The callback's memory."""
        self.words[[RING, SIZE, PORT]] = self._frames.ctypes.data, size, self._ports.ctypes.data
        self.words[[FADE, TARGET]] = round(FADE_S * rate_hz), target_frames

    def held_frames(self) -> int:
        """Frames written and not yet played."""
        return int(self.words[WRITE]) - int(load(self.words.ctypes.data + 8 * READ))

    @property
    def starved(self) -> int:
        """How often it ran dry."""
        return int(self.words[STARVED])

    @property
    def is_playing(self) -> bool:
        """Whether it plays, and has no fade left."""
        return bool(self.words[STATE] == _PLAYING)

    def write(self, frames: Audio) -> None:
        """Appends frames, shape (n, 2); those that do not fit are lost."""
        write, size = int(self.words[WRITE]), self._frames.shape[1]
        frames = frames[: size - self.held_frames()]
        at = np.arange(write, write + len(frames)) & (size - 1)
        self._frames[:, at] = frames.T
        store(self.words.ctypes.data + 8 * WRITE, write + len(frames))

    def cut(self) -> None:
        """Notes that another stream follows: the present one is faded out, and the next one faded in."""
        store(self.words.ctypes.data + 8 * CUT, int(self.words[WRITE]))

    def serve(self, ports: tuple[int, int]) -> None:
        """Sets the `jack_port_t*` of both sides."""
        self._ports[:] = ports


class JackPlayback:
    """A JACK client with the ports `left` and `right` that plays a ring, from the start to `close`.

    Args:
        name: name of the client.
        server: name of the server; None is the default one.
        latency_s: time from the sender to the ports.

    Raises:
        OSError: there is no server.
    """

    def __init__(self, name: str, server: str | None, latency_s: float) -> None:
        libjack.say_nothing()
        try:
            self._client = jack.Client(name, no_start_server=True, servername=server)
        except jack.JackOpenError as error:
            raise OSError(f"no JACK server {server or ''}".rstrip()) from error
        self._shutdowns = libjack.Tally()
        libjack.count_shutdowns(libjack.address(self._client), self._shutdowns)
        self.rate_hz = int(self._client.samplerate)
        self.ring = Ring(self.rate_hz, round(latency_s * self.rate_hz))
        left, right = (libjack.address(self._client.outports.register(port)) for port in PORTS)
        self._met: set[str] = set()
        self.ring.serve((left, right))
        self._process = cfunc(types.int32(types.uint32, types.voidptr))(_process)
        address = libjack.address(self._client)
        libjack.library.jack_set_process_callback(address, self._process.address, self.ring.words.ctypes.data)
        libjack.fix_latencies(address)
        self._client.activate()
        for port in (left, right):
            libjack.set_capture_latency(port, self.ring.target_frames)
        libjack.library.jack_recompute_total_latencies(address)

    @property
    def lost(self) -> bool:
        """Whether the server has gone."""
        return self._shutdowns.count > 0

    def held_frames(self) -> float:
        """Fill of the ring at this moment, also between two callbacks."""
        held = self.ring.held_frames()
        seconds, nanoseconds = self.ring.words[CLOCK_S : CLOCK_S + 2].tolist()
        since_s = time.monotonic() - seconds - 1e-9 * nanoseconds
        return held - min(max(since_s * self.rate_hz, 0.0), float(self._client.blocksize))

    def connect(self, patterns: Sequence[str]) -> None:
        """Connect left and right to the first two ports that match, each once whenever it appears.

        Args:
            patterns: names or patterns (`*`, `?`) of input ports of other clients.
        """
        with suppress(jack.JackError):  # a port that has just gone, or a connection that is there already
            ports = self._client.get_ports(is_audio=True, is_input=True)
            peers = [Peer(port.name, tuple(port.aliases)) for port in ports]
            found = list(dict.fromkeys(name for pattern in patterns for name in matching(pattern, peers)))[: len(PORTS)]
            self._met &= set(found)
            for own, name in zip(self._client.outports, found, strict=False):
                if name not in self._met:
                    self._met.add(name)
                    self._client.connect(own, name)

    def close(self) -> None:
        """Leave the server."""
        if not self.lost:
            self._client.deactivate(ignore_errors=True)
        self._client.close()
