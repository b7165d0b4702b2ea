"""Builds the loudspeaker chain of a layout and the head of its binaural monitor.

A file that cannot be used is logged and does not keep the engine from playing.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.binaural import Head
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.fir import FirError
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.dsp.measured import MeasuredHead
from stemfield.renderer.dsp.sofa import SofaError

log = logging.getLogger(__name__)

EMBEDDED: Final = "default"
"""Name of the built-in head, in place of a SOFA file."""


def head_of(hrtf: str, sample_rate_hz: int) -> Head:
    """The built-in head, or that of a SOFA file.

    Raises:
        SofaError: the file cannot be used.
    """
    return AnalyticHead(sample_rate_hz) if hrtf == EMBEDDED else MeasuredHead(Path(hrtf), sample_rate_hz)


def fit(layout: Layout, hrtf: str | None, sample_rate_hz: int) -> tuple[Chain, Head | None]:
    """The chain of a layout, and the head of its binaural monitor: `EMBEDDED`, a SOFA file's, or None."""
    chain = _chain(layout, sample_rate_hz)
    if hrtf is None:
        return chain, None
    try:
        head = head_of(hrtf, sample_rate_hz)
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
