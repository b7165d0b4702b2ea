"""Voicebanks of sung syllables, whose `oto.ini` says where each syllable is.

The format is UTAU's: a line `file.wav=alias,offset,consonant,cutoff,preutterance,overlap` per syllable, with times in
ms. The syllable begins at the offset; the consonant, which must not be stretched, is counted from there, as is the end
if the cutoff is negative, which is counted from the end of the file otherwise. The text is Shift-JIS or UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import soundfile

MIN_VOWEL_S = 0.06
MOST_RECORDINGS = 80
"""Recordings of a folder that are used: their several hundred syllables are enough."""
_PITCH = re.compile(r"[A-G]#?\d$")
_NOT_SUNG = re.compile(r"(^|[ _])br|息|吸|[-R]$")
"""Breaths, and the ends of vowels."""


class VoicebankError(ValueError):
    """A line of `oto.ini` cannot be used."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """A sung syllable in a recording, in seconds."""

    alias: str
    start_s: float
    vowel_s: float
    """Where the vowel may be stretched."""
    end_s: float


def read_syllables(folder: Path, recordings: Iterable[Path]) -> tuple[dict[Path, list[Syllable]], list[str]]:
    """Syllables of a folder with an `oto.ini`.

    Args:
        folder: the folder.
        recordings: recordings that may be used.

    Returns:
        Syllables by recording, and lines that were left out, with the reason.

    Raises:
        OSError: `oto.ini` cannot be read.
    """
    by_name = {unicodedata.normalize("NFC", path.name): path for path in recordings if path.parent == folder}
    chosen = sorted(by_name)[:: max(len(by_name) // MOST_RECORDINGS, 1)]
    found, left_out = dict[Path, list[Syllable]](), list[str]()
    lengths_s: dict[Path, float] = {}
    for number, line in enumerate(_text(folder / "oto.ini").splitlines(), 1):
        name, equals, rest = line.strip().partition("=")
        alias = _PITCH.sub("", rest.split(",")[0]).strip()
        if not equals or _NOT_SUNG.search(alias):
            continue
        place = f"{folder.name}/oto.ini:{number}"
        path = by_name.get(unicodedata.normalize("NFC", name))
        if path is None:
            left_out.append(f"{place}: expected the recording {name}, got none")
            continue
        if path.name not in chosen and unicodedata.normalize("NFC", path.name) not in chosen:
            continue
        if path not in lengths_s:
            lengths_s[path] = soundfile.info(path).duration
        try:
            found.setdefault(path, []).append(_syllable(rest, lengths_s[path]))
        except VoicebankError as error:
            left_out.append(f"{place}: {error}")
    return found, left_out


def _syllable(rest: str, length_s: float) -> Syllable:
    alias, *numbers = rest.split(",")
    try:
        offset, consonant, cutoff, _, overlap = (float(number or 0.0) / 1000.0 for number in numbers)
    except ValueError as error:
        raise VoicebankError(f"expected an alias and five times in ms, got {rest!r}") from error
    start_s, vowel_s = offset + max(overlap, 0.0), offset + consonant
    end_s = offset - cutoff if cutoff < 0.0 else length_s - cutoff
    if not 0.0 <= start_s < vowel_s or vowel_s + MIN_VOWEL_S > end_s or end_s > length_s + 0.05:
        times = f"{start_s:.3f}, {vowel_s:.3f} and {end_s:.3f} s of {length_s:.3f} s"
        raise VoicebankError(f"expected start, vowel and end in order, got {times}")
    return Syllable(alias, start_s, vowel_s, min(end_s, length_s))


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp932", "replace")
