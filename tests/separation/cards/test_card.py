import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest
import toy_models as toys
import yaml

from stemfield.separation.cards.card import SCHEMAS, CardError, available_models, load_card
from stemfield.separation.cards.presets import DEFAULT, PRESETS

SCORE = {"data": "toys", "clips": 1, "stem": "other", "measure": "csdr", "value_db": 1.0}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A model's folder."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    toys.mask_stream(folder, scores=[SCORE])
    return folder


@pytest.fixture
def model(tmp_path, toy):
    """A user's model, and a way to write another card into it."""
    folder = tmp_path / "toy"
    shutil.copytree(toy, folder)
    data = yaml.safe_load((folder / "card.yaml").read_text())

    def write(changes=None, text=None):
        for path, value in (changes or {}).items():
            *parents, key = path
            part = data
            for parent in parents:
                part = part[parent]
            if value is None:
                del part[key]
            else:
                part[key] = value
        (folder / "card.yaml").write_text(yaml.safe_dump(data) if text is None else text)
        return folder

    return write


def problems_of(name_or_path, folders=()):
    with pytest.raises(CardError) as caught:
        load_card(str(name_or_path), folders)
    return caught.value.problems


def test_every_shipped_model_loads_and_tells_where_it_comes_from():
    entries = available_models()
    assert PRESETS[DEFAULT] in [entry.name for entry in entries]
    for entry in entries:
        assert not entry.problems
        card = load_card(entry.name)
        assert card.licence
        assert card.trained_on
        assert card.attribution
        assert card.graph.is_file()
        assert {score.stem for score in card.scores} == set(card.sources)


def test_the_shipped_card_says_what_a_host_needs(card):
    assert card.sources == ("vocals", "bass", "drums", "other")
    assert (card.sample_rate.lowest_hz, card.sample_rate.highest_hz) == (44100, 48000)
    assert (card.stft.n_fft, card.stft.hop) == (2048, 512)
    assert card.latency_samples <= 0.046 * card.sample_rate.nominal_hz
    assert load_card("light").latency_samples <= 1024


def test_found_by_name_by_folder_and_by_path(model):
    folder = model()
    for asked, folders in (
        ("toy", (folder.parent,)),
        (str(folder), ()),
        (str(folder / "card.yaml"), ()),
    ):
        assert load_card(asked, folders).folder == folder


def test_a_users_model_comes_before_a_shipped_one_of_the_same_name(tmp_path):
    name = PRESETS[DEFAULT]
    toys.mask_stream(tmp_path / name, title="mine")
    entries = available_models((tmp_path,))
    assert (entries[0].name, entries[0].title) == (name, "mine")
    assert load_card(name, (tmp_path,)).title == "mine"
    assert load_card(name).title != "mine"


def test_a_broken_model_is_listed_with_its_problems(model):
    folder = model({("licence",): None})
    entry = available_models((folder.parent,))[0]
    assert (entry.name, entry.title, entry.problems) == ("toy", "", ("licence: missing",))


BROKEN = {
    "tagged": "domain: !!bool foo",
    "tagged-key": "!!float {a: b}",
    "surrogate": 'domain: mask_stream\nname: "\\ud800"\n',
    "list": "[1, 2]",
    "binary": "\x00\x01",
    "deep": "{a: " * 40,
    "endless": "name: 0x" + "f" * 5000,
}


