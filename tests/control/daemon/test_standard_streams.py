"""A start whose output is closed, full or unread, and a log with a line that repeats."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from stemfield.control.daemon.log import MAX_LINES, PERIOD_S, RateLimit
from stemfield.layouts.problems import shortened

START = """
import os, sys
from contextlib import suppress
from stemfield.control.daemon.standard_streams import fill_standard_streams, optional_output
from stemfield.control.daemon.log import begin_log
fill_standard_streams()
begin_log("info")
with optional_output():
    for number in range(2000):
        print("where to steer it", number)
opened = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for number in (1, 2):
    with suppress(OSError):
        os.write(number, b"a library says something")
with optional_output():
    print("and on it goes")
os.write(opened, b"played on")
sys.exit(0)
"""


@pytest.mark.parametrize("shell", [">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-", "| true", ">/dev/full 2>/dev/full"])
def test_whatever_becomes_of_the_output_it_plays_on(tmp_path: Path, shell: str) -> None:
    program, file = tmp_path / "start.py", tmp_path / "file"
    program.write_text(START)
    command = f'{{ "{sys.executable}" "{program}" "{file}"; echo $? >"{tmp_path}/status"; }} {shell}'
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True)
    assert (tmp_path / "status").read_text() == "0\n", done.stderr
    assert file.read_bytes() == b"played on"  # and nothing that was meant for a terminal
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", [">/dev/full", ">&-", ">&- 2>&- <&-"])
def test_a_command_ends_in_order_without_output(shell: str) -> None:
    program = Path(sys.executable).parent / "stemfield"
    done = subprocess.run(["bash", "-c", f'"{program}" layouts list {shell}'], stderr=subprocess.PIPE, text=True)
    assert done.returncode == (1 if "full" in shell else 0), done.stderr
    assert "Traceback" not in done.stderr
    if "full" in shell:
        assert done.stderr == "stemfield: error: standard output: No space left on device\n"


def record(text: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("x", level, "", 0, "%s: broken", (text,), None)


def test_a_log_is_not_limited() -> None:
    now_s = [0.0]
    limit = RateLimit(lambda: now_s[0])
    records = [record(str(number)) for number in range(30_000)]
    told = [one.getMessage() for one in records if limit.filter(one)]
    assert len(told) == MAX_LINES
    assert told[-1].startswith("19: broken (more of this kind are dropped for up to 10 s)")
    assert limit.filter(logging.LogRecord("x", logging.ERROR, "", 0, "something else", (), None))
    assert limit.filter(record("for who debugs", logging.DEBUG))
    now_s[0] = PERIOD_S
    assert limit.filter(record("later"))


def test_a_long_list_of_problems_is_shortened() -> None:
    assert shortened(["a", "b"], 2) == ["a", "b"]
    assert shortened([str(number) for number in range(30_000)], 2) == ["0", "1", "and 29998 more"]
