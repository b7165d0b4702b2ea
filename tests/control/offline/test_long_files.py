"""Files of any length in the same memory, by the commands as processes of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import toy_models as toys

RATE_HZ = 48000
SHORT_S, LONG_S = 10, 70
FRAME_BYTES = 4 * 2 * RATE_HZ
"""Of a second of stereo."""
PEAK = """
import resource, sys
from stemfield.control.cli.main import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Noise of these lengths; and models that cost little."""
    folder = tmp_path_factory.mktemp("long")
    noise = 0.1 * np.random.default_rng(0).standard_normal((RATE_HZ, 2))
    for seconds in (SHORT_S, LONG_S):
        with soundfile.SoundFile(folder / f"{seconds}.wav", "w", RATE_HZ, 2, subtype="PCM_16") as file:
            for _ in range(seconds):
                file.write(noise)
    toys.mask_stream(folder / "stream")
    toys.small_wave(folder / "chunk", samples=24_000)
    return folder


def peak_bytes(*words):
    done = subprocess.run([sys.executable, "-c", PEAK, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("command", "model"), [("separate", "stream"), ("separate", "chunk"), ("remix", "stream"), ("upmix", "stream")]
)
def test_memory_does_not_grow_with_the_length(files, tmp_path, command, model):
    target = tmp_path / ("stems" if command == "separate" else "out.wav")
    more = ("--layout", "stereo") if command == "upmix" else ()
    short, long = (
        peak_bytes(command, files / f"{seconds}.wav", target, "--model", Path(files / model), *more)
        for seconds in (SHORT_S, LONG_S)
    )
    # to keep the mixture alone would take more
    assert long - short < (LONG_S - SHORT_S) * FRAME_BYTES / 4
