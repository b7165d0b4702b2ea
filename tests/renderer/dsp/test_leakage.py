"""How much instruments have in common: measured slowly, and the same however the stems are cut."""

import numpy as np
import pytest

from stemfield.renderer.dsp.leakage import ASSUMED, LEAST, MOST, LeakageMeter
from stemfield.renderer.timeline import Timeline

RATE = 8000


def noises(seconds, count=2):
    return np.random.default_rng(3).standard_normal((count, seconds * RATE)).astype(np.float32)


def sides(sounds, sign=1.0):
    """Instruments that have them on both sides, (2 instruments, n)."""
    return np.stack([sounds, np.float32(sign) * sounds], axis=1).reshape(-1, sounds.shape[1])


def settled(stems):
    return LeakageMeter(RATE, len(stems) // 2).measure(stems)[:, -1]


@pytest.mark.parametrize(("sign", "kind"), [(1.0, 0), (-1.0, 1)])
def test_shares_are_those_of_the_power_of_the_recording(sign, kind):
    a, b = noises(60)
    instruments = np.stack([a + 0.1 * b, b + 0.1 * a])
    power = 2.0 * float(instruments[0] @ instruments[1]) / float((instruments**2).sum())  # what the sum has beside them
    shares = settled(sides(instruments, sign))
    left = 2.0 / (10.0 + 2.0)  # of what was assumed, which counts like two seconds beside the ten of the memory
    assert shares[kind] == pytest.approx(power + left * (ASSUMED[kind] - power), abs=0.015)
    assert shares[1 - kind] == pytest.approx(left * ASSUMED[1 - kind], abs=0.001)


def test_a_voice_alone_has_nothing_in_common():
    a, nothing = noises(60)
    np.testing.assert_allclose(settled(sides(np.stack([a, 0 * nothing]))), np.array(ASSUMED) / 6.0, atol=0.002)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_shares_are_bounded(sign):
    a, _ = noises(30)
    shares = LeakageMeter(RATE, 2).measure(sides(np.stack([a, np.float32(sign) * a])))
    assert shares.min() >= LEAST
    assert shares.max() <= MOST


def test_after_a_second_of_silence_a_piece_begins_as_if_it_were_the_first():
    stems, silence, used = sides(noises(2)), np.zeros((4, RATE), np.float32), LeakageMeter(RATE, 2)
    first = LeakageMeter(RATE, 2).measure(stems)
    np.testing.assert_array_equal(used.measure(silence), np.tile(np.float32(ASSUMED)[:, None], RATE))
    np.testing.assert_array_equal(used.measure(stems), first)
    pause = used.measure(silence[:, : RATE // 2])
    assert np.abs(np.diff(pause, axis=1)).max() < 1e-4
    used.measure(silence[:, : RATE // 2 + 1])
    np.testing.assert_array_equal(used.measure(stems), first)


def test_no_step_even_where_loud_music_follows_soft():
    a, b = noises(10)
    loud = np.where(np.arange(a.size) < a.size // 2, 0.001, 1.0).astype(np.float32)
    shares = LeakageMeter(RATE, 2).measure(sides(np.stack([a, b * (loud < 1) + a * (loud == 1)]) * loud))
    tenth = RATE // 10
    assert np.abs(shares[:, tenth:] - shares[:, :-tenth]).max() < 0.06  # 0.2 dB


def test_however_the_stems_are_cut():
    stems = sides(noises(1))
    whole, meter = LeakageMeter(RATE, 2).measure(stems), LeakageMeter(RATE, 2)
    pieces = [meter.measure(piece) for piece in np.array_split(stems, 37, axis=1)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)
    assert meter.measure(stems[:, :0]).shape == (2, 0)


def test_the_next_writer_goes_on_where_one_has_stopped():
    timeline = Timeline.create(2, 1 << 15, RATE)
    stems = sides(noises(2)).reshape(2, 2, -1)
    timeline.restart_stems(0)
    timeline.write_stems(stems)
    shown = timeline._leakage[:, 2 * RATE - 1].copy()
    other = Timeline.attach(timeline.fd)
    other.write_stems(stems[..., :1])
    np.testing.assert_allclose(other._leakage[:, 2 * RATE], shown, atol=1e-4)
    assert np.abs(shown - ASSUMED).max() > 0.05
    timeline.close()
