"""The loudness meters in the engine: the synthetic signals of EBU Tech 3341, and ffmpeg as another implementation."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from servers import need

from stemfield import control
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.dsp.gating import STEP_S, ProgrammeLoudness
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.loudness import UNHEARD, LoudnessReader

RATE = 48_000
FIVE = "0+5+0"


class Played:
    """What an engine measures of a sound: as the mixture, or as what the loudspeakers of a layout play."""

    def __init__(self, rate=RATE, layout=None):
        self.rate, self.room = rate, layout is not None
        chain = None if layout is None else design_chain(load_layout(layout), rate, diffuse=False, limit=False)
        speakers = 2 if chain is None else chain.speakers
        self.engine = Engine(rate, 0 if self.room else 2, speakers if self.room else 0, speakers, 0, 0, chain)
        self.engine.timeline.close()
        gains = np.zeros((self.engine.sources, speakers), np.float32)
        if self.room:
            gains[2:] = np.eye(speakers)
        self.engine.publish(gains, np.ones(len(gains), np.int64), np.ones(speakers, np.float32), 1)
        self.engine.settle()
        self.programme = ProgrammeLoudness()
        self.peak = 0.0
        self._read = 0

    def play(self, sound, block=4800):
        """Plays (channels, n), and yields after each block."""
        sound = np.ascontiguousarray(sound, np.float32)
        for at in range(0, sound.shape[1], block):
            given = np.ascontiguousarray(sound[:, at : at + block])
            self.engine.process(given, np.zeros((self.engine.outputs, given.shape[1]), np.float32))
            steps = self.engine.loudness_steps(self._read)
            self._read = steps.end
            column = int(self.room)
            self.programme.add(steps.powers[:, column])
            self.peak = max(self.peak, steps.peaks[:, column].max(initial=0.0))
            yield self.programme

    def whole(self, sound, block=4800):
        for programme in self.play(sound, block):
            found = programme
        return found

    @property
    def peak_db(self):
        return 20 * np.log10(self.peak)


def sine(parts, rate=RATE, frequency_hz=1000.0):
    """Stereo, of parts: a level re full scale (None is silence) and a duration."""
    length = sum(round(seconds * rate) for _, seconds in parts)
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(length) / rate)
    gains = [np.full(round(s * rate), 0.0 if level is None else 10 ** (level / 20)) for level, s in parts]
    return np.tile(np.concatenate(gains) * wave, (2, 1))


def near(level):
    """The tolerance of the standard."""
    return pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(("number", "level"), [(1, -23.0), (2, -33.0)])
def test_tech_3341_constant_level(number, level, rate):
    found = Played(rate).whole(sine([(level, 20.0)], rate))
    assert [found.momentary_lufs, found.short_term_lufs, found.integrated_lufs] == near([level] * 3)
    assert [found.max_momentary_lufs, found.max_short_term_lufs] == near([level] * 2)
    assert found.range_lu == pytest.approx(0.0, abs=0.1)


GATED = {
    3: [(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],
    4: [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],
    5: [(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],
}


@pytest.mark.parametrize("parts", GATED.values(), ids=GATED)
def test_tech_3341_gates(parts):
    assert Played().whole(sine(parts)).integrated_lufs == near(-23.0)


def test_tech_3341_five_channels():
    """Number 6; the subwoofer does not count."""
    levels = {"M+030": -28.0, "M-030": -28.0, "M+000": -24.0, "M+110": -30.0, "M-110": -30.0, "LFE1": -3.0}
    wave = sine([(0.0, 20.0)])[0]
    sound = np.stack([10 ** (levels[label] / 20) * wave for label in load_layout(FIVE).labels])
    assert Played(layout=FIVE).whole(sound).integrated_lufs == near(-23.0)


def test_tech_3341_short_term_is_a_moving_mean():
    """Number 9."""
    found = [p.short_term_lufs for p in Played().play(sine([(-20.0, 1.34), (-30.0, 1.66)] * 5))]
    assert found[29:] == near([-23.0] * len(found[29:]))


@pytest.mark.parametrize("number", range(20))
def test_tech_3341_the_highest_short_term(number):
    """Number 10, whatever the tone's beginning."""
    sound = sine([(None, 0.15 * number), (-23.0, 3.0), (None, 1.0)])
    assert Played().whole(sound).max_short_term_lufs == near(-23.0)


def test_tech_3341_the_highest_short_term_of_each_part():
    """Number 11: twenty parts, each louder than the one before."""
    played = Played()
    for i in range(20):
        found = played.whole(sine([(None, 0.15 * i), (-38.0 + i, 3.0), (None, 3.0 - 0.15 * i)]))
        assert found.max_short_term_lufs == near(-38.0 + i)


def test_tech_3341_momentary_is_a_moving_mean():
    """Number 12."""
    found = [p.momentary_lufs for p in Played().play(sine([(-20.0, 0.18), (-30.0, 0.22)] * 25), 480)]
    assert found[99:] == near([-23.0] * len(found[99:]))


