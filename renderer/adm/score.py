"""Makes a document of the scenes of a piece: its voices from beginning to end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stemfield.layouts.model import Layout
from stemfield.renderer.adm.model import AudioObject, Block, Channel, Content, Document, Programme, Track
from stemfield.renderer.adm.times import step_time
from stemfield.renderer.adm.voices import FIELD, Setting, Voice, voices_of
from stemfield.renderer.files.bw64 import TrackEntry
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import CLICK_FREE_S
from stemfield.renderer.scene.scene import Scene

Moment = tuple[int, Scene, float]
"""Frame, the scene from there on, and the duration of the cross-fade in seconds."""


@dataclass(slots=True)
class Line:
    """The settings of one voice over time: frame, frames of the ramp, and setting."""

    entries: list[tuple[int, int, Setting]] = field(default_factory=list)

    def add(self, frame: int, ramp_frames: int, setting: Setting) -> None:
        """Appends a setting, or replaces one at the same frame."""
        while self.entries and self.entries[-1][0] >= frame:
            self.entries.pop()
        if not self.entries or self.entries[-1][2] != setting:
            self.entries.append((frame, ramp_frames, setting))


@dataclass(frozen=True, slots=True)
class Score:
    """The lines of a piece, and the names of its objects."""

    lines: Mapping[Voice, Line]
    names: Mapping[int, str]
    """Names of the objects by id, as at the end."""
    sides: Mapping[int, int]
    """Number of channels of each."""
    notes: tuple[str, ...]
    """Features that the file cannot express."""

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of the engine's sources that sound, in their order."""
        return tuple(sorted({voice.row for voice in self.lines}))


def score_of(moments: Iterable[Moment], layout: Layout, sample_rate_hz: int, rows: int) -> Score:
    """The lines of all voices.

    Args:
        moments: scenes in the order of their frames; the first applies from the beginning.
        layout: loudspeaker layout for the loudness and the loudspeakers of the scenes.
        sample_rate_hz: sample rate of the frames.
        rows: number of the engine's sources with sound; objects on other rows are left out.
    """
    panner = Panner(layout)
    lines: dict[Voice, Line] = {}
    names: dict[int, str] = {}
    sides: dict[int, int] = {}
    notes: dict[str, None] = {}
    for place, (frame, scene, fade_s) in enumerate(moments):
        every = voices_of(scene, layout, panner)
        found = {voice: setting for voice, setting in every.items() if voice.row < rows}
        missing = {voice.object_id for voice in every.keys() - found.keys()}
        notes |= {
            f"{item.name}: left out, because there is no sound of it": None
            for item in scene.objects
            if item.id in missing
        }
        smooth_s = {item.id: item.smooth_s for item in scene.objects}
        names |= {item.id: item.title for item in scene.objects}
        for voice, setting in found.items():
            sides[voice.object_id] = max(sides.get(voice.object_id, 0), voice.channel + 1)
            line = lines.setdefault(voice, Line() if place == 0 else Line([(0, 1, replace(setting, gain=0.0))]))
            ramp_s = max(smooth_s[voice.object_id], fade_s, CLICK_FREE_S)
            line.add(frame if place else 0, max(round(ramp_s * sample_rate_hz), 1), setting)
        for voice in lines.keys() - found.keys():
            ramp_s = max(smooth_s.get(voice.object_id, 0.0), fade_s, CLICK_FREE_S)
            silent = replace(lines[voice].entries[-1][2], gain=0.0)
            lines[voice].add(frame, max(round(ramp_s * sample_rate_hz), 1), silent)
        notes |= dict.fromkeys(_notes(scene, layout))
    heard = {voice for voice, line in lines.items() if any(setting.gain > 0.0 for _, _, setting in line.entries)}
    heard |= {voice for voice in lines if not voice.part} - {replace(voice, part="") for voice in heard}
    kept = {voice: line for voice, line in lines.items() if voice in heard}
    return Score(kept, names, sides, tuple(notes))


