"""Existing results and what each was made from, so that none is made twice.

A record of each result is kept beside them: the key of what it was made from, the state of the recording, and the
result's files with their checksums. Files whose times and sizes are unchanged are not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from stemfield.control.offline.batch.job import file_digest
from stemfield.control.offline.batch.plan import BATCH_FOLDER
from stemfield.layouts.plain_data import parse_json, read_file
from stemfield.layouts.problems import UserError
from stemfield.renderer.files.part_file import PartFile

LONGEST_NAME = 255
"""Maximum length of a file name on Linux, bytes."""

Facts = dict[str, Any]
"""State of a file: size, times, sha256."""


class OutsideError(UserError):
    """A result that a link would place outside the output folder."""


class Result:
    """One result of a batch: a file, or a folder of files.

    Attributes:
        target: absolute path of the result.
    """

    def __init__(self, output: Path, kind: str, name: str, suffix: str) -> None:
        """Nothing is read or written yet. The path of the output folder is absolute; a folder has no suffix."""
        self._output = output
        self._suffix = suffix
        self.target = output / kind / f"{name}{suffix}"
        record = output / BATCH_FOLDER / "results" / kind / f"{name}.json"
        if len(os.fsencode(record.name)) > LONGEST_NAME:
            record = record.with_name(f"{hashlib.sha256(os.fsencode(record.name)).hexdigest()}.json")
        self._record = record

    def is_current(self, digest: str, recording: Facts, key: str | None = None) -> bool:
        """Whether the result exists and need not be made again.

        Args:
            digest: digest of the job.
            recording: present state of the recording; without a key only its size and times are compared.
            key: key of the job and the recording's content.
        """
        record = self._read()
        if record is None:
            return False
        same = record["digest"] == digest and _same_times(record["recording"], recording) if key is None else False
        if not same and record["key"] != key:
            return False
        return all(_is_unchanged(self._output / file, facts) for file, facts in record["files"].items())

    def files(self) -> list[str]:
        """Its files, relative to the output folder, sorted."""
        record = self._read()
        return [] if record is None else sorted(record["files"])

    def put(self, made: Path, key: str, digest: str, recording: Facts) -> None:
        """Move a new result, on the same file system, into place and record what it was made from (see `is_current`).

        Raises:
            OutsideError: a link leads out of the output folder.
            OSError: it cannot be written.
        """
        before = self.files()
        self._record.unlink(missing_ok=True)  # there is no result until the new one is complete
        pairs = [(made, self.target)] if self._suffix else [(file, self.target / file.name) for file in made.iterdir()]
        for _, to in pairs:
            self._check_inside(to)
        for file, to in pairs:
            to.parent.mkdir(parents=True, exist_ok=True)
            file.replace(to)
        files = {str(to.relative_to(self._output)): facts_of(to, read=True) for _, to in pairs}
        for old in set(before) - set(files):
            (self._output / old).unlink(missing_ok=True)
        self._write({"key": key, "digest": digest, "recording": recording, "files": files})

    def renew(self, recording: Facts) -> None:
        """Record that the recording has new times but the same content."""
        if (record := self._read()) is not None:
            self._write(record | {"recording": recording})

    def _check_inside(self, path: Path) -> None:
        if not path.parent.resolve().is_relative_to(self._output.resolve()):
            raise OutsideError(f"{path}: a link leads out of the output folder")

    def _read(self) -> Facts | None:
        """The record; None if there is no usable one."""
        with suppress(OSError, ValueError):
            record: Facts = parse_json(read_file(self._record))
            match record:
                case {"key": str(), "digest": str(), "recording": dict(), "files": dict() as files}:
                    if all(_is_inside(Path(name)) and _is_facts(facts) for name, facts in files.items()):
                        return record
        return None

    def _write(self, record: Facts) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        part = PartFile(self._record.parent)
        try:
            part.file.write(json.dumps(record).encode())
            part.put(self._record)
        finally:
            part.remove()


def facts_of(path: Path, *, read: bool = False) -> Facts:
    """Size and times of a file; with `read` also its checksum.

    Raises:
        OSError: it does not exist, or cannot be read.
    """
    found = path.stat()
    facts: Facts = {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "ctime_ns": found.st_ctime_ns}
    return facts | {"sha256": file_digest(path)} if read else facts


def _is_inside(path: Path) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _is_facts(facts: object) -> bool:
    match facts:
        case {"size": int(), "sha256": str()}:
            return True
    return False


def _same_times(one: Facts, other: Facts) -> bool:
    return all(one.get(key) == other.get(key) for key in ("size", "mtime_ns", "ctime_ns"))


def _is_unchanged(path: Path, before: Facts) -> bool:
    try:
        now = facts_of(path)
        return _same_times(now, before) or (now["size"] == before["size"] and file_digest(path) == before["sha256"])
    except OSError:
        return False
