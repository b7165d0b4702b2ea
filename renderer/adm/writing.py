"""Writes documents as XML: EBU Core, for the axml chunk of a BW64 file.

Every channel gets its own pack and stream. Only the features of `score` are written: objects of one channel each, in
polar coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from stemfield.renderer.adm.model import Block, Channel, Document, Programme, Track, Zone
from stemfield.renderer.adm.times import seconds_text, time_text

_NAMESPACE = "urn:ebu:metadata-schema:ebuCore_2017"
_TYPE = 'typeLabel="0003" typeDefinition="Objects"'
_PCM = 'formatLabel="0001" formatDefinition="PCM"'


def write_document(document: Document, sample_rate_hz: int) -> bytes:
    """The XML of a document.

    Args:
        document: document with Objects channels only.
        sample_rate_hz: sample rate of the tracks, which have 24 bits.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<ebuCoreMain xmlns="{_NAMESPACE}">']
    lines += [" <coreMetadata>", "  <format>", "   <audioFormatExtended>"]
    for programme in document.programmes.values():
        lines += _programme(programme)
    for content in document.contents.values():
        lines.append(f'<audioContent audioContentID="{content.id}" audioContentName={_quoted(content.name)}>')
        lines += [f"<audioObjectIDRef>{ident}</audioObjectIDRef>" for ident in content.objects]
        lines += ['<dialogue nonDialogueContentKind="1">0</dialogue>', "</audioContent>"]  # music
    for item in document.objects.values():
        lines.append(f'<audioObject audioObjectID="{item.id}" audioObjectName={_quoted(item.name)} interact="0">')
        for uid in item.tracks:
            lines.append(f"<audioPackFormatIDRef>{document.tracks[uid].pack}</audioPackFormatIDRef>")
            lines.append(f"<audioTrackUIDRef>{uid}</audioTrackUIDRef>")
        lines.append("</audioObject>")
    for channel in document.channels.values():
        lines += _channel(channel)
    for track in document.tracks.values():
        lines += _track(track, sample_rate_hz)
    lines += ["   </audioFormatExtended>", "  </format>", " </coreMetadata>", "</ebuCoreMain>"]
    return "\n".join(lines).encode()


def _programme(programme: Programme) -> Iterator[str]:
    end = "" if programme.duration_s is None else f' end="{time_text(programme.duration_s)}"'
    yield (
        f'<audioProgramme audioProgrammeID="{programme.id}" audioProgrammeName={_quoted(programme.name)} '
        f'start="{time_text(Fraction(0))}"{end}>'
    )
    for ident in programme.contents:
        yield f"<audioContentIDRef>{ident}</audioContentIDRef>"
    if programme.loudness_lkfs is not None and math.isfinite(programme.loudness_lkfs):
        yield '<loudnessMetadata loudnessMethod="ITU-R BS.1770">'
        yield f"<integratedLoudness>{programme.loudness_lkfs:.2f}</integratedLoudness>"
        yield "</loudnessMetadata>"
    yield "</audioProgramme>"


def _channel(channel: Channel) -> Iterator[str]:
    """The channel, its pack and its stream."""
    name, code = _quoted(channel.name), channel.id.removeprefix("AC_")
    yield f'<audioPackFormat audioPackFormatID="AP_{code}" audioPackFormatName={name} {_TYPE}>'
    yield f"<audioChannelFormatIDRef>{channel.id}</audioChannelFormatIDRef>"
    yield "</audioPackFormat>"
    yield f'<audioChannelFormat audioChannelFormatID="{channel.id}" audioChannelFormatName={name} {_TYPE}>'
    for number, block in enumerate(channel.blocks, start=1):
        assert isinstance(block, Block)
        yield from _block(f"AB_{code}_{number:08x}", block)
    yield "</audioChannelFormat>"
    yield f'<audioStreamFormat audioStreamFormatID="AS_{code}" audioStreamFormatName={name} {_PCM}>'
    yield f"<audioChannelFormatIDRef>{channel.id}</audioChannelFormatIDRef>"
    yield f"<audioTrackFormatIDRef>AT_{code}_01</audioTrackFormatIDRef>"
    yield "</audioStreamFormat>"
    yield f'<audioTrackFormat audioTrackFormatID="AT_{code}_01" audioTrackFormatName={name} {_PCM}>'
    yield f"<audioStreamFormatIDRef>AS_{code}</audioStreamFormatIDRef>"
    yield "</audioTrackFormat>"


def _block(ident: str, block: Block) -> Iterator[str]:
    duration = "" if block.duration_s is None else f' duration="{time_text(block.duration_s)}"'
    yield f'<audioBlockFormat audioBlockFormatID="{ident}" rtime="{time_text(block.start_s)}"{duration}>'
    yield "<cartesian>0</cartesian>"
    for name, value in zip(("azimuth", "elevation", "distance"), block.position, strict=True):
        yield f'<position coordinate="{name}">{_number(value)}</position>'
    for name, value in (("width", block.width), ("height", block.height), ("diffuse", block.diffuse)):
        if value:
            yield f"<{name}>{_number(value)}</{name}>"
    yield f"<gain>{_number(block.gain)}</gain>"
    if block.lock is not None:
        within = "" if math.isinf(block.lock) else f' maxDistance="{_number(block.lock)}"'
        yield f"<channelLock{within}>1</channelLock>"
    if block.zones:
        yield f"<zoneExclusion>{''.join(map(_zone, block.zones))}</zoneExclusion>"
    yield f'<jumpPosition interpolationLength="{seconds_text(block.interpolation_s)}">1</jumpPosition>'
    yield "</audioBlockFormat>"


def _zone(zone: Zone) -> str:
    sides = [
        f'{side}{axis}="{_number(value)}"'
        for side, corner in (("min", zone.low), ("max", zone.high))
        for axis, value in zip(("Azimuth", "Elevation"), corner, strict=True)
    ]
    return f"<zone {' '.join(sides)}/>"


def _track(track: Track, sample_rate_hz: int) -> Iterator[str]:
    yield f'<audioTrackUID UID="{track.uid}" sampleRate="{sample_rate_hz}" bitDepth="24">'
    yield f"<audioTrackFormatIDRef>{track.format}</audioTrackFormatIDRef>"
    yield f"<audioPackFormatIDRef>{track.pack}</audioPackFormatIDRef>"
    yield "</audioTrackUID>"


def _quoted(text: str) -> str:
    """Value of an attribute; characters that XML cannot have are replaced."""
    return quoteattr("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") if value else "0"
