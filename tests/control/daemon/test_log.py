"""The log: priorities in the journal, times elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAY = """
import logging
from stemfield.control.daemon.log import begin_log
begin_log("debug")
log = logging.getLogger("somewhere")
logging.getLogger("numba.core").debug("every step of the compiler")
log.debug("fine"), log.info("usual"), log.warning("odd"), log.error("two\\nlines")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
"""


def said(path: Path, *, journal: bool) -> list[str]:
    """What is logged into a file, which may stand for the journal's stream."""
    with path.open("wb") as stream:
        status = os.fstat(stream.fileno())
        told = f"{status.st_dev}:{status.st_ino if journal else status.st_ino + 1}"
        done = subprocess.run([sys.executable, "-c", SAY], stderr=stream, env=os.environ | {"JOURNAL_STREAM": told})
    assert done.returncode == 0
    return path.read_text().splitlines()


def test_the_journal_gets_priorities_and_no_times(tmp_path: Path) -> None:
    lines = said(tmp_path / "journal", journal=True)
    assert lines[:5] == ["<7>fine", "<6>usual", "<4>odd", "<3>two", "<3>lines"]
    assert lines[5:7] == ["<3>broken", "<3>Traceback (most recent call last):"]
    assert all(line.startswith("<3>") for line in lines[5:])


def test_any_other_stream_gets_times_and_words(tmp_path: Path) -> None:
    lines = said(tmp_path / "file", journal=False)
    assert [line.split()[2:] for line in lines[:3]] == [["DEBUG", "fine"], ["INFO", "usual"], ["WARNING", "odd"]]
    assert not any(line.startswith("<") for line in lines)


def test_why_it_does_not_start_is_an_error_in_the_journal(tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "stemfield")
    with (tmp_path / "journal").open("wb") as stream:
        status = os.fstat(stream.fileno())
        told = os.environ | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        done = subprocess.run([program, "serve", "--layout", "no-such-room"], stderr=stream, env=told)
    assert done.returncode == 2
    assert (tmp_path / "journal").read_text().startswith("<3>stemfield: error: no-such-room")


@pytest.mark.parametrize("command", [["layouts", "list"], ["layouts", "check", "quad"], ["--help"]])
def test_no_colour_and_no_progress_without_a_terminal(command: list[str]) -> None:
    program = str(Path(sys.executable).parent / "stemfield")
    done = subprocess.run([program, *command], capture_output=True, check=True)
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\r" not in done.stdout + done.stderr
