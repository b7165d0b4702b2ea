"""`stemfield models import` and `bench`, as a user calls them."""

import json

import numpy as np
import pytest
import toy_models as toys
import yaml

from stemfield.control.cli.main import main
from stemfield.separation.cards.card import load_card
from stemfield.separation.streaming.streaming import Separator


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "stemfield" / "models"


def run(capsys, *words):
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def mdx(tmp_path):
    path = tmp_path / "Kim_Vocal_2.onnx"
    shape = ("batch", 4, 128, 32)
    toys.scaling(path, [("input", shape, "output", shape, np.ones((1, 4, 128, 1)))])
    return path


KIM = ("--source", "vocals", "--n-fft", "2048", "--compensate", "1.009", "--licence", "MIT")


def test_an_mdx_file_becomes_a_model_with_a_card(capsys, mdx, home):
    words = ("--name", "kim", "--rest", "rest", "--stem", "rest=other", *KIM)
    status, out, _ = run(capsys, "models", "import", mdx, "--family", "mdx", *words)
    assert status == 0
    assert str(home / "kim") in out
    card = load_card("kim", (home,))
    assert card.stft.graph_bins == 128
    assert card.chunk.samples == 1024 * 31
    assert card.chunk.trim == 1024
    assert card.compensate == 1.009
    assert card.names == ("vocals", "rest")
    assert run(capsys, "models", "check", "kim")[:2] == (0, "kim: ok\n")


def test_what_the_file_does_not_say_is_asked_for_all_at_once(capsys, mdx, home):
    status, _, err = run(capsys, "models", "import", mdx, "--family", "mdx")
    assert status == 2
    assert "--n-fft" in err
    assert "--source" in err
    assert "--licence" in err
    assert "Kim_Vocal_2 7680" in err
    assert not home.exists()


def test_another_family_than_the_file_is(capsys, mdx):
    status, _, err = run(
        capsys, "models", "import", mdx, "--family", "openunmix", "--source", "vocals", "--licence", "MIT"
    )
    assert status == 2
    assert "expected one input [batch, 2, 2049, frames], got ['batch', 4, 128, 32]" in err


def test_an_unknown_family_is_answered_with_the_nearest(capsys, mdx):
    status, _, err = run(capsys, "models", "import", mdx, "--family", "mdxx", *KIM)
    assert status == 2
    assert "did you mean mdx?" in err


@pytest.mark.parametrize("form", ["wave", "real and imaginary", "packed"])
def test_the_three_forms_of_htdemucs_are_told_apart(capsys, tmp_path, home, form):
    samples, frames = 8192, 8
    wave = ("mix", (1, 2, samples), "stems", (1, 4, 2, samples), np.ones((1, 4, 2, 1)))
    shape = (1, 2, 2048, frames)
    pairs = {
        "wave": [],
        "real and imaginary": [
            (f"spec_{part}", shape, f"out_{part}", (1, 4, *shape[1:]), np.ones((1, 4, 2, 1, 1)))
            for part in ("imag", "real")
        ],
        "packed": [("mag", (1, 4, 2048, frames), "x", (1, 4, 4, 2048, frames), np.ones((1, 4, 4, 1, 1)))],
    }[form]
    path = tmp_path / "htdemucs.onnx"
    toys.scaling(path, [*pairs, wave])
    status, _, err = run(capsys, "models", "import", path, "--family", "htdemucs", "--licence", "MIT")
    assert (status, err) == (0, "")
    card = load_card("htdemucs", (home,))
    assert card.domain == ("wave_chunk" if form == "wave" else "spec_wave_chunk")
    assert card.sources == ("drums", "bass", "other", "vocals")
    assert card.chunk.samples == samples
    if form == "real and imaginary":
        assert {port.name: port.role for port in card.inputs}["spec_imag"] == "spec_im"


def test_openunmix_and_spleeter_have_a_file_a_source(capsys, tmp_path, home):
    for family, shape, gains in (
        ("openunmix", ("n", 2, 2049, "t"), np.ones((1, 2, 2049, 1))),
        ("spleeter", (2, "splits", 512, 1024), np.ones((2, 1, 1, 1024))),
    ):
        files = []
        for name in ("vocals", "rest"):
            files.append(tmp_path / f"{family}-{name}.onnx")
            toys.scaling(files[-1], [("x", shape, "y", shape, gains)])
        words = ("--source", "vocals", "--source", "accompaniment", "--stem", "accompaniment=other", "--licence", "MIT")
        status, _, err = run(capsys, "models", "import", *files, "--family", family, "--name", family, *words)
        assert (status, err) == (0, "")
        assert len(load_card(family, (home,)).graphs) == 2


