from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from stemfield.control.cli.main import main


def send(control: Any, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["send", *words, "--port", str(control.server.port)])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize(
    ("words", "question", "answer"),
    [
        (("/object/vocals/aed", "-90", "0", "2.5"), "/object/vocals/aed", "/object/vocals/aed -90 0 2.5\n"),
        (("/object/{bass,drums}/mute", "true"), "/object/drums/mute", "/object/drums/mute True\n"),
        (("/object/bass/name", "low end"), "/object/1/name", "/object/1/name low end\n"),
        (("/adm/obj/1/azim", "30"), "/object/vocals/azimuth", "/object/vocals/azimuth 30\n"),
        (("/object/bass/eq", "peak", "800", "2", "-4.5"), "/object/bass/eq", "/object/bass/eq peak 800 2 -4.5\n"),
    ],
)
def test_a_value_is_set_and_asked_for(
    control: Any, capsys: pytest.CaptureFixture[str], words: Sequence[str], question: str, answer: str
) -> None:
    assert send(control, capsys, *words) == (0, "", "")
    assert send(control, capsys, question) == (0, answer, "")


def test_data_for_programs(control: Any, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = send(control, capsys, "/object/*/level", "--json")
    assert status == 0
    assert json.loads(out)[1] == {"address": "/object/bass/level", "values": [1.0]}
    assert len(json.loads(out)) == 7


def test_a_refusal_is_told(control: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(control, capsys, "/object/vocal/level", "1") == (
        1,
        "",
        "stemfield: error: /object/vocal/level: no object 'vocal', did you mean vocals?\n",
    )


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert main(["send", "/ping", "--port", str(port)]) == 1
    assert f"no reply from a daemon at 127.0.0.1 port {port}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("object/x", "1"), ("/x", "--port", "0"), ("/x", "--port", "http")])
def test_bad_usage(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["send", *words])
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_answers_that_come_as_a_bundle(control: Any, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = send(control, capsys, "/subscribe", "/object/*/level")
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == ["/object/vocals/level 1", "/object/bass/level 1"]
    assert len(out.splitlines()) == 7
