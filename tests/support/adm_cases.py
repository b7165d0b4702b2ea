"""ADM files for comparing two renderers, and the other renderer: `ear` 2.1.0.

Every track has impulses at its own frames, so that the output shows the gain of every track on every loudspeaker at
every impulse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from stemfield.control.offline.adm_export import export_tracks
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.renderer.files.bw64 import Bw64Reader, TrackEntry
from stemfield.renderer.files.bw64_writer import Bw64Writer
from stemfield.renderer.scene.scene import Group, Scene, default_scene

RATE = 48_000
FRAMES = 9_600
STEP = 64
SYSTEM = "9+10+3"
EAR = ("ear==2.1.0", "numpy==1.26.4", "setuptools<80")

Block = Mapping[str, str]


def impulses(tracks: int, frames: int = FRAMES) -> np.ndarray:
    """Track k has impulses at frames k, k + 64, ...; shape (tracks, frames)."""
    sound = np.zeros((tracks, frames), np.float32)
    for track in range(tracks):
        sound[track, track::STEP] = 0.5
    return sound


def at(azimuth: float, elevation: float, distance: float = 1.0, **more: object) -> str:
    places = {"azimuth": azimuth, "elevation": elevation, "distance": distance}
    return _positions(places) + _elements(more)


def cube(x: float, y: float, z: float, **more: object) -> str:
    return "<cartesian>1</cartesian>" + _positions({"X": x, "Y": y, "Z": z}) + _elements(more)


def _positions(places: Mapping[str, float]) -> str:
    return "".join(f'<position coordinate="{name}">{value}</position>' for name, value in places.items())


def _elements(more: Mapping[str, object]) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in more.items())


def block(begin: int, end: int, inner: str) -> str:
    """A block between two frames, which are multiples of 48."""
    rtime, duration = (f"00:00:00.{100_000 * frame // RATE:05d}" for frame in (begin, end - begin))
    times = f'rtime="{rtime}" duration="{duration}"'
    return f'<audioBlockFormat audioBlockFormatID="AB_ID_{begin:08x}" {times}>{inner}</audioBlockFormat>'


def document(
    channels: Sequence[str], kind: str = "Objects", objects: Sequence[str] = ()
) -> tuple[bytes, list[TrackEntry]]:
    """A document of one object a channel: its blocks, or one of them without times, and perhaps more of the object."""
    number = {"DirectSpeakers": "0001", "Objects": "0003", "HOA": "0004", "Binaural": "0005"}[kind]
    label = f'typeLabel="{number}" typeDefinition="{kind}"'
    pcm = 'formatLabel="0001" formatDefinition="PCM"'
    parts, entries = [], []
    for k, inner in enumerate(channels, start=1):
        code = f"{number}{0x1000 + k:04x}"
        blocks = (
            inner
            if "<audioBlockFormat" in inner
            else f'<audioBlockFormat audioBlockFormatID="AB_ID_00000001">{inner}</audioBlockFormat>'
        )
        more = objects[k - 1] if k <= len(objects) else "|"
        attributes, children = more.split("|")
        parts.append(f"""
<audioObject audioObjectID="AO_{0x1000 + k:04x}" audioObjectName="object {k}" {attributes}>
 <audioPackFormatIDRef>AP_{code}</audioPackFormatIDRef><audioTrackUIDRef>ATU_{k:08x}</audioTrackUIDRef>{children}
</audioObject>
<audioPackFormat audioPackFormatID="AP_{code}" audioPackFormatName="pack {k}" {label}>
 <audioChannelFormatIDRef>AC_{code}</audioChannelFormatIDRef>
</audioPackFormat>
<audioChannelFormat audioChannelFormatID="AC_{code}" audioChannelFormatName="channel {k}" {label}>
 {blocks.replace("AB_ID", f"AB_{code}")}
</audioChannelFormat>
<audioStreamFormat audioStreamFormatID="AS_{code}" audioStreamFormatName="stream {k}" {pcm}>
 <audioChannelFormatIDRef>AC_{code}</audioChannelFormatIDRef><audioTrackFormatIDRef>AT_{code}_01</audioTrackFormatIDRef>
</audioStreamFormat>
<audioTrackFormat audioTrackFormatID="AT_{code}_01" audioTrackFormatName="track {k}" {pcm}>
 <audioStreamFormatIDRef>AS_{code}</audioStreamFormatIDRef>
</audioTrackFormat>
<audioTrackUID UID="ATU_{k:08x}" sampleRate="48000" bitDepth="24">
 <audioTrackFormatIDRef>AT_{code}_01</audioTrackFormatIDRef><audioPackFormatIDRef>AP_{code}</audioPackFormatIDRef>
</audioTrackUID>""")
        entries.append(TrackEntry(k - 1, f"ATU_{k:08x}", f"AT_{code}_01", f"AP_{code}"))
    refs = "".join(f"<audioObjectIDRef>AO_{0x1000 + k:04x}</audioObjectIDRef>" for k in range(1, len(channels) + 1))
    xml = f"""<?xml version="1.0" encoding="UTF-8"?>
