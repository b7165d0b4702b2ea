"""Invariants of all domains on small toy models: blocks, silence, latency, the sum."""

import hashlib

import numpy as np
import onnx
import pytest
import toy_models as toys
import yaml
from onnx import helper, numpy_helper

from stemfield.separation.cards.card import CardError, load_card
from stemfield.separation.cards.card_parts import ChunkStft
from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.streaming.speed import realtime_factor
from stemfield.separation.streaming.streaming import Separator

STEMS = ("vocals", "bass", "drums", "other")


def small_spectral(folder):
    """A model of complex spectra in small chunks, with a rest."""
    folder.mkdir()
    gains = np.random.default_rng(3).uniform(0.0, 1.0, (1, 4, 96, 1))
    shape = (1, 4, 96, 16)
    toys.scaling(folder / "g.onnx", [("x", shape, "y", shape, gains)])
    port = {"role": "re_im", "layout": "b (c z) f t"}
    return toys.write_card(
        folder,
        "complex_chunk",
        ["vocals"],
        ["g.onnx"],
        rest="other",
        inputs=[{"name": "x", **port}],
        outputs=[{"name": "y", **port}],
        stft={"n_fft": 256, "hop": 64, "bins": 96},
        chunk={"samples": 960, "trim": 128, "fade": "hann"},
        normalise="peak",
    )


MAKERS = {"wave_chunk": toys.small_wave, "complex_chunk": small_spectral, "wave_stream": toys.wave_stream}


@pytest.fixture(params=MAKERS)
def card(request, tmp_path):
    return load_card(MAKERS[request.param](tmp_path / request.param))


@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_blocks_do_not_matter(card, sample_rate_hz, make_music, separate):
    separator = Separator(card, sample_rate_hz)
    music = make_music(9000, sample_rate_hz)
    whole = separate(separator, music, 9000)
    for block in (1, 63, 1000, 4096):
        assert np.array_equal(separate(separator, music, block), whole), block


def test_silence_before_the_music_does_not_matter(card, make_music, separate):
    separator = Separator(card, 48000)
    music = make_music(8000, 48000)
    alone = separate(separator, music)
    for silent in (1, 511, 4097, 30_000):
        stems = separate(separator, np.pad(music, ((0, 0), (silent, 0))), 1000)
        assert not stems[..., :silent].any()
        assert np.array_equal(stems[..., silent:], alone), silent


def test_latency_is_kept_for_any_block(card, make_music):
    separator = Separator(card, 48000)
    music = make_music(12_000, 48000)
    worst = 0
    for block in (1, 64, 999, 5000):
        separator.reset()
        fed = out = 0
        while fed < 12_000:
            taken = music[:, fed : fed + block]
            fed += taken.shape[1]
            out += separator.feed(taken).shape[2]
            assert fed - separator.latency_frames <= out <= fed
            assert separator.pending_frames == fed - out
            worst = max(worst, fed - out)
        assert out + separator.flush().shape[2] == fed
    assert worst > 0.7 * separator.latency_frames


@pytest.mark.parametrize("rule", ["soft", "surrey"])
def test_rules_and_thresholds_take_from_the_stems(card, rule, make_music, separate):
    separator = Separator(card, 48000, rule=rule)
    music = make_music(12_000, 48000)
    energies = []
    for threshold in (0.0, 0.4, 1.0):
        separator.threshold = threshold
        energies.append(float((separate(separator, music) ** 2).sum()))
    assert energies[0] >= energies[1] >= energies[2]
    assert energies[0] > 1.01 * energies[2]
    assert energies[2] == 0.0 or rule == "soft"  # no mask exceeds 1


def test_stems_of_the_room_in_its_order(card, make_music, separate):
    music = make_music(6000, 48000)
    own = separate(Separator(card, 48000), music)
    room = separate(Separator(card, 48000, stems=STEMS), music)
    assert np.array_equal(room[[0, 3]], own)
    assert not room[1:3].any()