def test_a_broken_card_costs_only_itself(model, tmp_path, monkeypatch):
    model()
    for name, text in BROKEN.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.yaml").write_text(text)
    (tmp_path / "folder" / "card.yaml").mkdir(parents=True)
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "card.yaml")
    entries = {entry.name: entry for entry in available_models((tmp_path,))}
    for name in (*BROKEN, "folder", "fifo"):
        assert len(entries[name].problems) == 1, name
    assert entries["tagged"].problems == ("line 1: YAML tags (!!bool) are not allowed",)
    assert entries["toy"].problems == ()
    assert load_card(DEFAULT, (tmp_path,)).name == PRESETS[DEFAULT]

    def fails(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("hashlib.file_digest", fails)
    assert problems_of("toy", (tmp_path,)) == ("files: toy.onnx cannot be read: Input/output error",)


def test_an_unknown_name_is_answered_with_the_nearest():
    known = ", ".join(sorted([*PRESETS, *(entry.name for entry in available_models())]))
    assert problems_of("stduio") == (f"unknown name: expected {known}, did you mean studio?",)
    with pytest.raises(CardError, match=r"^stduio: unknown name: expected .*, did you mean studio"):
        load_card("stduio")


def test_a_missing_card_and_one_that_is_no_yaml(tmp_path):
    assert problems_of(tmp_path / "card.yaml") == ("cannot be read: No such file or directory",)
    (tmp_path / "card.yaml").write_text("name: [")
    assert len(problems_of(tmp_path)) == 1
    (tmp_path / "card.yaml").write_text("- toy")
    assert problems_of(tmp_path) == ("expected a mapping of keys to values",)
    (tmp_path / "card.yaml").write_text("a: &x [1]\nb: *x")
    assert problems_of(tmp_path) == ("line 2: YAML aliases (*name) are not allowed",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({("licence",): None}, ["licence: missing"]),
        ({("sorces",): ["vocals"]}, ["sorces: unknown key, did you mean sources?"]),
        ({("stft", "hopp"): 512}, ["stft.hopp: unknown key, did you mean hop?"]),
        ({("states", 0, "inn"): "h"}, ["states[0].inn: unknown key, did you mean in?"]),
        ({("zzz",): 1}, ["zzz: unknown key"]),
        ({("domain",): None}, ["domain: missing"]),
        (
            {("domain",): "mask_steam"},
            [
                "domain: expected mask_stream, wave_stream, mag_chunk, complex_chunk, wave_chunk,"
                " spec_wave_chunk, got 'mask_steam', did you mean mask_stream?"
            ],
        ),
        (
            {("domain",): "wave_stream", ("stft",): None, ("hop",): 128},
            [
                "latency_samples: expected 128 from hop 128 and discard_first 0, got 1024",
                "inputs: expected exactly one tensor of role wave, got 0",
                "inputs: role of X: expected wave or state in wave_stream, got re_im",
                "outputs: expected exactly one tensor of role wave, got 0",
                "outputs: role of Y: expected wave or state in wave_stream, got re_im",
            ],
        ),
        (
            {("rest",): "drums"},
            [
                "rest: expected a name that is not among the sources, got 'drums'",
                "rest: expected none, because the sources of one graph sum to the mixture, got 'drums'",
            ],
        ),
        ({("stems",): {"vox": "vocals"}}, ["stems: expected vocals, bass, drums, other, got 'vox'"]),
        ({("stft", "hop"): "512"}, ["stft.hop: expected a whole number from 8 to 32768, got '512'"]),
        ({("stft", "n_fft"): -2}, ["stft.n_fft: expected a whole number from 16 to 65536, got -2"]),
        (
            {("latency_samples",): 2048},
            ["latency_samples: expected 1024 from stft.synthesis_tail 1024 and lookahead_frames 0, got 2048"],
        ),
        (
            {("lookahead_frames",): 2},
            ["latency_samples: expected 2048 from stft.synthesis_tail 1024 and lookahead_frames 2, got 1024"],
        ),
        ({("stft", "hop"): 256}, ["stft.synthesis_tail: expected twice the hop of 256, got 1024"]),
        (
            {("sample_rate", "highest_hz"): 44000},
            ["sample_rate.nominal_hz: expected lowest_hz 44100 to highest_hz 44000, got 44100"],
        ),
        (
            {("sources",): ["vocals", "bass", "drums", "drums"]},
            [
                "sources: expected each name once, got vocals, bass, drums, drums",
                "scores[0].stem: expected vocals, bass, drums, drums, got 'other'",
            ],
        ),
        (
            {("inputs", 0, "shape"): [2, 513, 2]},
            ["inputs: shape of X: expected [2, 1025, 2] from sources, files and stft, got [2, 513, 2]"],
        ),
        (
            {("sources",): ["vocals", "bass", "drums", "other", "piano"]},
            ["outputs: shape of Y: expected [5, 2, 1025, 2] from sources, files and stft, got [4, 2, 1025, 2]"],
        ),
        (
            {("states", 0, "shape"): [3, 34, 32]},
            [
                "states: shape of h: expected [3, 34, 64] as in inputs, got [3, 34, 32]",
                "states: shape of h_out: expected [3, 34, 64] as in outputs, got [3, 34, 32]",
            ],
        ),
        (
            {("states",): []},
            ["inputs: the state h is missing from states", "outputs: the state h_out is missing from states"],
        ),
        (
            {("states", 0, "in"): "g"},
            ["inputs: the state h is missing from states", "states: expected an input of role state, got g"],
        ),
        (
            {("outputs", 0, "role"): "state"},
            [
                "outputs: expected exactly one tensor of role re_im or mask, got 0",
                "outputs: the state Y is missing from states",
            ],
        ),
        ({("files",): []}, ["files: expected one, or one per source (4), got 0"]),
        (
            {("inputs", 0, "role"): "wave"},
            [
                "inputs: expected exactly one tensor of role re_im or mag, got 0",
                "inputs: role of X: expected re_im, mag or state in mask_stream, got wave",
            ],
        ),
        (
            {("outputs", 0, "role"): "mask"},
            ["outputs: shape of Y: expected [4, 2, 1025] from sources, files and stft, got [4, 2, 1025, 2]"],
        ),
        (
            {("files", 0, "sha256"): "6A78"},
            ["files[0].sha256: expected a SHA-256 of 64 hexadecimal digits, got '6A78'"],
        ),
        ({("name",): "second"}, ["name: expected 'toy', the folder's name, got 'second'"]),
        (
            {("latency_samples",): 3, ("stft", "hop"): 500},
            [
                "stft.synthesis_tail: expected twice the hop of 500, got 1024",
                "latency_samples: expected 1024 from stft.synthesis_tail 1024 and lookahead_frames 0, got 3",
            ],
        ),
        (
            {("licence",): None, ("stft", "window"): "hann"},
            ["licence: missing", "stft.window: expected asymmetric_hann, got 'hann'"],
        ),
    ],
)
def test_every_problem_is_named_at_once(model, changes, expected):
    assert list(problems_of(model(changes))) == expected


def test_files_are_checked(model):
    folder = model()
    graph = folder / "toy.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    digest = hashlib.sha256(graph.read_bytes()).hexdigest()
    said = yaml.safe_load((folder / "card.yaml").read_text())["files"][0]["sha256"]
    assert problems_of(folder) == (f"files: sha256 of toy.onnx: expected {said}, got {digest}",)
    graph.unlink()
    assert problems_of(folder) == (f"files: toy.onnx is missing from {folder}",)


@pytest.mark.parametrize("path", ["../toy.onnx", "/etc/passwd", ".hidden", "a/b.onnx"])
def test_files_outside_the_folder_are_refused(model, path):
    (problem,) = problems_of(model({("files", 0, "path"): path}))
    assert problem == f"files[0].path: expected a plain file name in the card's folder, got {path!r}"


def test_cards_are_values(card):
    with pytest.raises(ValueError, match="frozen"):
        card.title = "other"


def test_the_manual_names_every_key_of_every_card():
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    schemas = [schema.model_json_schema() for schema in set(SCHEMAS.values())]
    keys = {key for schema in schemas for part in (schema, *schema["$defs"].values()) for key in part["properties"]}
    assert sorted(key for key in keys if key not in text) == []