<ebuCoreMain xmlns="urn:ebu:metadata-schema:ebuCore_2016"><coreMetadata><format><audioFormatExtended>
<audioProgramme audioProgrammeID="APR_1001" audioProgrammeName="programme">
 <audioContentIDRef>ACO_1001</audioContentIDRef>
</audioProgramme>
<audioContent audioContentID="ACO_1001" audioContentName="content">{refs}</audioContent>{"".join(parts)}
</audioFormatExtended></format></coreMetadata></ebuCoreMain>"""
    return xml.encode(), entries


def common_document(formats: Sequence[str], pack: str) -> tuple[bytes, list[TrackEntry]]:
    """A document of an object whose channels it does not describe itself."""
    uids = [f"ATU_{k:08x}" for k in range(1, len(formats) + 1)]
    refs = "".join(f"<audioTrackUIDRef>{uid}</audioTrackUIDRef>" for uid in uids)
    tracks = "".join(
        f'<audioTrackUID UID="{uid}"><audioTrackFormatIDRef>{ref}</audioTrackFormatIDRef>'
        f"<audioPackFormatIDRef>{pack}</audioPackFormatIDRef></audioTrackUID>"
        for uid, ref in zip(uids, formats, strict=True)
    )
    xml = f"""<ebuCoreMain xmlns="urn:ebu:metadata-schema:ebuCore_2016"><coreMetadata><format><audioFormatExtended>
<audioProgramme audioProgrammeID="APR_1001" audioProgrammeName="bed">
 <audioContentIDRef>ACO_1001</audioContentIDRef>
</audioProgramme>
<audioContent audioContentID="ACO_1001" audioContentName="content">
 <audioObjectIDRef>AO_1001</audioObjectIDRef>
</audioContent>
<audioObject audioObjectID="AO_1001" audioObjectName="bed">
 <audioPackFormatIDRef>{pack}</audioPackFormatIDRef>{refs}
</audioObject>{tracks}
</audioFormatExtended></format></coreMetadata></ebuCoreMain>"""
    return xml.encode(), [TrackEntry(k, uid, ref, pack) for k, (uid, ref) in enumerate(zip(uids, formats, strict=True))]


def bed_places() -> np.ndarray:
    """Places of Cartesian loudspeakers: corners, edges and middles of the walls, and anywhere; shape (n, 3)."""
    grid = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3), axis=-1).reshape(-1, 3)
    return np.concatenate([grid, np.random.default_rng(2051).uniform(-1, 1, (40, 3)).round(3)])


def bed_gains_of_ear(python: str) -> Mapping[str, list[Mapping[str, float]]]:
    """What `ear` makes of Cartesian loudspeakers without a label at `bed_places`, for every layout of BS.2051."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _BED_BY_EAR],
        input=json.dumps(bed_places().tolist()),
        capture_output=True,
        text=True,
        check=True,
    )
    found: Mapping[str, list[Mapping[str, float]]] = json.loads(done.stdout)
    return found


_BED_BY_EAR = """
import json, sys
from ear.core import bs2051
from ear.core.direct_speakers.panner import DirectSpeakersPanner
from ear.core.metadata_input import DirectSpeakersTypeMetadata
from ear.fileio.adm.elements import AudioBlockFormatDirectSpeakers, BoundCoordinate, DirectSpeakerCartesianPosition
gains = {}
places = json.load(sys.stdin)
for name in bs2051.layout_names:
    layout = bs2051.get_layout(name)
    panner = DirectSpeakersPanner(layout)
    rows = []
    for place in places:
        position = DirectSpeakerCartesianPosition(*(BoundCoordinate(part) for part in place))
        block = AudioBlockFormatDirectSpeakers(position=position)
        row = panner.handle(DirectSpeakersTypeMetadata(block_format=block)).tolist()
        rows.append({each: gain for each, gain in zip(layout.channel_names, row)})
    gains[name] = rows
print(json.dumps(gains))
"""


def _points() -> list[str]:
    rng = np.random.default_rng(2076)
    places = [(float(a), float(e)) for a, e in rng.uniform((-180, -90), (180, 90), (24, 2)).round(3)]
    return [at(a, e, gain=round(0.2 + 0.05 * k, 2)) for k, (a, e) in enumerate([*places, (0, 90), (180, 0), (0, -90)])]


def _cubes() -> list[str]:
    """Places on the walls: those between them and the middle are wide, and other panners pan those otherwise."""
    rng = np.random.default_rng(2127)
    corners = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)]
    anywhere = rng.uniform(-1, 1, (20, 3))
    return [cube(*place) for place in (*corners, *(anywhere / np.abs(anywhere).max(axis=1, keepdims=True)).tolist())]


def _moves() -> list[str]:
    jump = '<jumpPosition interpolationLength="0.01000">1</jumpPosition>'
    return [
        block(0, 2400, at(30, 0)) + block(2400, 4800, at(-30, 0)) + block(4800, 9600, at(110, 30, gain=0.5)),
        block(0, 4800, at(-90, 0) + jump) + block(4800, 9600, at(90, 0) + jump),
        block(0, 4800, at(0, 0)) + block(4800, 9600, at(0, 90) + "<jumpPosition>1</jumpPosition>"),
        block(0, 2400, at(135, 0)) + block(4800, 7200, at(-135, 0)),  # silence between them and behind
        block(0, 960, at(45, 30)) + block(960, 1920, at(60, 0)),
    ]