def document_of(
    score: Score,
    frames: int,
    sample_rate_hz: int,
    title: str,
    scales: Mapping[int, float] | None = None,
    loudness_lkfs: float | None = None,
) -> tuple[Document, tuple[TrackEntry, ...]]:
    """The document of a piece, and its chna entries: one object per voice, one content per instrument.

    The tracks of the file are the rows of the score.

    Args:
        score: score of the piece.
        frames: length of the piece.
        sample_rate_hz: sample rate of the frames.
        title: name of the programme.
        scales: gain of each track relative to the file.
        loudness_lkfs: loudness of the programme.
    """
    tracks = {row: track for track, row in enumerate(score.rows)}
    objects: dict[str, AudioObject] = {}
    channels: dict[str, Channel] = {}
    formats: dict[str, str] = {}
    uids: dict[str, Track] = {}
    entries: list[TrackEntry] = []
    parts: dict[int, list[str]] = {}
    for number, (voice, line) in enumerate(score.lines.items(), start=1):
        name = _name(voice, score)
        track = tracks[voice.row]
        code = f"0003{0x1000 + number:04x}"
        ident, uid = f"AO_{0x1000 + number:04x}", f"ATU_{number:08x}"
        scale = (scales or {}).get(track, 1.0)
        channels[f"AC_{code}"] = Channel(
            f"AC_{code}", name, "Objects", tuple(_blocks(line, frames, sample_rate_hz, scale))
        )
        formats[f"AT_{code}_01"] = f"AC_{code}"
        uids[uid] = Track(uid, f"AT_{code}_01", f"AP_{code}")
        entries.append(TrackEntry(track, uid, f"AT_{code}_01", f"AP_{code}"))
        objects[ident] = AudioObject(ident, name, tracks=(uid,))
        parts.setdefault(voice.object_id, []).append(ident)
    contents = {
        f"ACO_{0x1000 + place:04x}": Content(f"ACO_{0x1000 + place:04x}", score.names[key], tuple(idents))
        for place, (key, idents) in enumerate(parts.items(), start=1)
    }
    duration_s = step_time(frames, sample_rate_hz)
    programme = Programme("APR_1001", title, tuple(contents), loudness_lkfs, duration_s)
    return Document({programme.id: programme}, contents, objects, channels, uids, formats), tuple(entries)


def _blocks(line: Line, frames: int, sample_rate_hz: int, scale: float) -> Iterable[Block]:
    """The blocks of a line, without gaps until the end of the piece.

    The first new value of a ramp is at its frame, so that the ramp begins one frame before. A block that ends before
    its ramp arrives at its end.
    """
    begins = [0]
    for frame, _, _ in line.entries[1:]:
        begins.append(max(frame - 1, begins[-1] + 1))
    ends = [*begins[1:], frames]
    for (_, ramp_frames, setting), begin, end in zip(line.entries, begins, ends, strict=True):
        if begin >= frames:
            break
        end = min(end, frames)
        reached = min(begin + ramp_frames, end) if begin > 0 else begin
        start_s = step_time(begin, sample_rate_hz)
        yield Block(
            start_s,
            step_time(end, sample_rate_hz) - start_s,
            position=(setting.azimuth_deg, setting.elevation_deg, 1.0),
            width=setting.width_deg,
            height=setting.height_deg,
            gain=setting.gain * scale,
            diffuse=float(setting.diffuse),
            jump=True,
            interpolation_s=step_time(reached, sample_rate_hz) - start_s,
            lock=setting.lock,
            zones=setting.zones,
        )


def _name(voice: Voice, score: Score) -> str:
    """Displayed name: the object, its channel if it has several, and the part."""
    count = score.sides[voice.object_id]
    side = "" if count == 1 else ("left", "right")[voice.channel] if count == 2 else str(voice.channel + 1)
    part = "diffuse" if voice.part == FIELD else voice.part
    return " ".join(word for word in (score.names[voice.object_id], side, part) if word)


def _notes(scene: Scene, layout: Layout) -> Sequence[str]:
    found = []
    if 0.0 < scene.amount < 1.0:
        found.append(
            f"amount {scene.amount:g}: written as 1, because ADM cannot mix two ways of placing by their power"
        )
    low = {speaker.label for speaker in layout.speakers if speaker.lfe}
    for item in scene.objects:
        named = {label for labels in item.outputs for label in labels} if item.type == "channel" else set()
        if lost := sorted(named & low):
            found.append(f"{item.name}: not sent to {', '.join(lost)}: ADM objects do not reach those")
    return found