@pytest.mark.parametrize("number", range(20))
def test_tech_3341_the_highest_momentary(number):
    """Number 13."""
    sound = sine([(None, 0.02 * number), (-23.0, 0.4), (None, 1.0)])
    assert Played().whole(sound).max_momentary_lufs == near(-23.0)


def test_tech_3341_the_highest_momentary_of_each_part():
    """Number 14."""
    played = Played()
    for i in range(20):
        found = played.whole(sine([(None, 0.02 * i), (-38.0 + i, 0.4), (None, 0.4 - 0.02 * i)]))
        assert found.max_momentary_lufs == near(-38.0 + i)


TONES = {
    15: (4, 0.0, 0.5, -6.0),
    16: (4, 45.0, 0.5, -6.0),
    17: (6, 60.0, 0.5, -6.0),
    18: (8, 67.5, 0.5, -6.0),
    19: (4, 45.0, 1.41, 3.0),
}


def shaped(sound, rate=RATE):
    """With soft ends, so that the filters see no step."""
    rise = np.minimum(np.arange(sound.shape[-1]) / (0.01 * rate), 1.0)
    return sound * np.sin(0.5 * np.pi * rise) ** 2 * np.sin(0.5 * np.pi * rise[::-1]) ** 2


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(("divisor", "phase_deg", "amplitude", "peak_db"), TONES.values(), ids=TONES)
def test_tech_3341_true_peaks_of_tones(divisor, phase_deg, amplitude, peak_db, rate):
    tone = amplitude * np.sin(2 * np.pi * np.arange(rate) / divisor + np.radians(phase_deg))
    played = Played(rate)
    played.whole(np.tile(shaped(tone, rate), (2, 1)))
    assert -0.4 < played.peak_db - peak_db < 0.2


def test_tech_3341_true_peaks_between_samples():
    """Numbers 20 to 23: a tone at four times the rate with one louder period, in each position of the samples."""
    fast = 4 * RATE
    n = np.arange(fast)
    for offset in range(4):
        tone = 0.5 * np.sin(2 * np.pi * n / 24)
        middle = fast // 2 // 24 * 24
        tone[middle : middle + 24] *= 2.0
        spectrum = np.fft.rfft(shaped(tone, fast))
        spectrum[np.fft.rfftfreq(fast, 1 / fast) > 20_000] = 0.0
        limited = np.fft.irfft(spectrum, fast)
        played = Played()
        played.whole(np.tile(limited[offset::4], (2, 1)))
        assert -0.4 < played.peak_db - 20 * np.log10(np.abs(limited).max()) < 0.2


def test_the_same_steps_however_sound_is_cut():
    random = np.random.default_rng(3341)
    sound = 0.3 * random.standard_normal((6, RATE)).astype(np.float32)
    whole, cut = Played(layout=FIVE), Played(layout=FIVE)
    whole.whole(sound, 4096)
    edges = [0, *np.cumsum(random.integers(1, 700, 400))]
    for start, end in pairwise(edge for edge in edges if edge <= RATE):
        for _ in cut.play(sound[:, start:end]):
            pass
    first, second = whole.engine.loudness_steps(0), cut.engine.loudness_steps(0)
    assert second.end > 90
    np.testing.assert_array_equal(first.powers[: second.end], second.powers)
    np.testing.assert_array_equal(first.peaks[: second.end], second.peaks)


def test_every_row_has_its_own_filter_and_weight():
    """One loudspeaker of 22.2 after the other: 0 LU in front, +1.5 at the sides, none for the subwoofers."""
    layout = load_layout("22.2")
    wave = sine([(-20.0, 0.5)])[0]
    for index, speaker in enumerate(layout.speakers):
        sound = np.zeros((len(layout.speakers), len(wave)))
        sound[index] = wave
        played = Played(layout="22.2")
        found = played.whole(sound).momentary_lufs
        if speaker.lfe:
            assert found < -150.0
        else:
            at_the_side = speaker.elevation_deg == 0.0 and 60.0 <= abs(speaker.azimuth_deg) <= 120.0
            assert found == near(-23.0 + 1.5 * at_the_side)
        assert played.peak_db == pytest.approx(-20.0, abs=0.1)


def of_ffmpeg(sound, folder, layout="stereo"):
    """Integrated loudness, range and true peak, and the momentary loudness of every tenth of a second."""
    ffmpeg = need("ffmpeg")
    path = folder / "sound.wav"
    soundfile.write(path, sound.T, RATE, subtype="FLOAT")
    given = [ffmpeg, "-nostats", "-hide_banner", "-channel_layout", layout, "-i", str(path)]
    filters = "ebur128=peak=true:metadata=1,ametadata=print:key=lavfi.r128.M:file=-"
    done = subprocess.run([*given, "-af", filters, "-f", "null", "-"], capture_output=True, text=True, check=True)
    summary = done.stderr[done.stderr.rindex("Summary:") :]
    numbers = [float(re.search(rf"\b{name}:\s+(-?[\d.]+)", summary)[1]) for name in ("I", "LRA", "Peak")]
    return *numbers, [float(m) for m in re.findall(r"lavfi\.r128\.M=(\S+)", done.stdout)]