def _bounded(azimuth: float, elevation: float, **bounds: float) -> str:
    """A loudspeaker of no room: bounds such as `azimuth_min`."""
    words = ((*name.split("_"), value) for name, value in bounds.items())
    limits = "".join(f'<position coordinate="{axis}" bound="{side}">{value}</position>' for axis, side, value in words)
    return f"<speakerLabel>nowhere</speakerLabel>{at(azimuth, elevation)}{limits}"


CASES: Mapping[str, Callable[[], tuple[bytes, list[TrackEntry]]]] = {
    "points": lambda: document(_points()),
    "moves": lambda: document(
        _moves(),
        objects=["|", "|", "|", "|", 'start="00:00:00.05000" duration="00:00:00.04000"|'],
    ),
    "cube": lambda: document(_cubes()),
    "locked": lambda: document(
        [
            at(20, 10, channelLock=1),
            at(20, 0) + '<channelLock maxDistance="0.1">1</channelLock>',
            at(-100, 20) + '<channelLock maxDistance="0.9">1</channelLock>',
            at(90, 15, channelLock=1),
        ]
    ),
    "diverging": lambda: document(
        [
            at(10, 0) + f'<objectDivergence azimuthRange="{turn}">{value}</objectDivergence>'
            for turn, value in ((30, 0.5), (45, 1), (60, 0.25), (20, 0))
        ]
        + [at(-40, 50) + '<objectDivergence azimuthRange="35">0.7</objectDivergence>']
    ),
    "loudspeakers within bounds": lambda: document(
        [
            _bounded(45, 0, azimuth_min=30, azimuth_max=50),
            _bounded(45, 0, azimuth_min=40),
            _bounded(45, 0, azimuth_max=70),
            _bounded(45, 0, azimuth_min=30, azimuth_max=60),  # two are as near: it is panned
            _bounded(170, 10, azimuth_min=160, azimuth_max=-150, elevation_min=0, elevation_max=30),
            _bounded(20, 70, elevation_max=90),  # what is overhead has any azimuth
            _bounded(-100, 0, elevation_min=-30),
        ],
        "DirectSpeakers",
    ),
    "bed of 24": lambda: common_document(
        [
            f"AT_000100{number}_01"
            for number in "18 19 03 20 1c 1d 01 02 09 21 0a 0b 22 23 0e 0c 1e 1f 13 14 11 15 16 17".split()  # noqa: SIM905
        ],
        "AP_00010009",
    ),
}
"""Of each: the XML, and the lines of chna."""


def scene(places: Sequence[tuple[float, float]], **more: Any) -> Scene:
    """The default scene with its objects in other places, as wide as a pair of loudspeakers."""
    made = default_scene()
    for item, (azimuth, elevation) in zip(made.objects, places, strict=True):
        position = tuple(cartesian(azimuth, elevation, 2.0).tolist())
        made = made.with_object(replace(item, position=position, width_deg=40.0, level=0.3 + 0.1 * item.id))
    return replace(made, **more)


FIRST = [(20, 10), (-100, -20), (170, 45), (-60, 70), (5, -80)]
OURS = {
    "our still scene": [(0, scene(FIRST, groups={0: Group(gain_db=-3.0)}), 0.0)],
    "our scene that moves": [(0, scene(FIRST), 0.0), (3000, scene(FIRST[::-1]), 0.0), (6500, scene(FIRST), 0.02)],
}
"""Moments of scenes that are exported."""


def write_case(name: str, folder: Path) -> Path:
    """The file of a case."""
    path = folder / f"{name}.wav"
    if name in OURS:
        soundfile.write(folder / "tape.wav", impulses(10).T, RATE, subtype="FLOAT")
        export_tracks(folder / "tape.wav", path, load_layout(SYSTEM), OURS[name], "ours")
        return path
    axml, entries = CASES[name]()
    with Bw64Writer(path, RATE, len(entries), entries) as writer:
        writer.write(impulses(len(entries)))
        writer.axml = axml
    return path


def sound_of(path: Path) -> np.ndarray:
    """All of a file, shape (tracks, n)."""
    with Bw64Reader(path) as reader:
        return np.concatenate(list(reader.blocks(8192)), axis=1)


@contextmanager
def ear_python() -> Iterator[str]:
    """A Python with `ear`: that of STEMFIELD_EAR_PYTHON, or one that is made for a while and takes a quarter minute."""
    given = os.environ.get("STEMFIELD_EAR_PYTHON")
    if given:
        yield given
        return
    with TemporaryDirectory(prefix="stemfield-ear-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, *EAR], check=True)
        yield python


def render_by_ear(python: str, source: Path, target: Path, *options: str) -> None:
    """What `ear-render` makes of a file on 9+10+3."""
    command = [python, "-W", "ignore", "-m", "ear.cmdline.render_file", "-s", SYSTEM, *options]
    done = subprocess.run([*command, str(source), str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
