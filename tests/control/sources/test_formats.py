"""Raw PCM, against Python's own idea of the bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from stemfield.control.sources.formats import SAMPLE_BYTES, Decoder, PcmFormat

FRAMES = [(0.0, -1.0), (0.5, -0.5), (0.25, 0.999), (-0.125, 0.0625)]


def encoded(sample: str, frames: list[tuple[float, ...]]) -> bytes:
    """As a sender writes it, one sample after the other."""
    values = [value for frame in frames for value in frame]
    if sample == "f32le":
        return b"".join(struct.pack("<f", value) for value in values)
    size = SAMPLE_BYTES[sample]
    full = 1 << (8 * size - 1)
    whole = (min(round(value * full), full - 1) for value in values)
    return b"".join(value.to_bytes(size, "little", signed=True) for value in whole)


@pytest.mark.parametrize("sample", SAMPLE_BYTES)
@pytest.mark.parametrize("cut", [1, 2, 5, 7, 1000])
def test_every_format_is_decoded_wherever_the_stream_is_cut(sample: str, cut: int) -> None:
    data = encoded(sample, FRAMES)
    decoder = Decoder(PcmFormat(sample, 48_000, 2))
    found = np.concatenate([decoder.decode(data[at : at + cut]) for at in range(0, len(data), cut)])
    assert found.dtype == np.float32
    assert found.shape == (len(FRAMES), 2)
    assert np.abs(found - np.array(FRAMES)).max() <= 2.0 ** (1 - 8 * min(SAMPLE_BYTES[sample], 3))


def test_a_mono_sender_is_heard_on_both_sides() -> None:
    found = Decoder(PcmFormat("s16le", 44_100, 1)).decode(encoded("s16le", [(0.5,), (-0.25,)]))
    assert found.tolist() == [[0.5, 0.5], [-0.25, -0.25]]


def test_half_a_frame_of_a_sender_that_has_gone_does_not_shift_the_next_one() -> None:
    decoder = Decoder(PcmFormat("s24le", 48_000, 2))
    data = encoded("s24le", [(0.5, -0.5)])
    assert len(decoder.decode(data[:5])) == 0
    decoder.restart()
    assert decoder.decode(data).tolist() == [[0.5, -0.5]]


def test_rubbish_in_floating_point_becomes_silence_and_is_counted() -> None:
    decoder = Decoder(PcmFormat("f32le", 48_000, 2))
    bad = np.array([np.nan, np.inf, -np.inf, 1e30, 0.5, -8.5], "<f4")
    assert decoder.decode(bad.tobytes()).ravel().tolist() == [0.0, 0.0, 0.0, 0.0, 0.5, 0.0]
    assert decoder.bad == 5
