"""Finding and reading layout files."""

import os

import pytest

from stemfield.layouts.loader import SHIPPED, available_layouts, load_layout
from stemfield.layouts.model import LayoutError
from stemfield.layouts.plain_data import MAX_FILE_BYTES

ROOM = """
name: den
title: The den
aliases: [lair]
speakers:
  - {label: left, azimuth_deg: 30, channel: 5}
  - {label: right, azimuth_deg: 330, elevation_deg: 2.5, radius_m: 2, channel: 1, nominal_azimuth_deg: -45}
"""


def write(folder, text, name="den.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path):
    with pytest.raises(LayoutError) as caught:
        load_layout(str(path))
    assert caught.value.source == str(path)
    return caught.value.problems


def test_a_file_is_read_as_it_says(tmp_path):
    layout = load_layout(str(write(tmp_path, ROOM)))
    assert (layout.name, layout.title, layout.aliases, layout.labels) == (
        "den",
        "The den",
        ("lair",),
        ("left", "right"),
    )
    left, right = layout.speakers
    assert (left.elevation_deg, left.radius_m, left.lfe, left.channel) == (0, 1, False, 5)
    assert (left.nominal_azimuth_deg, left.nominal_elevation_deg) == (30, 0)
    assert (right.azimuth_deg, right.elevation_deg, right.radius_m) == (-30, 2.5, 2)
    assert (right.nominal_azimuth_deg, right.nominal_elevation_deg) == (-45, 2.5)


def test_user_folders_are_searched_by_name_and_alias(tmp_path):
    write(tmp_path, ROOM, "whatever.yml")
    assert load_layout("den", [tmp_path]) == load_layout("lair", [tmp_path])
    assert available_layouts([tmp_path, tmp_path / "absent"])[0].title == "The den"


def test_a_users_room_comes_before_the_shipped_one_of_its_name(tmp_path):
    write(tmp_path, ROOM.replace("name: den", 'name: "22.2"'))
    assert load_layout("22.2", [tmp_path]).labels == ("left", "right")


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all():
    with pytest.raises(LayoutError) as caught:
        load_layout("9+10+2")
    assert str(caught.value) == (
        "9+10+2: unknown name: expected 22.2, 3+7+0, 4+5+1, 5.1.2, 5.1.4, 5.1, 7.1.4, 7.1, 9.1.4, attic, cube, dome, "
        "living-room, octagon, quad, stereo, surrey, did you mean 9+10+3?"
    )
    with pytest.raises(LayoutError, match=r"unknown name: expected .*surrey$"):
        load_layout("xyzzy")


def test_a_broken_file_is_listed_with_its_problems_and_hides_no_other(tmp_path):
    write(tmp_path, ROOM)
    write(tmp_path, ROOM.replace("30,", "north,", 1), "broken.yaml")
    broken, den = available_layouts([tmp_path])[:2]
    assert broken.name == "broken"
    assert broken.problems == ("speakers[0].azimuth_deg: expected a number from -360 to 360, got 'north' (left)",)
    assert den.name == "den"
    with pytest.raises(LayoutError, match="expected a number from -360 to 360, got 'north'"):
        load_layout("broken", [tmp_path])


def test_every_problem_of_a_file_is_in_the_message(tmp_path):
    path = write(tmp_path, ROOM.replace("channel: 5", "channel: 1, colour: red").replace("radius_m: 2", "radius_m: 0"))
    assert len(problems_of(path)) == 3
    with pytest.raises(LayoutError, match=r"(?s)colour.*radius_m.*channel"):
        load_layout(str(path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: &n den\ntitle: *n\n", "line 2: YAML aliases (*name) are not allowed"),
        ("name: a\nname: b\n", "line 2: the key 'name' appears twice"),
        ("{[a]: b}", "line 1: expected a word as key"),
        ("name: [", "line 1: expected the node content, but found '<stream end>'"),
        ("a: 1\nb: !!python/object:os.system x", "line 2: YAML tags (!!python/object:os.system) are not allowed"),
        ('name: "\\UFFFFFFFF"', "line 1: a number or an escaped character is out of range"),
        ('name: "\\U00110000"', "line 1: a number or an escaped character is out of range"),
        ("name: !!bool foo", "line 1: YAML tags (!!bool) are not allowed"),
        ("name: !!int ''", "line 1: YAML tags (!!int) are not allowed"),
        ("name: !!float ''", "line 1: YAML tags (!!float) are not allowed"),
        ("name: !!timestamp x", "line 1: YAML tags (!!timestamp) are not allowed"),
        ("name: !!binary \u20ac", "line 1: YAML tags (!!binary) are not allowed"),
        ("speakers: !!omap [{a: 1}]", "line 1: YAML tags (!!omap) are not allowed"),
        ("name: !!str 5.1", "line 1: YAML tags (!!str) are not allowed"),
        ("!!set {name: 1}", "line 1: YAML tags (!!set) are not allowed"),
        ("{!!str name: a}", "line 1: YAML tags (!!str) are not allowed"),
        ("name: ! a", "line 1: YAML tags (!) are not allowed"),
        ("name: !mine a", "line 1: YAML tags (!mine) are not allowed"),
        ("%TAG !m! tag:yaml.org,2002:\n---\nname: !m!bool x", "line 3: YAML tags (!!bool) are not allowed"),
        ('name: "\\ud800"', "name: '\\ud800' is not text"),
        ('{"\\udfff": 1}', "a key: '\\udfff' is not text"),
        ('speakers: [{label: "a\\0b"}]', "speakers[0].label: 'a\\x00b' contains a NUL character"),
        ("name: 0x" + "f" * 4000, "name: the whole number is too large"),
        ("--- 1\n--- 2\n", "line 2: but found another document"),
        ("[" * 1000, "nested too deeply: expected at most 16 levels"),
        ("name: \x07", "unacceptable character"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(tmp_path, text, problem):
    (found,) = problems_of(write(tmp_path, text))
    assert problem in found


def test_files_without_end_and_files_that_are_none(tmp_path):
    assert problems_of(write(tmp_path, "#" * (MAX_FILE_BYTES + 1))) == (f"larger than {MAX_FILE_BYTES} bytes",)
    assert problems_of(tmp_path / "absent.yaml") == ("cannot be read: No such file or directory",)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: caf\xe9\n")
    assert problems_of(latin) == ("not UTF-8: byte 9",)
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    device = tmp_path / "device.yaml"
    device.symlink_to("/dev/zero")
    assert problems_of(folder) == ("cannot be read: Is a directory",)
    assert problems_of(fifo) == ("expected a regular file",)
    assert problems_of(device) == ("expected a regular file",)
    assert problems_of(loop) == ("cannot be read: Too many levels of symbolic links",)
    assert "null byte" in problems_of(f"{tmp_path}/a\0b.yaml")[0]
    # None of them hides another.
    assert [load_layout("5.1", (tmp_path,)).name, len(available_layouts((tmp_path,))) > 5] == ["5.1", True]


def test_what_a_shell_hands_over_is_read():
    read, write = os.pipe()
    try:
        os.write(write, (SHIPPED / "5.1.yaml").read_bytes())
        os.close(write)
        assert load_layout(f"/dev/fd/{read}").labels[:2] == ("M+030", "M-030")
    finally:
        os.close(read)