def test_a_model_with_a_card_is_copied_and_not_overwritten(capsys, tmp_path, home):
    folder = tmp_path / "mine" / "toy"
    toys.small_wave(folder)
    assert run(capsys, "models", "import", folder)[0] == 0
    assert load_card("toy", (home,)).sources == ("vocals", "other")
    status, _, err = run(capsys, "models", "import", folder)
    assert status == 2
    assert "exists already; to overwrite it pass --replace" in err
    assert run(capsys, "models", "import", folder / "card.yaml", "--replace")[0] == 0


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "no such file"), (b"not a graph", "no usable ONNX graph"), (b"", "no usable ONNX")]
)
def test_files_that_are_no_graphs(capsys, tmp_path, home, content, reason):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    status, _, err = run(capsys, "models", "import", path, "--family", "mdx", *KIM)
    assert status == 2
    assert reason in err
    assert not home.exists()


def test_an_onnx_file_alone_asks_for_its_family(capsys, mdx):
    status, _, err = run(capsys, "models", "import", mdx)
    assert status == 2
    assert "needs --family" in err


def test_bench_tells_speed_latency_and_memory(capsys, tmp_path):
    folder = toys.small_wave(tmp_path / "toy")
    status, out, _ = run(capsys, "models", "bench", "light", folder, "--json")
    assert status == 0
    first, toy = json.loads(out)
    assert first["live"]
    assert first["latency_ms"] == pytest.approx(1e3 * 1024 / 48000)
    assert toy["latency_ms"] == pytest.approx(1e3 * (960 - 60 + 1024) / 48000)
    assert toy["live_latency_ms"] > toy["latency_ms"]
    table = run(capsys, "models", "bench", folder)[1]
    assert "wave_chunk" in table


def test_bench_goes_on_after_a_bad_model(capsys, tmp_path):
    toys.small_wave(tmp_path / "toy")
    status, out, err = run(capsys, "models", "bench", "stduio", tmp_path / "toy", "--json")
    assert status == 2
    assert "did you mean studio" in err
    assert [row["name"] for row in json.loads(out)] == ["toy"]


def test_providers_that_are_not_there_are_told_with_those_that_are(capsys, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"separation": {"providers": ["CPUExecutionProvidr"]}}))
    status, _, err = run(capsys, "check", config)
    assert status == 2
    assert "separation.providers: expected provider " in err
    assert "did you mean CPUExecutionProvider?" in err


@pytest.fixture
def networks(tmp_path):
    """Two networks, one for vocals against the rest, and one for a bass under another name; with credits."""
    claims = np.random.default_rng(0).standard_normal((2, 2, 65)) + 1.0
    vocals = toys.mask_stream(tmp_path / "v", claims, sources=("vocals", "rest"), attribution=["one", "all"])
    more = {"attribution": ["two", "all"], "licence": "MIT", "stems": {"bassline": "bass"}}
    bass = toys.mask_stream(tmp_path / "b", claims[:, :, ::-1].copy(), sources=("bassline", "rest"), **more)
    return vocals, bass


def test_networks_for_single_instruments_become_one_model(capsys, home, networks):
    status, out, err = run(capsys, "models", "join", *networks, "--name", "pair", "--rest", "other")
    assert (status, err) == (0, "")
    assert out == f"{home / 'pair'}: pair, one network an instrument: vocals, bassline, other\n"
    card = load_card("pair", (home,))
    assert [path.name for path in card.graphs] == ["vocals.onnx", "bassline.onnx"]
    assert card.licence == "CC0-1.0 and MIT"
    assert card.attribution == ("one", "all", "two")
    assert card.instrument_of("bassline") == "bass"
    noise = np.random.default_rng(1).standard_normal((2, 4000)).astype(np.float32)
    single = Separator(load_card(networks[0]), 44100)
    alone = np.concatenate([single.feed(noise), single.flush()], axis=2)[0]
    pair = Separator(card, 44100)
    together = np.concatenate([pair.feed(noise), pair.flush()], axis=2)
    assert np.square(together[0]).sum() < np.square(alone).sum()  # both claim much, and share
    np.testing.assert_allclose(together.sum(axis=0), noise, atol=1e-4)
    status, _, err = run(capsys, "models", "join", *networks, "--name", "pair")
    assert status == 2
    assert "exists already" in err


