"""Levelling: how fast the gain moves, when it does not, and where it ends."""

import numpy as np
import pytest

from stemfield.renderer.dsp.gating import STEP_S
from stemfield.renderer.dsp.levelling import FALL_DB_PER_S, HIGHEST_DB, LOWEST_DB, RISE_DB_PER_S, Leveller


def hear(leveller, level_lufs, seconds, peak_db=-40.0):
    """The gain after each tenth of a second of this loudness."""
    power, peak = 10 ** ((level_lufs + 0.691) / 10), np.float32(10 ** (peak_db / 20))
    found = []
    for _ in range(round(seconds / 0.1)):
        steps = round(0.1 / STEP_S)
        leveller.add(np.full(steps, power), np.full(steps, peak))
        found.append(leveller.gain_db)
    return np.array(found)


@pytest.fixture
def leveller():
    made = Leveller()
    made.target_lufs = -20.0
    return made


@pytest.mark.parametrize(
    ("level_lufs", "expected_db"),
    [(-20.0, 0.0), (-10.0, -10.0), (-26.0, 6.0), (-45.0, HIGHEST_DB), (5.0, LOWEST_DB)],
)
def test_the_gain_ends_where_the_target_is_reached(leveller, level_lufs, expected_db):
    assert hear(leveller, level_lufs, 120.0)[-1] == pytest.approx(expected_db, abs=0.01)


def test_it_moves_slowly_and_never_past_the_goal(leveller):
    rising = np.diff(hear(leveller, -30.0, 60.0))
    assert rising.min() > -0.001
    assert rising.max() == pytest.approx(0.1 * RISE_DB_PER_S)
    falling = np.diff(hear(leveller, -10.0, 60.0))
    assert falling.max() < 0.001
    assert falling.min() == pytest.approx(-0.1 * FALL_DB_PER_S)


def test_nothing_moves_in_pauses_and_after_them_it_goes_on_from_there(leveller):
    before = hear(leveller, -26.0, 10.0)[-1]
    assert 0.0 < before < 6.0
    for pause_lufs in (-300.0, -55.0):  # the noise of a record
        assert set(hear(leveller, pause_lufs, 200.0)[4:]) <= {leveller.gain_db}
    assert leveller.gain_db == pytest.approx(before, abs=0.1)
    assert hear(leveller, -26.0, 60.0)[-1] == pytest.approx(6.0, abs=0.1)


def test_a_soft_passage_is_not_raised(leveller):
    """For less than two minutes; then it is the music."""
    before = hear(leveller, -20.0, 60.0)[-1]
    assert np.abs(hear(leveller, -32.0, 119.0) - before).max() < 0.1
    assert np.abs(hear(leveller, -20.0, 20.0) - before).max() < 0.1
    assert hear(leveller, -32.0, 119.0)[-1] == pytest.approx(before, abs=0.1)
    assert hear(leveller, -32.0, 90.0)[-1] == pytest.approx(HIGHEST_DB, abs=0.1)


def test_the_dynamics_of_a_song_are_kept(leveller):
    """Verses and choruses 5 LU apart, twenty seconds each: the gain takes away less than two of these."""
    for _ in range(3):
        hear(leveller, -24.0, 20.0)
        hear(leveller, -19.0, 20.0)
    moved = np.concatenate([hear(leveller, level, 20.0) for level in (-24.0, -19.0) * 3])
    assert np.ptp(moved) < 2.0
    assert np.abs(np.diff(moved)).max() <= 0.1 * FALL_DB_PER_S


def test_something_much_louder_is_lowered_at_once(leveller):
    raised = hear(leveller, -35.0, 90.0)[-1]
    assert raised == HIGHEST_DB
    assert hear(leveller, -10.0, 15.0)[-1] == pytest.approx(raised - 15.0 * FALL_DB_PER_S, abs=1.0)


def test_no_peak_is_raised_above_its_limit(leveller):
    assert hear(leveller, -30.0, 90.0, peak_db=-5.0)[-1] == pytest.approx(4.0, abs=0.01)
    hear(leveller, -30.0, 90.0, peak_db=-0.5)
    assert leveller.gain_db == 0.0  # and none is lowered for its sake alone


def test_off_is_no_gain(leveller):
    hear(leveller, -10.0, 60.0)
    leveller.target_lufs = None
    assert hear(leveller, -10.0, 0.1).tolist() == [0.0]
    leveller.target_lufs = -20.0
    assert hear(leveller, -10.0, 1.0)[-1] == pytest.approx(-FALL_DB_PER_S, abs=0.11)


def test_the_gain_does_not_depend_on_how_often_it_is_asked_for(leveller):
    random = np.random.default_rng(20)
    powers, peaks = 0.02 * random.random(6000), random.random(6000).astype(np.float32)
    once = Leveller()
    once.target_lufs = leveller.target_lufs = -40.0
    once.add(powers, peaks)
    for part in np.array_split(np.arange(6000), 371):
        leveller.add(powers[part], peaks[part])
    assert leveller.gain_db == once.gain_db != 0.0