def test_a_source_that_belongs_nowhere_is_refused(tmp_path):
    card = load_card(toys.small_wave(tmp_path / "x", sources=("vocals", "kazoo")))
    with pytest.raises(ValueError, match="sources: expected vocals, bass, drums, other, got 'kazoo'; `stems` can"):
        Separator(card, 48000, stems=STEMS)


def test_several_sources_of_one_instrument_are_added(tmp_path, make_music, separate, null_db):
    folder = toys.small_wave(
        tmp_path / "x", [[0.5, 0.5], [0.1, 0.1], [0.2, 0.2]], sources=("vocals", "piano", "guitar"),
        stems={"piano": "other", "guitar": "other"},
    )  # fmt: skip
    music = make_music(6000, 48000)
    stems = separate(Separator(load_card(folder), 48000, stems=STEMS), music)
    assert null_db(stems[3] - 0.3 * music, music) < -100


def test_silence_costs_no_call_and_bad_numbers_spoil_one_chunk(tmp_path, make_music, separate):
    folder = tmp_path / "bad"
    toys.small_wave(folder, [[1.0, np.inf], [1.0, 1.0]])
    separator = Separator(load_card(str(folder)), 48000)
    assert not separate(separator, make_music(6000, 48000)).any()


WINDOWS = {
    "hann": 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256),
    "sine": np.sin(np.pi * (np.arange(256) + 0.5) / 256),
}


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_slow_oracle_of_the_transform(make_music, kind):
    stft = ChunkStft(n_fft=256, hop=64, window=kind, centre="hop", scale="amplitude", pad="zero")
    sound = make_music(1000, 44100)
    spectra = ChunkTransform(stft, 1000).analyse(sound)
    assert spectra.shape == (2, 129, 16)
    n = np.arange(256)
    window = WINDOWS[kind]
    padded = np.pad(sound, ((0, 0), (96, 400)))
    for frame, k in ((0, 3), (5, 40), (15, 128)):
        part = padded[:, frame * 64 : frame * 64 + 256]
        expected = (part * window * np.exp(-2j * np.pi * k * n / 256)).sum(axis=1) / (0.5 * window.sum())
        np.testing.assert_allclose(spectra[:, k, frame], expected, atol=1e-5)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("centre", ["sample", "hop"])
@pytest.mark.parametrize("samples", [960, 1000, 1023])
def test_untouched_spectra_give_the_chunk_back(window, centre, samples, make_music):
    stft = ChunkStft(n_fft=256, hop=64, window=window, centre=centre)
    sound = make_music(samples, 44100)
    transform = ChunkTransform(stft, samples)
    error = np.abs(transform.synthesise(transform.analyse(sound)) - sound)
    assert error[:, 64:-128].max() < 1e-5


def test_compute_is_counted_per_second_of_sound(tmp_path):
    quick = realtime_factor(Separator(load_card(toys.small_wave(tmp_path / "quick")), 48000))
    slow = realtime_factor(Separator(load_card(toys.slow_stream(tmp_path / "slow")), 48000))
    assert 0.0 < quick < 0.9 < slow


def changed(folder, changes=None, graph=None):
    path = folder / "card.yaml"
    data = yaml.safe_load(path.read_text()) | (changes or {})
    if graph is not None:
        (folder / "wave.onnx").write_bytes(graph)
    data["files"][0]["sha256"] = hashlib.sha256((folder / "wave.onnx").read_bytes()).hexdigest()
    path.write_text(yaml.safe_dump(data))
    return str(folder)


def problems_of(folder):
    with pytest.raises(CardError) as caught:
        realtime_factor(Separator(load_card(folder), 48000))
    return list(caught.value.problems)


@pytest.fixture
def toy(tmp_path):
    toys.small_wave(tmp_path / "toy")
    return tmp_path / "toy"


