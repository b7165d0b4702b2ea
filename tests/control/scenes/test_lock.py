"""One daemon a state folder; the second one says who has it."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stemfield.control.scenes.lock import FILE, StateTakenError, state_lock

HOLDER = """
import sys
from pathlib import Path
from stemfield.control.scenes.lock import state_lock
with state_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[bytes]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_the_second_one_says_who_has_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    with hold(folder) as holder:
        for _ in range(2):  # who is turned away leaves the holder's name as it was
            with (
                pytest.raises(StateTakenError, match=rf"another daemon \(process {holder.pid} on .*, since 20"),
                state_lock(folder),
            ):
                pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with state_lock(folder), pytest.raises(StateTakenError, match=f"process {os.getpid()} on"), state_lock(folder):
            pass
    with state_lock(folder), state_lock(tmp_path / "other"):
        pass


def test_a_folder_that_cannot_be_locked_is_no_reason_not_to_play(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / FILE).symlink_to(tmp_path / "victim")
    (tmp_path / "folder" / FILE).mkdir(parents=True)
    for name in ("file", "link", "folder"):
        with state_lock(tmp_path / name):
            pass
    assert not (tmp_path / "victim").exists()
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [re.sub(r".*/(\w+): .*daemon", r"\1", line) for line in told] == [
        "file: File exists",
        "link: Too many levels of symbolic links",
        "folder: Is a directory",
    ]


def test_who_has_it_without_a_name_is_told_too(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        (tmp_path / FILE).write_bytes(b"\xff\x1b[31m\n")
        with pytest.raises(StateTakenError, match="unknown process"), state_lock(tmp_path):
            pass
