"""`stemfield evaluate` on songs with known stems, in every layout of folders."""

import json

import numpy as np
import pytest
import soundfile

from stemfield.control.cli import main
from stemfield.control.evaluation_songs import SongsError, load, songs_in
from stemfield.separation.baselines import STEMS, no_learning, oracle
from stemfield.separation.evaluate import si_sdr
from stemfield.separation.scoring import score

RATE_HZ = 44100


@pytest.fixture(scope="module")
def stems():
    """Four seconds: a voice in the middle, a low bass, clicks, and a chord at the sides that ends after two."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    rng = np.random.default_rng(0)
    vibrato = 0.7 * np.sin(2 * np.pi * 5 * t)
    voice = sum(np.sin(k * (2 * np.pi * 330 * t + vibrato)) / k for k in range(1, 9))
    bass = np.sin(2 * np.pi * 60 * t)
    hits = np.exp(-(t % 0.5) * 120) * rng.standard_normal(t.size)
    chord = sum(np.sin(2 * np.pi * f * t) for f in (523, 659, 784)) * (t < 2)
    parts = [np.stack([voice, voice]), np.stack([bass, bass]), np.stack([hits, hits]), np.stack([chord, -chord])]
    return {name: (0.1 * part).astype(np.float32) for name, part in zip(STEMS, parts, strict=True)}


def write(folder, sounds, rate_hz=RATE_HZ, suffix="wav"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.{suffix}", sound.T, rate_hz, subtype="FLOAT" if suffix == "wav" else None)


def test_musdb_layout(tmp_path, stems):
    write(tmp_path / "test" / "A Song", stems | {"mixture": sum(stems.values())})
    (files,) = songs_in(tmp_path)
    song = load(files)
    assert song.name == "test/A Song"
    assert np.array_equal(song.mixture, sum(stems.values()))
    assert np.array_equal(song.stems["drums"], stems["drums"])


def test_sisec_layout_with_mixtures_in_a_tree_of_their_own(tmp_path, stems):
    write(tmp_path / "Sources" / "Dev" / "001", stems)
    write(tmp_path / "Mixtures" / "Dev" / "001", {"mixture": 0.5 * sum(stems.values())})
    (files,) = songs_in(tmp_path)
    assert files.mixture == tmp_path / "Mixtures" / "Dev" / "001" / "mixture.wav"
    assert set(files.stems) == set(STEMS)


def test_a_list_of_loose_files(tmp_path, stems):
    write(tmp_path / "loose", {"Voice": stems["vocals"], "Gtr": stems["other"], "Keys": stems["other"][:, :90_000]})
    write(tmp_path / "loose", {"Rhythm": stems["drums"] + stems["bass"]})
    (tmp_path / "stems.yaml").write_text(
        "songs: [{name: one, folder: loose, stems: {vocals: [Voice.wav], other: [Gtr.wav, Keys.wav],"
        " drums+bass: [Rhythm.wav]}}]"
    )
    (files,) = songs_in(tmp_path)
    song = load(files, seconds=2.0)
    assert song.mixture.shape == (2, 2 * RATE_HZ)
    assert np.abs(song.mixture).max() == pytest.approx(0.9)
    np.testing.assert_allclose(sum(song.stems.values()), song.mixture, atol=1e-6)
    assert load(files).mixture.shape == (2, 90_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("songs: []", "songs: List should have at least 1 item"),
        ("songs: [{name: x, stems: {kazoo: [a.wav]}}]", "x: 'kazoo' is not one of vocals, bass, drums, other"),
        ("songs: [{name: x, stem: {}}]", "songs.0.stem: Extra inputs are not permitted"),
        ("songs: [", "stems.yaml"),
    ],
)
def test_lists_with_problems(tmp_path, text, reason):
    (tmp_path / "stems.yaml").write_text(text)
    with pytest.raises(SongsError, match=reason):
        songs_in(tmp_path)


def test_files_of_different_rates_are_refused(tmp_path, stems):
    write(tmp_path, {"vocals": stems["vocals"]})
    write(tmp_path, {"bass": stems["bass"]}, rate_hz=48000)
    with pytest.raises(SongsError, match=r"differ in sample rate: .*44100 Hz.*48000 Hz|48000 Hz.*44100 Hz"):
        load(songs_in(tmp_path)[0])


def test_perfect_and_absent_stems_have_the_figures_that_follow(stems):
    mixture = sum(stems.values())
    perfect = score(mixture, stems, stems, RATE_HZ)
    assert perfect.stems["vocals"].csdr_db == np.inf
    assert perfect.sum_null_db < -120
    silent = score(mixture, stems, {name: np.zeros_like(mixture) for name in STEMS}, RATE_HZ)
    assert silent.residual_db == pytest.approx(0.0)
    assert silent.stems["bass"].csdr_db == pytest.approx(0.0)
    # what a change of +12 dB leaves undone: the music less itself with the stem three times more
    change = 10 ** (12 / 20) - 1
    bass = silent.stems["bass"]
    wanted = mixture + change * stems["bass"]
    expected = 10 * np.log10((wanted.astype(float) ** 2).sum() / ((change * stems["bass"].astype(float)) ** 2).sum())
    assert bass.remix_sdr_db[-1] == pytest.approx(expected, abs=0.01)


def test_leakage_is_measured_where_the_stem_is_silent(stems):
    mixture = sum(stems.values())
    estimates = {name: np.zeros_like(mixture) for name in STEMS} | {"other": 0.1 * mixture}
    assert score(mixture, stems, estimates, RATE_HZ).stems["other"].leakage_db == pytest.approx(-20.0, abs=0.01)
    without = {name: sound for name, sound in stems.items() if name != "other"}
    absent = score(mixture, without, estimates, RATE_HZ).stems["other"]
    assert absent.leakage_db == pytest.approx(-20.0, abs=0.01)
    assert np.isnan(absent.csdr_db)


def test_baselines_stand_in_the_order_that_they_must(stems):
    mixture = sum(stems.values())
    truth = np.stack([stems[name] for name in STEMS])
    thumb, best = no_learning(mixture, RATE_HZ), oracle(mixture, truth, RATE_HZ)
    for index in range(4):
        plain, middle, top = (si_sdr(truth[index], found) for found in (mixture, thumb[index], best[index]))
        assert plain + 3 < middle < top
    np.testing.assert_allclose(best.sum(axis=0), mixture, atol=1e-4)
    np.testing.assert_allclose(thumb.sum(axis=0), mixture, atol=1e-4)


def test_the_command_prints_a_table_json_and_a_picture(tmp_path, stems, capsys):
    write(tmp_path / "songs" / "one", stems)
    picture = tmp_path / "scores.png"
    words = ["evaluate", str(tmp_path / "songs"), "--plot", str(picture)]
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {song["method"] for song in data["songs"]} == {
        "mixture", "no learning", "oracle masks", "first", "first, surrey",
    }  # fmt: skip
    assert data["remix_gains_db"] == [None, -12.0, -6.0, 6.0, 12.0]
    assert set(data["medians"]["first"]) == set(STEMS)
    assert all(song["sum_null_db"] < -120 for song in data["songs"] if song["sum_null_db"] is not None)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main([*words[:2], "--no-baselines", "--rule", "soft"]) == 0
    table = capsys.readouterr().out
    assert "SI-SDRi" in table
    assert "oracle" not in table


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_no_songs(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", str(tmp_path / place)]) == 2
    assert "error" in capsys.readouterr().err
