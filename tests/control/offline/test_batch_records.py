"""What a batch has written down of its results, damaged or made by others: such a result is made once more."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stemfield.control.offline.batch.results import Result, facts_of


@pytest.mark.parametrize(
    "record",
    [
        "[" * 100_000,
        "[]",
        '{"key": "k"}',
        '{"key": "k", "key": "k", "digest": "d", "recording": {}, "files": {}}',
        '{"key": "k", "digest": "d", "recording": [], "files": {}}',
        '{"key": "k", "digest": "d", "recording": {}, "files": ["a"]}',
        '{"key": "k", "digest": "d", "recording": {}, "files": {"a": {}}}',
        '{"key": "k", "digest": "d", "recording": {}, "files": {"/etc/passwd": {"size": 1, "sha256": "x"}}}',
        '{"key": "k", "digest": "d", "recording": {}, "files": {"../a": {"size": 1, "sha256": "x"}}}',
        "\udcff",
        None,
    ],
)
def test_a_damaged_record_is_none(tmp_path: Path, record: str | None) -> None:
    source = tmp_path / "song.flac"
    source.write_bytes(b"x")
    recording = facts_of(source)
    result = Result(tmp_path / "out", "upmix", "song", ".wav")
    made = tmp_path / "made.wav"
    made.write_bytes(b"sound")
    result.put(made, "k", "d", recording)
    assert result.is_current("d", recording)
    (kept,) = (tmp_path / "out").rglob("*.json")
    assert json.loads(kept.read_text())["key"] == "k"
    kept.unlink()
    if record is None:
        os.mkfifo(kept)
    else:
        kept.write_bytes(os.fsencode(record))
    assert not result.is_current("d", recording, "k")
    assert result.files() == []