def song():
    folder = Path(control.__file__).parent / "data" / "demo"
    return sum(soundfile.read(path, dtype="float32", always_2d=True)[0].T for path in sorted(folder.glob("*.flac")))


def test_ffmpeg_measures_the_same_of_music(tmp_path):
    music = song()
    integrated, lra, peak_db, momentary = of_ffmpeg(music, tmp_path)
    played = Played()
    ours = [programme.momentary_lufs for programme in played.play(music)]
    found = played.programme
    assert found.integrated_lufs == pytest.approx(integrated, abs=0.1)
    assert found.range_lu == pytest.approx(lra, abs=0.2)
    assert played.peak_db == pytest.approx(peak_db, abs=0.2)
    both = [(a, b) for a, b in zip(ours, momentary, strict=False) if b > -60.0]
    assert len(both) > 100
    np.testing.assert_allclose(*zip(*both, strict=True), rtol=0, atol=0.05)


def test_ffmpeg_measures_the_same_of_a_room(tmp_path):
    """The song with a wide range of levels, in five channels; ffmpeg's layout is in the order of WAVE."""
    left, right = song()
    fading = np.interp(np.arange(len(left)), [0, len(left) / 2, len(left)], [0.02, 1.0, 0.1])
    sound = fading * np.stack([left, right, 0.5 * (left + right), 0.2 * left, left - right, 0.6 * right])
    integrated, lra, _, _ = of_ffmpeg(sound.astype(np.float32), tmp_path, "5.1")
    found = Played(layout=FIVE).whole(sound)
    assert found.integrated_lufs == pytest.approx(integrated, abs=0.1)
    assert found.range_lu == pytest.approx(lra, abs=0.2)
    assert lra > 5.0


@pytest.fixture
def reader():
    return LoudnessReader()


def test_a_reader_shows_tenths_and_restarts(reader):
    played = Played()
    assert reader.shown == UNHEARD
    played.whole(sine([(-20.0, 5.0)]))
    reader.follow(played.engine)
    assert reader.shown.mixture.values == (-20.0, -20.0, -20.0, 0.0, -20.0, -20.0, -20.0)
    assert reader.shown.room == UNHEARD.room
    played.whole(sine([(-30.0, 0.5)]))
    reader.restart()  # with what was played before
    played.whole(sine([(-30.0, 4.0)]))
    reader.follow(played.engine)
    assert reader.shown.mixture.values == (-30.0, -30.0, -30.0, 0.0, -30.0, -30.0, -30.0)


def test_a_reader_goes_on_with_the_next_engine(reader):
    for level in (-20.0, -20.0):
        played = Played()
        played.whole(sine([(level, 2.0)]))
        reader.follow(played.engine)
    assert reader.shown.mixture.max_short_term_lufs == near(-20.0)


def test_a_late_reader_misses_only_what_is_overwritten(reader):
    played = Played()
    played.whole(sine([(-20.0, 30.0)]))
    played.whole(sine([(-40.0, 41.0)]))
    steps = played.engine.loudness_steps(0)
    assert len(steps.powers) * STEP_S == pytest.approx(40.9, abs=0.1)
    reader.follow(played.engine)
    assert reader.shown.mixture.integrated_lufs == near(-40.0)


def mixture_of(engine, frames):
    return engine.timeline.read_mixture(engine.position - frames, frames)


def test_without_levelling_the_mixture_is_untouched_and_levelled_it_is_scaled():
    random = np.random.default_rng(1)
    played = Played()
    noise = (0.1 * random.standard_normal((2, 4800))).astype(np.float32)
    played.whole(noise)
    np.testing.assert_array_equal(mixture_of(played.engine, 4800), noise)
    played.engine.set_input_gain(-6.0, at_once=True)
    played.whole(noise)
    np.testing.assert_allclose(mixture_of(played.engine, 4800), 10 ** (-6 / 20) * noise, rtol=1e-6)
    steps = played.engine.loudness_steps(0)
    assert steps.peaks[:, 0].max() == pytest.approx(np.abs(noise).max(), rel=0.5)
    np.testing.assert_allclose(steps.powers[14:20, 0].mean(), steps.powers[4:10, 0].mean(), rtol=0.01)  # as it came in
    played.engine.set_input_gain(0.0, at_once=True)
    played.whole(noise)
    np.testing.assert_array_equal(mixture_of(played.engine, 4800), noise)


def test_the_input_gain_moves_without_a_step():
    played = Played()
    constant = np.full((2, RATE), 0.5, np.float32)
    played.engine.set_input_gain(-3.0)
    for _ in played.play(constant, 777):
        pass
    gains_db = 20 * np.log10(mixture_of(played.engine, RATE)[0] / 0.5)
    assert gains_db[0] == pytest.approx(0.0, abs=0.001)
    assert gains_db[RATE // 4] == pytest.approx(-1.5, abs=0.01)
    assert np.abs(np.diff(gains_db)).max() < 0.001
    assert gains_db[RATE // 2 + 10 :] == pytest.approx(-3.0, abs=1e-4)
