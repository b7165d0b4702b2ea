"""Plays what a sender of raw PCM sends, from its start to the end of the server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

from stemfield.control.config.network import NetworkConfig
from stemfield.control.network.admission import Admission
from stemfield.control.network.listeners import listen_addresses
from stemfield.control.sources.follower import RateFollower
from stemfield.control.sources.formats import Decoder, PcmFormat
from stemfield.control.sources.playback import JackPlayback, Ring
from stemfield.control.sources.senders import Fifo, Sender, TcpPort

BUFFER_S: Final = 0.05
"""Sound that the kernel may hold, about."""
CHUNK_S: Final = 0.01
"""Longest sound that is read at once."""
WAIT_S: Final = 0.1
CONNECT_S: Final = 1.0
"""Time between two looks for ports to connect to."""

log = logging.getLogger(__name__)


class Playback(Protocol):
    """What plays a ring."""

    ring: Ring
    rate_hz: int

    @property
    def lost(self) -> bool:
        """Whether nobody plays it any more."""

    def held_frames(self) -> float:
        """Fill of the ring at this moment."""


class PcmSource:
    """Carries sound from a sender to a ring.

    Args:
        sender: where the bytes come from.
        form: what they mean.
        playback: where the sound goes.
    """

    def __init__(self, sender: Sender, form: PcmFormat, playback: Playback) -> None:
        self._sender, self._playback = sender, playback
        self._decoder = Decoder(form)
        target_frames = playback.ring.target_frames
        self._follower = RateFollower(form.rate_hz, playback.rate_hz, target_frames)
        self._most_bytes = max(round(CHUNK_S * form.rate_hz), 1) * form.frame_bytes
        self._most_frames = 2 * target_frames
        self._waited = False
        self._bad = self._starved = 0

    def step(self) -> None:
        """Carry what has come, or wait for it shortly."""
        playback = self._playback
        if playback.ring.held_frames() > self._most_frames:
            self._waited = True  # the sender sends as fast as it may
            time.sleep(0.5 * CHUNK_S)
            return
        data = self._sender.read(self._most_bytes, WAIT_S)
        if data is None:
            self._decoder.restart()
            self._follower.restart()
            playback.ring.cut()
            log.info("the sender has gone")
            return
        frames = self._decoder.decode(data)
        made = self._follower.resample(frames, playback.held_frames(), waited=self._waited)
        if len(frames):
            self._waited = not playback.ring.is_playing  # while it fills for the first time, its level says nothing
        playback.ring.write(made)
        self._report()

    def _report(self) -> None:
        ring, decoder = self._playback.ring, self._decoder
        if ring.starved != self._starved:
            self._starved = ring.starved
            log.warning("nothing more came from the sender: faded out")
        if decoder.bad and not self._bad:
            log.warning("the sender sends invalid samples, which are silenced: is it the right format?")
        self._bad = decoder.bad


def open_sender(form: PcmFormat, fifo: Path | None, port: int | None, network: NetworkConfig) -> Sender:
    """A FIFO, or a TCP port that hosts may send to which may change the scene.

    Raises:
        OSError: it cannot be opened.
    """
    buffer_bytes = round(BUFFER_S * form.rate_hz) * form.frame_bytes
    if fifo is not None:
        return Fifo(fifo, buffer_bytes)
    admission = Admission(network.allow, network.max_messages_per_s, network.read_only)
    addresses = listen_addresses(network)
    return TcpPort(addresses, port or 0, lambda host: admission.rights(host) == "change", buffer_bytes)


def play(
    open_sender: Callable[[], Sender],
    form: PcmFormat,
    name: str,
    server: str | None,
    latency_s: float,
    connect: Sequence[str] = (),
) -> None:
    """Carry sound, as a JACK client of a name, until the server ends.

    Args:
        open_sender: opens the sender, once the client is there.
        form: format of the sender.
        name: name of the client.
        server: name of the server; None is the default one.
        latency_s: sound held against jitter.
        connect: names or patterns of the ports that left and right are connected to.

    Raises:
        OSError: there is no server, or the sender cannot be opened.
    """
    with ExitStack() as stack:
        playback = JackPlayback(name, server, latency_s)
        stack.callback(playback.close)
        sender = open_sender()
        stack.callback(sender.close)
        source = PcmSource(sender, form, playback)
        looked_s = -CONNECT_S
        while not playback.lost:
            if connect and time.monotonic() - looked_s >= CONNECT_S:
                playback.connect(connect)
                looked_s = time.monotonic()
            source.step()
