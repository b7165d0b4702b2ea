"""`stemfield evaluate` on songs with known stems, in every layout of folders."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from stemfield.control.cli.main import main
from stemfield.control.offline.evaluation.methods import baselines, result_of
from stemfield.control.offline.evaluation.report import plain_data
from stemfield.control.offline.evaluation.room import RoomScorer
from stemfield.control.offline.evaluation.songs import Song, SongsError, load, songs_in
from stemfield.control.offline.evaluation.tables import print_tables
from stemfield.layouts.loader import load_layout
from stemfield.renderer.scene.scene import default_scene
from stemfield.separation.cards.presets import DEFAULT, PRESETS
from stemfield.separation.evaluation.baselines import STEMS, no_learning, oracle
from stemfield.separation.evaluation.evaluate import sdr, si_sdr
from stemfield.separation.evaluation.scoring import score

RATE_HZ = 44100
MODEL = PRESETS[DEFAULT]


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
        ("songs: []", "songs: expected 1 or more entries, got"),
        ("songs: [{name: x, stems: {kazoo: [a.wav]}}]", "x: expected stems vocals, bass, drums, other, got 'kazoo'"),
        ("songs: [{name: x, stem: {}}]", r"songs\[0\].stem: unknown key, did you mean stems"),
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
    picture, report = tmp_path / "scores.png", tmp_path / "report.md"
    words = ["evaluate", str(tmp_path / "songs"), "--plot", str(picture)]
    assert main([*words, "--json", "--layout", "quad", "--routing", "--report", str(report)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {song["method"] for song in data["songs"]} == {
        "mixture", "no learning", "oracle masks", MODEL, f"{MODEL}, surrey",
    }  # fmt: skip
    assert data["remix_gains_db"] == [None, -12.0, -6.0, 6.0, 12.0]
    assert set(data["medians"][MODEL]) == set(STEMS)
    assert all(song["sum_null_db"] < -120 for song in data["songs"] if song["sum_null_db"] is not None)
    assert set(data["loudspeakers_db"][MODEL]) == {"M+045", "M-045", "M+135", "M-135"}
    assert data["loudspeakers_db"]["mixture"]["M+045"] < data["loudspeakers_db"]["oracle masks"]["M+045"]
    assert set(data["songs"][0]["loudspeakers_db"]) == set(data["loudspeakers_db"][MODEL])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "scores-routing.png").read_bytes().startswith(b"\x89PNG")
    assert set(data["routing"]) == {"no learning", "oracle masks", MODEL, f"{MODEL}, surrey"}
    best = data["routing"]["oracle masks"]["all"]
    assert min(best[stem]["shares"][stem]["median"] for stem in STEMS) > 0.9
    assert best["bass"]["songs"] == 1
    low = data["routing"]["no learning"]["below 250 Hz"]["bass"]
    assert low["power"] == pytest.approx(1.0, abs=0.01)
    assert low["shares"]["bass"]["mean"] > 0.5
    for song in data["songs"]:
        for rows in song.get("routing", {}).values():
            assert all(
                sum(row["shares"].values()) == pytest.approx(1.0) for row in rows.values() if row["power"] > 0.01
            )
    assert data["missed_singers"]["oracle masks"] == {"missed": [], "sung": 1}
    written = report.read_text()
    assert "![scores-routing](scores-routing.png)" in written
    assert "| register | true stem |" in written
    assert f"{MODEL}: the singer is missed" in written
    assert main([*words[:2], "--no-baselines", "--rule", "soft"]) == 0
    table = capsys.readouterr().out
    assert "register" not in table
    assert "SI-SDRi" in table
    assert "leakage" in table
    assert "loudspeaker" not in table
    assert "oracle" not in table


def test_songs_whose_singer_is_missed_are_named(stems, capsys):
    mixture = sum(stems.values())
    heard, missed = (Song(name, RATE_HZ, mixture, stems) for name in ("heard", "missed"))
    group = Song("group", RATE_HZ, mixture, {"vocals+other": stems["vocals"] + stems["other"], "bass": stems["bass"]})
    truth = np.stack([stems[name] for name in STEMS])
    without = truth * np.array([0, 1, 1, 1], np.float32)[:, None, None]
    without[3] += truth[0]
    results = [result_of(song, "m", sound, routed=True) for song, sound in
               ((heard, truth), (missed, without), (group, without))]  # fmt: skip
    print_tables(results)
    printed = capsys.readouterr().out
    assert "m: the singer is missed (vocal cSDR below 0.5 dB) in 1 of 2 songs: missed." in printed
    assert "0.50 (0.00 to 1.00)" in printed
    assert plain_data(results)["missed_singers"] == {"m": {"missed": ["missed"], "sung": 2}}
    together = plain_data(results)["routing"]["m"]["all"]["vocals+other"]
    assert together["shares"]["other"]["mean"] == pytest.approx(1.0, abs=0.01)


def test_a_report_over_a_picture_is_refused(tmp_path, stems, capsys):
    write(tmp_path / "songs" / "one", stems)
    picture = str(tmp_path / "a.png")
    assert main(["evaluate", str(tmp_path / "songs"), "--plot", picture, "--report", picture]) == 2
    assert "expected another file than the picture" in capsys.readouterr().err


def test_loudspeakers_are_judged_by_what_true_stems_would_have_given_them(stems):
    song = Song("one", RATE_HZ, sum(stems.values()), stems)
    truth = np.stack([stems[name] for name in STEMS])
    judge = RoomScorer(song, load_layout("22.2"), default_scene())
    perfect = judge.score(truth)
    assert min(perfect.values()) > 100
    assert "LFE1" not in perfect
    swapped = judge.score(truth[[0, 2, 1, 3]])  # bass and drums stand in different places
    assert swapped["M+060"] > 100 > swapped["M+000"]
    nothing = judge.score(np.zeros_like(truth))
    assert nothing["M+060"] == pytest.approx(0.0, abs=0.01)  # the residual does not reach so far


def test_what_stands_together_is_played_without_error_however_badly_it_is_separated(stems):
    song = Song("one", RATE_HZ, sum(stems.values()), stems)
    scene = default_scene()
    for item in scene.objects:
        scene = scene.with_object(replace(item, position=(1.0, 0.0, 0.0), width_deg=60.0))
    bad = 0.3 * np.stack([stems[name] for name in ("other", "drums", "vocals", "bass")])
    assert min(RoomScorer(song, load_layout("5.1"), scene).score(bad).values()) > 100


def test_stems_that_are_known_together_are_judged_together(stems):
    known = {"vocals": stems["vocals"], "drums+bass": stems["drums"] + stems["bass"], "other": stems["other"]}
    song = Song("one", RATE_HZ, sum(stems.values()), known)
    judge = RoomScorer(song, load_layout("quad"), default_scene())
    assert min(judge.score(np.stack([stems[name] for name in STEMS])).values()) > 100
    (_, mixture), *_ = baselines(song)
    of_both = score(song.mixture, known, dict(zip(STEMS, mixture, strict=True)), RATE_HZ).stems["drums+bass"]
    assert of_both.sdr_improvement_db == pytest.approx(0.0)


def test_improvements_are_over_the_mixture(stems):
    mixture = sum(stems.values())
    estimates = {name: 0.5 * sound for name, sound in stems.items()}
    vocals = score(mixture, stems, estimates, RATE_HZ).stems["vocals"]
    assert vocals.si_sdr_db > 100
    assert vocals.si_sdr_improvement_db == pytest.approx(vocals.si_sdr_db - si_sdr(stems["vocals"], mixture))
    assert vocals.sdr_improvement_db == pytest.approx(20 * np.log10(2) - sdr(stems["vocals"], mixture), abs=1e-3)


def test_a_scene_without_a_room_is_refused(tmp_path, stems, capsys):
    write(tmp_path / "songs" / "one", stems)
    assert main(["evaluate", str(tmp_path / "songs"), "--scene", "x.yaml"]) == 2
    assert "--scene needs --layout" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_no_songs(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert main(["evaluate", str(tmp_path / place)]) == 2
    assert "error" in capsys.readouterr().err
