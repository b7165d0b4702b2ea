"""Where files are written: over files of their own kind, never over a pipe, a socket or a device."""

import os
import socket
from pathlib import Path

import pytest

from stemfield.control.command_errors import CommandError
from stemfield.control.offline.inputs import check_target
from stemfield.renderer.files.audiofile import AudioFileError, check_output
from stemfield.renderer.files.paths import target_problem


def test_what_is_no_file_is_left_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("pipe.wav")
    (tmp_path / "null.wav").symlink_to("/dev/null")
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(tmp_path / "socket.wav"))
    with door:
        for name in ("pipe.wav", "link.wav", "null.wav", "socket.wav"):
            path = tmp_path / name
            assert target_problem(path) == "is no file but a pipe, a socket or a device; name a file"
            with pytest.raises(AudioFileError, match=f"{name}: is no file but a pipe"):
                check_output(path, 2)
            with pytest.raises(CommandError, match=f"{name}: is no file but a pipe"):
                check_target(path)


def test_other_reasons(tmp_path: Path) -> None:
    (tmp_path / "there.wav").write_bytes(b"old")
    (tmp_path / "link.wav").symlink_to("there.wav")
    for name in ("there.wav", "link.wav", "new.wav"):
        assert target_problem(tmp_path / name) == ""
    assert target_problem(tmp_path / "no" / "x.wav") == f"there is no folder {tmp_path}/no"
    assert target_problem(tmp_path) == "is a folder"
    assert target_problem(tmp_path / ("x" * 300)) == "cannot be written: File name too long"
