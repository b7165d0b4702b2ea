"""An object's equaliser: right when it rests, without a click when it changes."""

import numpy as np
import pytest
from scipy import signal

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.equaliser import EqualiserTable, equalise, state

RATE, FADE = 48_000, 960


class Equaliser:
    def __init__(self):
        self.state = state(1, RATE)

    def want(self, *bands):
        found, made = sections(bands, RATE), self.state
        made[EqualiserTable.TARGET_SECTIONS][0, 0, : len(found)] = found
        made[EqualiserTable.TARGET_COUNTS][0, 0] = len(found)
        made[EqualiserTable.TARGET_VERSIONS][0, 0] += 1

    def run(self, sound, block):
        out = sound.astype(np.float32)
        for at in range(0, len(out), block):
            piece = out[at : at + block]
            equalise(piece, len(piece), self.state.table, 0, 0, 1, np.zeros((2, block)))
        return out


def changing(block):
    sound = np.random.default_rng(1).standard_normal(16_384).astype(np.float32)
    made = Equaliser()
    pieces = [made.run(sound[:4096], block)]
    made.want(EqBand("peak", 500.0, 4.0, 12.0), EqBand("lowshelf", 100.0, 0.7, 6.0))
    pieces.append(made.run(sound[4096:4608], block))
    made.want(EqBand("highpass", 300.0))  # in the middle of the fade
    pieces.append(made.run(sound[4608:12_288], block))
    made.want()
    return sound, np.concatenate([*pieces, made.run(sound[12_288:], block)])


@pytest.mark.parametrize("block", [1, 16, 64, 256, 512, 2048])
def test_blocks_do_not_matter(block):
    assert np.array_equal(changing(block)[1], changing(4096)[1])


def test_what_is_wanted_last_is_heard_in_the_end():
    sound, out = changing(64)
    assert np.array_equal(out[:4096], sound[:4096])
    start = 4096 + FADE  # the first fade ends before the second equaliser begins
    high = sections((EqBand("highpass", 300.0),), RATE)
    filtered = signal.sosfilt(np.insert(high, 3, 1.0, axis=1), sound[start:12_288])
    assert np.abs(out[start + FADE : 12_288] - filtered[FADE:]).max() < 1e-5
    assert np.array_equal(out[12_288 + FADE :], sound[12_288 + FADE :])


def test_a_change_does_not_click():
    tone = np.sin(2 * np.pi * 200 * np.arange(24_000) / RATE)
    made = Equaliser()
    made.want(EqBand("peak", 200.0, 8.0, 18.0))
    first = made.run(tone[:12_000], 64)
    made.want(EqBand("peak", 200.0, 8.0, -18.0))
    out = np.concatenate([first, made.run(tone[12_000:], 64)])
    steady = np.abs(np.diff(out[8000:12_000], 2)).max()
    assert np.abs(np.diff(out[11_900:], 2)).max() < 1.05 * steady
