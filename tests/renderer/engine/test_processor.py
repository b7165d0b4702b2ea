"""The block processor against a slow oracle, and the truths that hold for every way of cutting time into blocks."""

import numpy as np
import pytest

from stemfield.renderer.dsp.shared import Shared
from stemfield.renderer.engine.engine import Engine, fade_frames

RATE, STEMS, SPEAKERS, LATENCY = 48_000, 4, 6, 1000
SOURCES = 2 * (STEMS + 1)


def music(frames, seed=0, rows=2):
    return (0.2 * np.random.default_rng(seed).standard_normal((rows, frames))).astype(np.float32)


def gains(seed):
    return np.random.default_rng(seed).uniform(0, 1, (SOURCES, SPEAKERS)).astype(np.float32)


def engine(inputs=2, direct=0, **settings):
    made = Engine(RATE, inputs, direct, SPEAKERS, STEMS, LATENCY, **settings)
    made.timeline.close()
    return made


def publish(made, matrix, ramp=1, own=None):
    own = np.ones(SPEAKERS, np.float32) if own is None else own
    made.publish(matrix, np.full(matrix.shape[0], ramp), own, ramp)


def run(made, mixture, blocks):
    out = np.zeros((SPEAKERS, mixture.shape[1]), np.float32)
    at = 0
    for block in blocks:
        end = min(at + block, mixture.shape[1])
        if end > at:
            made.process(mixture[:, at:end], out[:, at:end])
        at = end
    assert at == mixture.shape[1]
    return out


def oracle(mixture, stems, matrix, share=1.0):
    """Float64: delayed stems and residual through a constant matrix."""
    frames = mixture.shape[1]
    delay = lambda x: np.concatenate([np.zeros((*x.shape[:-1], LATENCY)), x], axis=-1)[..., :frames]  # noqa: E731
    late = delay(mixture.astype(float))
    parts = delay(stems.astype(float)) * share
    residual = late - parts.sum(0)
    sources = np.concatenate([parts.reshape(-1, frames), residual])
    return np.einsum("of,os->sf", sources, matrix.astype(float))


def settled(matrix, stems, ramp=1, played=0):
    made = engine()
    publish(made, matrix, ramp)
    made.settle()
    made.memory.table[Shared.POSITION] = played
    made.timeline.restart_stems(played - LATENCY)
    made.timeline.write_stems(np.zeros((STEMS, 2, LATENCY), np.float32))
    made.timeline.write_stems(stems)
    return made


