"""What plain words of YAML mean: numbers of YAML 1.2, wherever YAML is read, and texts that stay texts when written."""

import io
import math

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stemfield.control.config.configuration import load_config
from stemfield.control.scenes.file import read_data
from stemfield.layouts.loader import load_layout
from stemfield.layouts.strict_yaml import dump_yaml, parse_yaml

NUMBERS = {
    "030": 30, "010": 10, "-030": -30, "+7": 7, "00": 0, "08": 8, "0o17": 15, "0x1F": 31,
    "1e-06": 1e-6, "-3e1": -30.0, "1E3": 1000.0, "5.": 5.0, ".5": 0.5, "-.5e+1": -5.0, "030.5": 30.5,
    "6.02e23": 6.02e23, ".inf": math.inf, "-.INF": -math.inf,
}  # fmt: skip
TEXTS = "1:30 1:30.5 1_000 0b101 2024-05-01 2024-99-99 1e e3 . +. = << 0o8 1,5 -0o7".split()  # noqa: SIM905


@pytest.mark.parametrize("word", NUMBERS)
def test_numbers(word):
    found = parse_yaml(f"[{word}]")[0]
    assert (found, type(found)) == (NUMBERS[word], type(NUMBERS[word]))


@pytest.mark.parametrize("word", TEXTS)
def test_what_is_a_number_or_a_date_in_other_versions_is_a_text(word):
    assert parse_yaml(f"a: {word}") == {"a": word}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.from_regex(
        r"\A([-+]?[0-9]{1,4}(\.[0-9]{0,2})?([eE][-+]?[0-9]{1,2})?|0o[0-7]{1,4}|0x[0-9a-fA-F]{1,4})\Z",
        alphabet=st.characters(codec="ascii"),
    )
)
def test_numbers_are_those_of_another_reader_of_version_1_2(word):
    assert parse_yaml(f"[{word}]") == YAML(typ="safe", pure=True).load(f"[{word}]")


@settings(max_examples=150, deadline=None, derandomize=True)
@example("1e-06")
@example("0o17")
@example("030")
@example("1:30")
@example("off")
@example("=")
@example("2024-05-01")
@given(st.from_regex(r"\A[-+.0-9eoxXaA:_~=<]{1,6}\Z") | st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_a_text_that_is_written_is_read_as_one_by_every_version(text):
    written = dump_yaml({"a": text})
    assert parse_yaml(written) == {"a": text}
    assert yaml.safe_load(written) == {"a": text}
    if "_" not in text:  # which this reader allows in numbers
        assert YAML(typ="safe", pure=True).load(io.StringIO(written)) == {"a": text}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats() | st.integers(-(10**18), 10**18) | st.booleans() | st.none())
def test_other_values_come_back_too(value):
    (found,) = parse_yaml(dump_yaml([value]))
    assert found == value or (found != found and value != value)
    assert type(found) is type(value)


ROOM = "speakers: [{{label: L, azimuth_deg: {0}, channel: 01}}, {{label: R, azimuth_deg: -{0}, channel: 02}}]"
EAR = "speakers: [{{channel: 00, names: L, position: {{az: {0}, el: 0, r: 1}}}}, {{channel: 01, names: R, position: {{az: -{0}, el: 0, r: 1}}}}]"  # noqa: E501


@pytest.mark.parametrize("text", ["name: x\n" + ROOM, EAR])
@pytest.mark.parametrize("word", ["030", "3e1"])
def test_loudspeakers_stand_where_their_file_says(text, word, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text.format(word))
    assert [s.azimuth_deg for s in load_layout(str(path)).speakers] == [30.0, -30.0]


def test_a_configuration_and_a_scene_hold_such_numbers_too(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("http: {port: 08010}\n")
    assert load_config(path).http.port == 8010
    path.write_text("/object/0/aed: [030, 1e-06, 1:30]\n")
    assert read_data(path) == {"/object/0/aed": [30, 1e-6, "1:30"]}