def test_what_does_not_fit_together_is_told_all_at_once(capsys, tmp_path, networks, home):
    wide = toys.mask_stream(tmp_path / "wide", np.zeros((1, 2, 129)), sources=("drums",))
    wave = toys.small_wave(tmp_path / "wave")
    four = toys.mask_stream(tmp_path / "four")
    status, _, err = run(capsys, "models", "join", networks[0], networks[0], wide, wave, four, "--name", "x")
    assert status == 2
    for line in (
        "x: expected a different source from each model, got vocals, vocals, drums, vocals, vocals",
        "x: wide: expected the same stft as v",
        "x: wide: expected the same outputs as v",
        "x: wave: expected a mask_stream model with one graph",
        "x: four: expected one source, or one and the rest, got vocals, bass, drums, other",
    ):
        assert f"stemfield: error: {line}\n" in err
    status, _, err = run(capsys, "models", "join", networks[0], "--name", "x")
    assert (status, err) == (2, "stemfield: error: x: expected at least two models, got 1\n")
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--source", "vox"),
            "kim: no instrument of the room for source 'vox': expected vocals, bass, drums, other, got 'vox'; ",
        ),
        (
            ("--source", "vox", "--stem", "vox=vocal"),
            "for source 'vox': expected vocals, bass, drums, other, got 'vocal', did you ",
        ),
        (("--source", "vox", "--stem", "vox=vocals"), ""),
        (
            ("--source", "vocals", "--rest", "band"),
            "for source 'band': expected vocals, bass, drums, other, got 'band'",
        ),
    ],
)
def test_a_source_that_no_instrument_gets_is_told(capsys, mdx, home, words, told):
    status, out, err = run(
        capsys,
        "models",
        "import",
        mdx,
        "--family",
        "mdx",
        "--name",
        "kim",
        "--n-fft",
        "2048",
        "--licence",
        "MIT",
        *words,
    )
    assert status == 0
    assert "kim" in out
    assert (told in err) if told else not err
    if told:
        assert "set it with --stem" in err
        assert told in run(capsys, "models", "check", "kim")[2]


def test_a_card_that_does_not_fit_is_told_by_the_file_and_the_option_that_mends_it(capsys, tmp_path, home):
    samples = 8192
    path = tmp_path / "four.onnx"
    toys.scaling(path, [("mix", (1, 2, samples), "stems", (1, 4, 2, samples), np.ones((1, 4, 2, 1)))])
    given = ("models", "import", path, "--family", "htdemucs", "--licence", "MIT")
    few = ("--family", "wave", "--source", "vocals", "--source", "drums")
    for words, message in (
        (
            ("--samples", "4096"),
            f"{path}: the input 'mix': expected shape [1, 2, 4096] as in the options, got [1, 2, 8192] (--samples)",
        ),
        (
            few,
            f"{path}: the output 'stems': expected shape [1, 2, 2, 8192] as in the options, got [1, 4, 2, 8192]"
            " (--source)",
        ),
        (
            ("--name", "No Name"),
            "the options: name: expected 1 to 64 of the characters a-z, 0-9, _ and -, got 'No Name' (--name)",
        ),
        (("--stem", "voice=vocals"), "the options: stems: expected drums, bass, other, vocals, got 'voice' (--stem)"),
    ):
        status, _, err = run(capsys, *given, *words)
        assert (status, message in err) == (2, True), err
        assert "stemfield-" not in err


def test_what_is_wrong_with_a_model_that_has_a_card_is_told_of_its_own_files(capsys, tmp_path, home):
    folder = tmp_path / "mine" / "toy"
    toys.small_wave(folder)
    card = (folder / "card.yaml").read_text()
    (folder / "card.yaml").write_text(card.replace("vocals", "vox"))
    status, _, err = run(capsys, "models", "import", folder)
    assert status == 0
    assert "toy: no instrument of the room for source 'vox'" in err
