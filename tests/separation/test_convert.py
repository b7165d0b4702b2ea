from fractions import Fraction

import numpy as np
import pytest

from stemfield.separation.card_schema import SampleRate
from stemfield.separation.convert import Converter, greatest_lag, model_ratio

ACCEPTED = SampleRate(nominal_hz=44100, lowest_hz=44100, highest_hz=48000)
RATIOS = [
    Fraction(1, 2),
    Fraction(2),
    Fraction(1, 4),
    Fraction(4),
    Fraction(3, 2),
    Fraction(2, 3),
    Fraction(8, 9),
    Fraction(6),
]


@pytest.mark.parametrize(
    ("sample_rate_hz", "ratio"),
    [
        (44100, "1"),
        (48000, "1"),
        (46000, "1"),
        (88200, "1/2"),
        (96000, "1/2"),
        (176400, "1/4"),
        (192000, "1/4"),
        (32000, "3/2"),
        (22050, "2"),
        (8000, "6"),
        (50000, "8/9"),
    ],
)
def test_the_simplest_ratio_into_the_accepted_range(sample_rate_hz, ratio):
    assert model_ratio(sample_rate_hz, ACCEPTED) == Fraction(ratio)


@pytest.mark.parametrize("sample_rate_hz", range(8000, 192001, 4567))
def test_every_rate_gets_into_the_range(sample_rate_hz):
    assert 44100 <= sample_rate_hz * model_ratio(sample_rate_hz, ACCEPTED) <= 48000


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_the_greatest_lag_holds_for_a_long_time_and_any_blocks(ratio):
    rng = np.random.default_rng(0)
    bound = greatest_lag(ratio)
    for block in (1, 64, 8192, None):
        converter = Converter(ratio, 1)
        fed, made, worst = 0, 0, 0.0
        while fed < (20_000 if block == 1 else 1_000_000):
            frames = block or int(rng.integers(1, 3000))
            made += converter.feed(np.zeros((1, frames), np.float32)).shape[1]
            fed += frames
            worst = max(worst, fed - made / ratio)
        assert worst <= bound
        if block == 64:
            assert worst > bound - 80


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_there_and_back_is_aligned(ratio, null_db):
    frames = 24000
    sine = np.hanning(frames) * np.sin(0.05 * np.arange(frames) + 0.3)
    sound = np.pad(np.stack([sine, -sine]), ((0, 0), (0, 24000))).astype(np.float32)
    back = Converter(1 / ratio, 2).feed(Converter(ratio, 2).feed(sound))[:, :frames]
    assert null_db(back - sound[:, :frames], sound) < -100.0


def test_reset_makes_it_as_new():
    sound = np.random.default_rng(1).standard_normal((2, 5000)).astype(np.float32)
    converter = Converter(Fraction(1, 2), 2)
    first = converter.feed(sound)
    converter.reset()
    assert np.array_equal(converter.feed(sound), first)
