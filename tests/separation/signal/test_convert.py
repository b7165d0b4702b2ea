from fractions import Fraction

import numpy as np
import pytest

from stemfield.separation.cards.card_schema import SampleRate
from stemfield.separation.signal.convert import Converter, max_delay, model_ratio, taps

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
def test_output_is_the_filtered_sum_of_the_definition(ratio):
    """Zeros between the inputs, the filter centred on every output, in double precision."""
    up, down = ratio.numerator, ratio.denominator
    frames = 700
    sound = np.random.default_rng(0).standard_normal((2, frames)).astype(np.float32)
    stuffed = np.zeros((2, frames * up))
    stuffed[:, ::up] = sound
    lowpass = taps(ratio)
    half = len(lowpass) // 2
    expected = np.stack([np.convolve(row, lowpass)[half:] for row in stuffed])[:, ::down]
    converter = Converter(ratio, 2)
    found = np.concatenate([converter.feed(sound[:, :99]), converter.feed(sound[:, 99:])], axis=1)
    assert found.shape[1] == (frames * up - 1 - half) // down + 1
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], atol=2e-6)


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_blocks_do_not_matter(ratio):
    sound = np.random.default_rng(1).standard_normal((2, 3000)).astype(np.float32)
    whole = Converter(ratio, 2).feed(sound)
    for block in (1, 7, 64, 1000):
        converter = Converter(ratio, 2)
        pieces = [converter.feed(sound[:, at : at + block]) for at in range(0, 3000, block)]
        assert np.array_equal(np.concatenate(pieces, axis=1), whole), block


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_the_lag_is_never_greater_and_what_is_missing_is_exact(ratio):
    converter = Converter(ratio, 1)
    fed = made = 0
    worst = Fraction(0)

    def feed(frames):
        nonlocal fed, made, worst
        out = converter.feed(np.zeros((1, frames), np.float32)).shape[1]
        fed += frames
        made += out
        worst = max(worst, fed - made / ratio)
        return out

    for wanted in (1, 512, 3, 1, 17) * 20:
        missing = converter.needed(wanted)
        early = feed(missing - 1)
        assert early < wanted <= early + feed(1)
    assert max_delay(ratio) - 1 < worst <= max_delay(ratio)


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_the_band_is_kept_and_what_lies_beyond_is_gone(ratio):
    lower = Fraction(1, 2 * max(ratio.numerator, ratio.denominator))  # half the lower rate, of the filter's rate
    spectrum = np.abs(np.fft.rfft(taps(ratio), 1 << 18)) / ratio.numerator
    at = np.arange(len(spectrum)) / (1 << 18)
    assert np.abs(20 * np.log10(spectrum[at <= 0.9 * lower])).max() < 1e-4
    assert 20 * np.log10(spectrum[at >= 1.1 * lower].max()) < -115


@pytest.mark.parametrize("ratio", [Fraction(1, 2), Fraction(1, 4)], ids=str)
def test_the_way_there_and_back_is_short(ratio):
    there_and_back = max_delay(ratio) + max_delay(1 / ratio) / ratio
    assert there_and_back * ratio / 48000 < 0.002


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
