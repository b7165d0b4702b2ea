import os
import subprocess
import sys

import numpy as np
import pytest

from stemfield.renderer.ring import Exchange, ExchangeError


@pytest.fixture
def exchange():
    made = Exchange.create(2, 1 << 10)
    yield made
    made.close()


def test_stems_wrap_around_the_end_of_the_ring(exchange):
    stems = np.arange(2 * 2 * 300, dtype=np.float32).reshape(2, 2, 300)
    exchange.restart_stems(900)
    exchange.write_stems(stems)
    assert exchange.stems_end() == 1200
    held = np.take(exchange._stems, np.arange(900, 1200), axis=1, mode="wrap")
    assert np.array_equal(held, stems.reshape(4, 300))


@pytest.mark.parametrize("years", [0, 1, 100])
def test_the_mixture_is_read_around_the_end_however_long_it_plays(exchange, years):
    end = years * 365 * 86_400 * 192_000 // exchange.frames * exchange.frames
    random = np.random.default_rng(years)
    exchange._mixture[:] = random.standard_normal((2, exchange.frames))
    newest, oldest = exchange._mixture[:, :100], exchange._mixture[:, -200:]
    read = exchange.read_mixture(end - 200 + exchange.frames, 300)
    assert np.array_equal(read, np.concatenate([oldest, newest], axis=1))


def test_nothing_is_valid_before_the_first_write(exchange):
    exchange.restart_stems(5000)
    from stemfield.renderer.ring import NEVER, WORD_STEMS_START

    assert exchange._words[WORD_STEMS_START] == NEVER
    exchange.write_stems(np.zeros((2, 2, 1), np.float32))
    assert exchange._words[WORD_STEMS_START] == 5000


def test_another_process_sees_the_same_memory(exchange):
    script = (
        "import sys, numpy as np\n"
        "from stemfield.renderer.ring import Exchange\n"
        "e = Exchange.attach(int(sys.argv[1]))\n"
        "e.restart_stems(7)\n"
        "e.write_stems(np.full((2, 2, 5), 0.25, np.float32))\n"
        "e.beat(); e.load = 0.5\n"
        "assert e.threshold == 0.125\n"
    )
    exchange.threshold = 0.125
    subprocess.run([sys.executable, "-c", script, str(exchange.fd)], pass_fds=[exchange.fd], check=True)
    assert exchange.stems_end() == 12
    assert exchange.beats() == 1
    assert exchange.load == 0.5
    assert exchange._stems[:, 7:12].sum() == 0.25 * 20


def test_the_first_stems_of_a_process_wait_for_no_compiled_code(exchange):
    script = (
        "import sys\n"
        "from stemfield.renderer.dsp.leakage import _measure\n"
        "from stemfield.renderer.ring import Exchange\n"
        "Exchange.attach(int(sys.argv[1]))\n"
        "assert _measure.signatures\n"
    )
    subprocess.run([sys.executable, "-c", script, str(exchange.fd)], pass_fds=[exchange.fd], check=True)


@pytest.mark.parametrize("content", [b"", b"x" * 100, bytes(8 * 64)])
def test_a_foreign_descriptor_is_refused(content):
    fd = os.memfd_create("foreign")
    os.write(fd, content)
    with pytest.raises(ExchangeError, match=rf"descriptor {fd}"):
        Exchange.attach(fd)
    os.close(fd)


def test_wrong_shapes_are_refused(exchange):
    with pytest.raises(ExchangeError, match=r"shape \(1, 2, 5\)"):
        exchange.write_stems(np.zeros((1, 2, 5), np.float32))
    with pytest.raises(ExchangeError, match="power of two"):
        Exchange.create(2, 1000)
