"""What training music is made of, in figures."""

import numpy as np
import pytest
import soundfile

from stemfield.control.cli.main import main
from stemfield.separation.material import contents

RATE_HZ = 44100


def _write(folder, **stems):
    folder.mkdir(parents=True)
    time = np.arange(4 * RATE_HZ) / RATE_HZ
    for name, (hz, level_db) in stems.items():
        tone = np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * time)
        soundfile.write(folder / f"{name.replace('_', '+')}.flac", np.stack([tone, tone], axis=1), RATE_HZ)


@pytest.fixture
def songs(tmp_path):
    _write(tmp_path / "songs/a", vocals=(500, -26), bass=(80, -30), drums=(60, -30), other=(700, -20))
    _write(tmp_path / "songs/b", bass_other=(100, -20), drums=(1000, -20))
    _write(tmp_path / "dev/c", vocals=(500, -20), other=(90, -20))
    return tmp_path


def test_levels_and_low_shares_are_measured(songs):
    found, beside = contents.measure([songs / "songs", songs / "dev"])
    assert found.hours == pytest.approx(8 / 3600)
    (vocals_db,) = found.vocals_db
    mixture_db = 10 * np.log10(10**-2.6 + 2 * 10**-3 + 10**-2)
    assert vocals_db == pytest.approx(-26 - mixture_db, abs=0.1)
    assert found.low_shares("bass") == pytest.approx([1.0], abs=1e-3)
    assert found.low_shares("other") == pytest.approx([0.0], abs=1e-3)
    assert sorted(found.low_shares("drums")) == pytest.approx([0.0, 1.0], abs=1e-3)
    assert beside.low_shares("other") == pytest.approx([1.0], abs=1e-3)


def test_command_prints_and_draws_them(songs, capsys):
    image = songs / "contents.png"
    words = ["train", "contents", str(songs / "songs"), "--beside", str(songs / "dev"), "--image", str(image)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "| songs | 2 | 0.00 | -8 (-8...-8) |" in told
    assert "| dev | 1 |" in told
    assert image.read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_songs_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"expected songs with files such as vocals\.wav, got none"):
        contents.measure([tmp_path])