PORTS = [{"name": "mix", "role": "wave", "layout": "b c n"}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"chunk": {"samples": 961, "trim": 60}},
            [
                "the input 'mix': expected shape [1, 2, 961] as in the card, got [1, 2, 960]",
                "the output 'stems': expected shape [1, 2, 2, 961] as in the card, got [1, 2, 2, 960]",
            ],
        ),
        ({"chunk": {"samples": 960, "trim": 470}}, ["chunk.trim: expected at most 448 for 960 samples, got 470"]),
        (
            {"chunk": {"samples": 960, "overlap": 0.6}},
            ["chunk.overlap: expected a number from 0 to 0.5, got 0.6"],
        ),
        ({"domain": "mag_chunk"}, [
            "stft: missing, required in domain mag_chunk",
            "inputs: role of mix: expected mag in mag_chunk, got wave",
            "outputs: role of stems: expected mag, mask in mag_chunk, got wave",
        ]),
        ({"stft": {"n_fft": 512, "hop": 128}}, ["stft: expected none in domain wave_chunk"]),
        (
            {"inputs": [{"name": "mix", "role": "wave", "layout": "b c q"}]},
            ["inputs[0].layout: expected the axes b, s, c, z, f, t, n, got 'b c q'"],
        ),
        (
            {"inputs": [{"name": "mix", "role": "wave", "layout": "b n f"}]},
            [
                "inputs: layout of mix: expected axes c too, got 'b n f'",
                "inputs: layout of mix: expected no axes f, got 'b n f'",
            ],
        ),
        ({"outputs": PORTS}, ["outputs: layout of mix: expected axes s too, got 'b c n'"]),
        ({"inputs": []}, ["inputs: expected at least one tensor"]),
        (
            {"inputs": [{"name": "mx", "role": "wave", "layout": "b c n"}]},
            ["the graph's input 'mix' is not in the card", "the graph has no input 'mx', did you mean mix?"],
        ),
        ({"chunck": {}}, ["chunck: unknown key, did you mean chunk?"]),
        ({"combine": {"rule": "ratio"}}, ["combine: expected none in domain wave_chunk, which has no magnitudes"]),
        ({"sources": ["vocals", "bass", "drums"]}, [
            "the output 'stems': expected shape [1, 3, 2, 960] as in the card, got [1, 2, 2, 960]",
        ]),
    ],
)  # fmt: skip
def test_cards_that_contradict_themselves_or_the_graph(toy, changes, expected):
    assert problems_of(changed(toy, changes)) == expected


def test_sizes_that_a_graph_leaves_open_are_found_out_by_running_it(toy):
    """The number of sources depends on data, and the graph declares no shape."""
    nodes = [
        helper.make_node("Unsqueeze", ["mix", "axis"], ["wide"]),
        helper.make_node("Mul", ["wide", "gains"], ["three"]),
        helper.make_node("Compress", ["three", "which"], ["stems"], axis=1),
    ]
    constants = [
        toys.constant("gains", np.ones((1, 3, 2, 1))),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.array([True, False, True]), "which"),
    ]
    inputs, outputs = [toys.value("mix", ("b", 2, "n"))], [toys.value("stems", (0, "s", 2, 0))]
    toys.save(toy / "wave.onnx", nodes, inputs, outputs, constants)
    assert realtime_factor(Separator(load_card(changed(toy)), 48000)) > 0.0
    problems = problems_of(changed(toy, {"sources": ["vocals", "drums", "other"]}))
    assert problems == ["the output 'stems': expected shape [1, 3, 2, 960], got [1, 2, 2, 960]"]


def test_another_opset_is_told_in_the_runtimes_words(toy):
    model = onnx.load(str(toy / "wave.onnx"))
    model.opset_import[0].version = 999
    (problem,) = problems_of(changed(toy, graph=model.SerializeToString()))
    assert problem.startswith("no usable ONNX graph: ")
    assert "opset" in problem.lower()


def test_a_wrong_checksum_is_told_with_both(toy):
    path = toy / "wave.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CardError, match=r"files: sha256 of wave.onnx: expected [0-9a-f]{64}, got [0-9a-f]{64}"):
        load_card(str(toy))
