"""What an engine is fitted with in a room: the loudspeaker chain, and the head of the binaural monitor.

A file that cannot be used is no reason not to play.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from stemfield.control.config.configuration import EMBEDDED, MonitorConfig
from stemfield.layouts import Layout
from stemfield.renderer.dsp.binaural import Head
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.fir import FirError
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.dsp.measured import MeasuredHead
from stemfield.renderer.dsp.sofa import SofaError

log = logging.getLogger(__name__)


def head_of(hrtf: str, sample_rate_hz: int) -> Head:
    """The embedded head, or that of a SOFA file.

    Raises:
        SofaError: the file cannot be used.
    """
    return AnalyticHead(sample_rate_hz) if hrtf == EMBEDDED else MeasuredHead(Path(hrtf), sample_rate_hz)


def fit(layout: Layout, monitor: MonitorConfig, sample_rate_hz: int) -> tuple[Chain, Head | None]:
    """The chain of a room, with a monitor and its head where one is wanted; what cannot be used is logged."""
    chain = _chain(layout, sample_rate_hz)
    if not monitor.binaural:
        return chain, None
    try:
        head = head_of(monitor.hrtf, sample_rate_hz)
    except SofaError as error:
        log.error("the built-in head listens: %s", error)
        head = head_of(EMBEDDED, sample_rate_hz)
    return chain.monitored(head.taps, head.latency_frames), head


def _chain(layout: Layout, sample_rate_hz: int) -> Chain:
    try:
        return design_chain(layout, sample_rate_hz)
    except FirError as error:
        for line in str(error).splitlines():
            log.error("played without correction filters: %s", line)
        bare = tuple(replace(speaker, fir=None) for speaker in layout.speakers)
        return design_chain(replace(layout, speakers=bare), sample_rate_hz)