@pytest.mark.parametrize("block", [1, 16, 63, 64, 256, 299, 1024, 8192])
def test_equals_the_oracle_at_every_block_size(block):
    frames = 6000
    mixture, stems = music(frames), music(2 * STEMS * frames, 1, 1).reshape(STEMS, 2, frames)
    matrix = gains(2)
    made = settled(matrix, np.concatenate([stems, np.zeros((STEMS, 2, 9000), np.float32)], -1))
    out = run(made, mixture, [block] * (frames // block + 1))
    assert np.abs(out - oracle(mixture, stems, matrix)).max() < 2e-6
    assert made.counters().missing_frames == 0


def test_how_time_is_cut_does_not_matter_to_the_last_bit():
    frames = 20_000
    mixture, stems = music(frames), music(2 * STEMS * (frames + 9000), 1, 1).reshape(STEMS, 2, -1)
    random = np.random.default_rng(3)

    def moved(sizes):
        made = settled(gains(2), stems)
        first = run(made, mixture[:, :5000], sizes(5000))
        publish(made, gains(4), ramp=3000)
        second = run(made, mixture[:, 5000:7000], sizes(2000))
        publish(made, gains(5), ramp=777)  # in the middle of a ramp
        return np.concatenate([first, second, run(made, mixture[:, 7000:], sizes(13_000))], axis=1)

    whole = moved(lambda n: [n])
    for sizes in (lambda n: [64] * (n // 64 + 1), lambda n: list(random.integers(1, 300, n)), lambda n: [1] * n):
        assert np.array_equal(moved(sizes), whole)


@pytest.mark.parametrize("years", [1, 100])
def test_after_years_a_block_is_what_it_was_at_first(years):
    frames, played = 20_000, years * 365 * 86_400 * 192_000 >> 20 << 20
    mixture, stems = music(frames), music(2 * STEMS * (frames + 9000), 1, 1).reshape(STEMS, 2, -1)
    blocks = [333] * (frames // 333 + 1)
    expected = run(settled(gains(2), stems), mixture, blocks)
    assert np.array_equal(run(settled(gains(2), stems, played=played), mixture, blocks), expected)


def test_stems_and_residual_at_one_point_are_the_delayed_mixture():
    frames = 10_000
    mixture, stems = music(frames), music(2 * STEMS * (frames + 9000), 1, 1).reshape(STEMS, 2, -1)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[:, 3] = 1
    out = run(settled(matrix, stems), mixture, [64] * 200)
    expected = np.concatenate([np.zeros(LATENCY), mixture.sum(0)])[:frames]
    error = 10 * np.log10(np.square(out[3] - expected).sum() / np.square(expected).sum())
    assert error < -120


def test_a_ramp_is_a_straight_line_and_ends_on_its_goal():
    made = engine(inputs=1)
    zero = np.zeros((SOURCES, SPEAKERS), np.float32)
    goal = zero.copy()
    goal[2 * STEMS, 0] = 0.75
    publish(made, zero)
    made.settle()
    constant = np.ones((1, 4000), np.float32)
    run(made, constant, [64] * 63)
    publish(made, goal, ramp=480)
    out = run(made, constant[:, :1000], [64] * 16)
    line = 0.75 * np.minimum(np.arange(1, 1001) / 480, 1)
    assert np.abs(out[0] - line).max() < 1e-6
    assert out[0, 480] == np.float32(0.75)


def test_a_new_goal_in_mid_ramp_starts_where_the_old_one_stood():
    made = engine(inputs=1)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    publish(made, matrix)
    made.settle()
    constant = np.ones((1, 2000), np.float32)
    run(made, constant, [2000])
    pieces = []
    for goal in (1.0, 0.2, 0.9):
        matrix[2 * STEMS, 0] = goal
        publish(made, matrix, ramp=1000)
        pieces.append(run(made, constant[:, :400], [100] * 4)[0])
    steps = np.abs(np.diff(np.concatenate(pieces)))
    assert steps.max() <= 1 / 1000 + 1e-6


def test_only_rows_that_change_ramp_anew():
    made = engine(inputs=1)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    publish(made, matrix)
    made.settle()
    constant = np.ones((1, 3000), np.float32)
    run(made, constant, [3000])
    matrix[2 * STEMS, 0] = 1
    publish(made, matrix, ramp=1000)
    run(made, constant[:, :500], [500])
    matrix[0, 1] = 1  # another row: the first ramp goes on undisturbed
    publish(made, matrix, ramp=1000)
    out = run(made, constant[:, :600], [600])
    assert np.abs(out[0] - np.minimum(np.arange(501, 1101) / 1000, 1)).max() < 1e-6


def test_when_stems_run_dry_the_mixture_takes_over_without_a_step():
    """The worker dies: the stems on the timeline are played out in a cross-fade, and the recording goes on."""
    frames = 12_000
    time = np.arange(frames)
    mixture = np.stack([np.sin(time / 30), np.sin(time / 30)]).astype(np.float32)
    stems = np.zeros((STEMS, 2, 5000), np.float32)
    stems[0] = mixture[:, :5000]  # everything is vocals
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[0:2, 0] = 0.5  # vocals here
    matrix[2 * STEMS :, 1] = 0.5  # residual there
    made = settled(matrix, stems)
    out = run(made, mixture, [64] * 188)
    sum_of_room = out[0] + out[1]
    expected = np.concatenate([np.zeros(LATENCY), mixture[0]])[:frames]
    assert np.abs(sum_of_room - expected).max() < 1e-6  # no gap and no repetition, sample by sample
    assert np.abs(np.diff(out[0])).max() < 0.06  # neither part jumps (a sine of this pitch steps by 1/30)
    assert np.abs(out[0, 6100:]).max() == 0
    assert made.counters().missing_frames > 0
    assert made.counters().cuts == 0


def test_stems_fade_in_when_the_worker_comes_back():
    frames = 12_000
    mixture = np.ones((2, frames), np.float32)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[0:2, 0] = 0.5
    matrix[2 * STEMS :, 1] = 0.5
    made = engine()
    publish(made, matrix)
    first = run(made, mixture[:, :4000], [64] * 63)
    assert np.abs(first[0]).max() == 0
    made.timeline.restart_stems(3500)
    stems = np.zeros((STEMS, 2, 6000), np.float32)
    stems[0] = 1
    made.timeline.write_stems(stems)
    second = run(made, mixture[:, 4000:9000], [64] * 80)
    assert second[0, -1] == 1
    both = np.concatenate([first, second], axis=1)
    assert np.abs(both[0, LATENCY:] + both[1, LATENCY:] - 1).max() < 1e-6
    assert np.abs(np.diff(both[0])).max() <= 1 / fade_frames(RATE) + 1e-6


def test_bypass_plays_the_mixture_and_returns():
    mixture = np.ones((2, 9000), np.float32)
    stems = np.zeros((STEMS, 2, 20_000), np.float32)
    stems[0] = 1
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[0, 0] = 1
    made = settled(matrix, stems)
    made.bypass(True)
    assert run(made, mixture[:, :3000], [64] * 47)[0, -1] == 0
    made.bypass(False)
    assert run(made, mixture[:, 3000:6000], [64] * 47)[0, -1] == 1
    assert made.counters().missing_frames == 0


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_sound_is_silenced_and_counted(rubbish):
    mixture = music(4000)
    mixture[1, 777] = rubbish
    stems = np.zeros((STEMS, 2, 13_000), np.float32)
    stems[2, 0, 99] = rubbish
    made = settled(gains(1), stems)
    out = run(made, mixture, [64] * 63)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 10
    assert made.counters().bad_input == 1
    assert made.counters().bad_stems == 1


def test_denormals_are_flushed_and_the_thread_keeps_its_float_mode():
    made = engine()
    matrix = np.full((SOURCES, SPEAKERS), 0.5, np.float32)
    publish(made, matrix)
    out = run(made, np.full((2, 3000), 1e-39, np.float32), [64] * 47)
    assert np.abs(out).max() == 0
    assert np.float32(1e-39) * np.float32(0.5) != 0


@pytest.mark.parametrize("blocks", [[64] * 47, [1, 63, 100, 844, 2000]])
def test_some_direct_inputs_are_as_late_as_the_stems(blocks):
    made, sound = engine(inputs=0, direct=[False, True]), music(3008, seed=4)
    matrix = np.zeros((SOURCES + 2, SPEAKERS), np.float32)
    matrix[SOURCES, 0] = matrix[SOURCES + 1, 1] = 1.0
    publish(made, matrix)
    made.settle()
    heard = run(made, sound, blocks)
    assert np.array_equal(heard[0], sound[0])
    assert np.array_equal(heard[1, LATENCY:], sound[1, :-LATENCY])
    assert not heard[1, :LATENCY].any()
    assert made.input_latencies_frames == (0, LATENCY)


def test_direct_inputs_are_not_delayed():
    made = engine(inputs=2, direct=1)
    matrix = np.zeros((SOURCES + 1, SPEAKERS), np.float32)
    matrix[SOURCES, 2] = 0.5
    publish(made, matrix)
    rows = np.concatenate([np.zeros((2, 500)), music(500, 8, 1)]).astype(np.float32)
    out = run(made, rows, [64] * 8)
    assert np.array_equal(out[2, 1:], 0.5 * rows[2, 1:])


def test_the_player_adds_to_the_mixture_and_counts_what_it_lacks():
    made = engine(inputs=0)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[2 * STEMS, 0] = 1
    publish(made, matrix)
    song = music(3000)
    made.playing(True)
    assert made.play(song) == 3000
    out = run(made, np.zeros((0, 5000), np.float32), [64] * 79)
    assert np.array_equal(out[0, LATENCY : LATENCY + 3000], song[0])
    assert made.counters().player_gaps > 0


def test_the_player_takes_no_more_than_it_can_hold():
    made = engine(inputs=0)
    taken = made.play(np.zeros((2, 300_000), np.float32))
    assert taken == 1 << 18
    assert made.play(np.zeros((2, 10), np.float32)) == 0


def test_peaks_are_those_of_the_signal():
    made = engine()
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    matrix[2 * STEMS, 4] = 0.5
    publish(made, matrix)
    mixture = np.zeros((2, 6000), np.float32)
    mixture[0, :] = 0.8
    run(made, mixture, [100] * 60)
    inputs, sources, speakers = np.split(made.meters().peaks[-1], [2, 2 + SOURCES])
    assert inputs.tolist() == [np.float32(0.8), 0]
    assert sources[2 * STEMS] == np.float32(0.8)
    assert speakers[4] == np.float32(0.4)
    assert speakers[0] == 0


def test_targets_published_faster_than_they_are_taken_lose_none_but_the_old():
    made = engine(inputs=1)
    matrix = np.zeros((SOURCES, SPEAKERS), np.float32)
    for goal in range(1, 8):
        matrix[2 * STEMS, 0] = goal / 8
        publish(made, matrix)
    out = run(made, np.ones((1, 2000), np.float32), [64] * 32)
    assert out[0, -1] == np.float32(7 / 8)


def test_the_layout_of_blocks_is_checked():
    made = engine()
    with pytest.raises(ValueError, match="float32"):
        made.process(np.zeros((2, 64)), np.zeros((SPEAKERS, 64), np.float32))
    with pytest.raises(ValueError, match="64 frames, outputs 32"):
        made.process(np.zeros((2, 64), np.float32), np.zeros((SPEAKERS, 32), np.float32))
