import os
import subprocess
import sys

import numpy as np
import pytest

from stemfield.renderer.native.operations import store
from stemfield.renderer.timeline import NEVER, WORD_MIXTURE_END, WORD_STEMS_START, Timeline, TimelineError


@pytest.fixture
def timeline():
    made = Timeline.create(2, 1 << 10)
    yield made
    made.close()


@pytest.fixture
def make_timeline():
    made = []
    yield lambda: made.append(Timeline.create(2, 1 << 17)) or made[-1]
    for one in made:
        one.close()


def test_stems_wrap_around_the_end_of_the_ring(timeline):
    stems = np.arange(2 * 2 * 300, dtype=np.float32).reshape(2, 2, 300)
    timeline.restart_stems(900)
    timeline.write_stems(stems)
    assert timeline.stems_end() == 1200
    held = np.take(timeline._stems, np.arange(900, 1200), axis=1, mode="wrap")
    assert np.array_equal(held, stems.reshape(4, 300))


@pytest.mark.parametrize("years", [0, 1, 100])
def test_the_mixture_is_read_around_the_end_however_long_it_plays(timeline, years):
    end = years * 365 * 86_400 * 192_000 // timeline.frames * timeline.frames
    random = np.random.default_rng(years)
    timeline._mixture[:] = random.standard_normal((2, timeline.frames))
    newest, oldest = timeline._mixture[:, :100], timeline._mixture[:, -200:]
    read = timeline.read_mixture(end - 200 + timeline.frames, 300)
    assert np.array_equal(read, np.concatenate([oldest, newest], axis=1))


def test_nothing_is_valid_before_the_first_write(timeline):
    timeline.restart_stems(5000)
    assert timeline._words[WORD_STEMS_START] == NEVER
    timeline.write_stems(np.zeros((2, 2, 1), np.float32))
    assert timeline._words[WORD_STEMS_START] == 5000


def test_another_process_sees_the_same_memory(timeline):
    script = (
        "import sys, numpy as np\n"
        "from stemfield.renderer.timeline import Timeline\n"
        "e = Timeline.attach(int(sys.argv[1]))\n"
        "e.restart_stems(7)\n"
        "e.write_stems(np.full((2, 2, 5), 0.25, np.float32))\n"
        "e.beat(); e.load = 0.5\n"
        "assert e.threshold == 0.125\n"
    )
    timeline.threshold = 0.125
    subprocess.run([sys.executable, "-c", script, str(timeline.fd)], pass_fds=[timeline.fd], check=True)
    assert timeline.stems_end() == 12
    assert timeline.beats() == 1
    assert timeline.load == 0.5
    assert timeline._stems[:, 7:12].sum() == 0.25 * 20


def test_the_first_stems_of_a_process_wait_for_no_compiled_code(timeline):
    script = (
        "import sys\n"
        "from stemfield.renderer.dsp.leakage import _measure\n"
        "from stemfield.renderer.timeline import Timeline\n"
        "Timeline.attach(int(sys.argv[1]))\n"
        "assert _measure.signatures\n"
    )
    subprocess.run([sys.executable, "-c", script, str(timeline.fd)], pass_fds=[timeline.fd], check=True)


def test_written_silence_equals_silent_stems(make_timeline):
    """Stems, leakage, and what the meter remembers of the stems before, also across the end of the ring."""
    random = np.random.default_rng(3)
    before, after = (random.standard_normal((2, 2, frames)).astype(np.float32) for frames in (2000, 500))
    plain, short = make_timeline(), make_timeline()
    for one in (plain, short):
        one._stems[:] = np.nan
        one.restart_stems(0)
        one.write_stems(before)
        assert one.write_silence() == 2000, "the meter still remembers"
        one.write_stems(np.zeros((2, 2, 48_000), np.float32))
    silence = 120_000
    short._mixture[:, (50_000 + silence) % short.frames] = 0.0, 1e-30
    store(short.word_address(WORD_MIXTURE_END), 50_000 + silence + 100)
    assert short.write_silence() == short.stems_end() == 50_000 + silence
    assert short.write_silence() == 50_000 + silence, "a frame that sounds is left to the separator"
    for _ in range(silence // 1000):
        plain.write_stems(np.zeros((2, 2, 1000), np.float32))
    for one in (plain, short):
        one.write_stems(after)
    assert np.array_equal(plain._stems, short._stems)
    assert np.array_equal(plain._leakage, short._leakage)


def test_silence_is_valid_from_its_first_frame(timeline):
    timeline.restart_stems(30)
    assert timeline.write_silence() == 30
    assert timeline._words[WORD_STEMS_START] == NEVER
    store(timeline.word_address(WORD_MIXTURE_END), 40)
    assert timeline.write_silence() == 40
    assert timeline._words[WORD_STEMS_START] == 30


@pytest.mark.parametrize("content", [b"", b"x" * 100, bytes(8 * 64)])
def test_a_foreign_descriptor_is_refused(content):
    fd = os.memfd_create("foreign")
    os.write(fd, content)
    with pytest.raises(TimelineError, match=rf"descriptor {fd}"):
        Timeline.attach(fd)
    os.close(fd)


def test_wrong_shapes_are_refused(timeline):
    with pytest.raises(TimelineError, match=r"shape \(1, 2, 5\)"):
        timeline.write_stems(np.zeros((1, 2, 5), np.float32))
    with pytest.raises(TimelineError, match="power of two"):
        Timeline.create(2, 1000)
