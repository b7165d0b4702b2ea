"""Documents of the Audio Definition Model: what is written is read, and everything that is wrong is told in lines."""

import random
import re
import tracemalloc
from dataclasses import replace
from encodings.aliases import aliases
from fractions import Fraction

import pytest
from adm_cases import CASES, OURS, SYSTEM, at, block, common_document, cube, document
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.layouts.loader import load_layout
from stemfield.renderer.adm.model import AdmError, AudioObject, Block, Document, SpeakerBlock, Zone
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.score import document_of, score_of
from stemfield.renderer.adm.selection import MAX_DEPTH, MAX_ITEMS, select
from stemfield.renderer.adm.times import parse_seconds, parse_time, step_time, time_text
from stemfield.renderer.adm.writing import write_document
from stemfield.renderer.files.bw64 import TrackEntry


def problems_of(xml, entries=(), wanted=None):
    """The lines of a refusal; none where it can be used."""
    found = ()
    try:
        select(read_document(xml), entries, wanted)
    except AdmError as error:
        found = error.problems
    assert all("\n" not in line for line in found)
    return tuple(line.replace("'", "") for line in found)


def changed(old, new, case="points"):
    xml, entries = CASES[case]()
    assert old.encode() in xml, old
    return xml.replace(old.encode(), new.encode(), 1), entries


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("name", OURS)
def test_what_is_written_is_read(name, rate):
    score = score_of(OURS[name], load_layout(SYSTEM), rate, 10)
    written, entries = document_of(score, 9600, rate, 'A <title> & "more"', {3: 2.0}, -23.4)
    found = read_document(write_document(written, rate))
    assert found.programmes == written.programmes
    assert found.contents == written.contents
    assert found.objects == written.objects
    assert found.tracks == written.tracks
    assert found.formats == written.formats
    for ident, channel in written.channels.items():
        got = found.channels[ident]
        assert (got.name, got.kind, len(got.blocks)) == (channel.name, channel.kind, len(channel.blocks))
        for one, other in zip(got.blocks, channel.blocks, strict=True):
            assert replace(one, position=(), gain=1, interpolation_s=0) == replace(
                other, position=(), gain=1, interpolation_s=0
            )
            assert [*one.position, one.gain] == pytest.approx([*other.position, other.gain], abs=1e-8)
            assert round(rate * one.interpolation_s) == round(rate * other.interpolation_s)
    assert [item.name for item in select(found, entries).items][:3] == ["vocals left", "vocals right", "bass left"]


@given(frame=st.integers(0, 10**10), rate=st.sampled_from([8000, 11025, 44100, 48000, 88200, 96000, 176400, 192000]))
def test_a_time_names_its_frame(frame, rate):
    text = time_text(step_time(frame, rate))
    assert round(parse_time(text) * rate) == frame
    if rate <= 96_000:
        assert re.fullmatch(r"\d{2,}:\d\d:\d\d\.\d{5}", text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:00", 0),
        ("01:02:03.5", Fraction(7447, 2)),
        ("0:0:1.12000S48000", Fraction(5, 4)),
        ("00:00:00.00001", 1e-5),
    ],
)
def test_times(text, seconds):
    assert float(parse_time(text)) == float(seconds)


@pytest.mark.parametrize(
    "text", ["", "1.5", "00:60:00.0", "00:00:-1.0", "00:00:01.9S9", "nan", "00:00:00.1S0", "1:1:1:1"]
)
def test_no_times(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), (" 0.05000 ", 0.05), ("2.5e-05", 25e-6), (".05", 0.05), ("+1.5", 1.5), ("999999.5", 999999.5)],
)
def test_seconds(text, seconds):
    assert float(parse_seconds(text)) == seconds


@pytest.mark.parametrize("text", ["", "1e9", "-1", "1/2", "nan", "1000000", "1e999999999", "1e-999999999", "9" * 10**6])
def test_no_seconds(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"azimuth">', '"azimuth">nan <!--', None),
        ("0.2</gain>", "nan</gain>", "gain: expected -2e+09 to 2e+09, got nan"),
        ("0.2</gain>", "</gain>", "gain"),
        ('coordinate="azimuth">', 'coordinate="azimuth">9', "expected -180 to 180"),
        ('coordinate="elevation">', 'coordinate="height">', "the position has no elevation"),
        ("<gain>0.2", "<width>361</width><gain>0.2", "width: expected 0 to 360, got 361"),
        ("<gain>0.2", "<height>-1</height><gain>0.2", "height: expected 0 to 360, got -1"),
        ("<gain>0.2", "<depth>2</depth><gain>0.2", "depth: expected 0 to 1, got 2"),
        ("<gain>0.2", "<diffuse>inf</diffuse><gain>0.2", "diffuse: expected 0 to 1, got inf"),
        (
            "<gain>0.2",
            '<jumpPosition interpolationLength="soon">1</jumpPosition><gain>0.2',
            "interpolationLength: expected seconds such as 0.05000, got soon",
        ),
        (
            "<gain>0.2",
            '<jumpPosition interpolationLength="1/2">1</jumpPosition><gain>0.2',
            "interpolationLength: expected seconds such as 0.05000, got 1/2",
        ),
        ("<gain>0.2", "<zoneExclusion><zone minX='2'/></zoneExclusion><gain>0.2", "minX: expected -1 to 1, got 2"),
        (
            'AB_00031001_00000001"',
            'AB_00031001_00000001" rtime="soon"',
            "rtime: expected a time such as 00:00:01.50000, got soon",
        ),
        ('typeLabel="0003" typeDefinition="Objects"', 'typeLabel="0009" typeDefinition="Smells"', None),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(old, new, message):
    xml, entries = changed(old, new)
    lines = problems_of(xml, entries)
    if message is None:
        return
    assert any(message in line for line in lines), lines
    assert any("AB_00031001_00000001" in line for line in lines)


def test_all_wrong_values_are_told_up_to_a_number():
    xml, _ = document([at("none", 0)] * 50)
    lines = problems_of(xml)
    assert len(lines) == 21
    assert lines[-1] == "and 30 more"


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (b"", "not XML"),
        (b"no <XML", "line 1: not XML"),
        (b"<a><b></a>", "not XML"),
        (b"<a/>", "holds no audioFormatExtended"),
        (b"<audioFormatExtended/>", "holds no audioObject"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        (b"<a>" * 100 + b"</a>" * 100, "more than 64 deep"),
        (b"<a>&unknown;</a>", "not XML"),
        (b'<?xml version="1.0" encoding="UTF-80"?><a/>', "not XML: unknown encoding: UTF-80"),
        (b'<?xml version="1.0" encoding="hex"?><a/>', "not XML"),
        (b'<?xml version="1.0" encoding="shift_jis"?><a/>', "expected UTF-8"),
        (b"\xff\xfe\x00", "not XML"),
    ],
)
def test_what_is_no_document(xml, message):
    (line,) = problems_of(xml)
    assert message in line


@pytest.mark.parametrize("name", sorted(set(aliases.values())))
def test_any_encoding_is_read_or_refused(name):
    (line,) = problems_of(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode())
    assert "not XML: " in line or "holds no audioFormatExtended" in line


def test_an_entity_bomb_is_refused_at_once():
    lines = [b'<!ENTITY a0 "aaaaaaaaaa">']
    lines += [b'<!ENTITY a%d "%s">' % (k, b"&a%d;" % (k - 1) * 10) for k in range(1, 20)]
    xml = b"<!DOCTYPE x [" + b"".join(lines) + b"]><x>&a19;</x>"
    (line,) = problems_of(xml)
    assert "document type" in line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<audioContentIDRef>ACO_1001", "<audioContentIDRef>ACO_1009", "APR_1001: there is no audioContent ACO_1009"),
        ("<audioObjectIDRef>AO_1001", "<audioObjectIDRef>AO_2001", "ACO_1001: there is no audioObject AO_2001"),
        ("<audioTrackUIDRef>ATU_00000001", "<audioTrackUIDRef>ATU_00000099", "ATU_00000099 is not in the chna chunk"),
        ("<audioChannelFormatIDRef>AC_00031001</audioChannelFormatIDRef><audioT", "<audioT", None),
        (
            "</audioPackFormatIDRef><audioTrackUIDRef>ATU_00000001</audioTrackUIDRef>",
            "</audioPackFormatIDRef><audioTrackUIDRef>ATU_00000001</audioTrackUIDRef>"
            "<audioObjectIDRef>AO_1001</audioObjectIDRef>",
            "AO_1001: is a part of itself",
        ),
    ],
)
def test_references_that_lead_nowhere(old, new, message):
    xml, entries = changed(old, new)
    lines = problems_of(xml, entries)
    if message is None:  # the channel is found by the number of its track
        assert lines == ()
    else:
        assert any(message in line for line in lines), lines


def test_what_is_not_played_is_refused_or_named():
    for kind in ("HOA", "Binaural"):
        xml, entries = document([""], kind)
        (line,) = problems_of(xml, entries)
        assert kind in line
    objects, entries = document([at(0, 0), at(30, 0)])
    hoa = objects.replace(
        b'AC_00031002" audioChannelFormatName="channel 2" typeLabel="0003" typeDefinition="Objects"',
        b'AC_00031002" audioChannelFormatName="channel 2" typeLabel="0004" typeDefinition="HOA"',
    )
    assert hoa != objects
    found = select(read_document(hoa), entries)
    assert [item.name for item in found.items] == ["object 1"]
    assert found.notes == ("HOA is left out: object 2",)
    screen, entries = document([at(0, 0, screenRef=1)])
    assert select(read_document(screen), entries).notes == ("not played: screenRef",)


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("AT_00040001_01", "HOA"),
        ("AC_00040004", "HOA"),
        ("AT_00050001_01", "Binaural"),
        ("AC_00050002", "Binaural"),
        ("AC_00020001", "Matrix"),
        ("AC_00070001", "type 0007"),
        ("AT_00FF0001_01", "type 00FF"),
        ("AC_00010FFF", "common definition AC_00010FFF"),
        ("AC_00030001", "common definition AC_00030001"),
    ],
)
def test_what_common_definitions_describe_and_is_not_played_leaves_the_rest(reference, kind):
    """The document has no channel of them; their kind stands in the ID."""
    xml, entries = document([at(0, 0), at(30, 0)])
    common = re.sub(
        rb"(<audioTrackUID UID=\"ATU_00000002\".*?)AT_00031002_01", b"\\1" + reference.encode(), xml, flags=re.S
    )
    found = select(read_document(common), [entries[0], replace(entries[1], track_ref=reference)])
    assert [item.name for item in found.items] == ["object 1"]
    assert found.notes == (f"{kind} is left out: object 2",)
    alone, entries = common_document([reference], f"AP_{reference[3:11]}")
    (line,) = problems_of(alone, entries)
    assert line == f"holds nothing that is played here, only {kind} (bed)"


def test_what_is_of_a_kind_that_nobody_knows_leaves_the_rest():
    xml, entries = document([at(0, 0), at(30, 0)])
    new = b'AC_00031002" audioChannelFormatName="channel 2" typeLabel="1001" typeDefinition="Lights"'
    old = b'AC_00031002" audioChannelFormatName="channel 2" typeLabel="0003" typeDefinition="Objects"'
    assert old in xml
    found = select(read_document(xml.replace(old, new)), entries)
    assert [item.name for item in found.items] == ["object 1"]
    assert [note.replace("'", "") for note in found.notes] == ["type Lights is left out: object 2"]


@pytest.mark.parametrize("name", ["points", "bed of 24", "moves"])
@pytest.mark.parametrize("seed", range(3))
def test_ids_are_the_same_in_any_case(name, seed):
    rng = random.Random(seed)
    xml, entries = CASES[name]()

    def mixed(match):
        return "".join(rng.choice((letter.lower(), letter.upper())) for letter in match.group())

    other = re.sub(r"\b(?:APR|ACO|AO|AP|AC|AS|AT|ATU)_[0-9a-f_]+", mixed, xml.decode()).encode()
    chna = [
        replace(entry, **{key: re.sub(".+", mixed, getattr(entry, key)) for key in ("uid", "track_ref", "pack_ref")})
        for entry in entries
    ]
    assert select(read_document(other), chna).items == select(read_document(xml), entries).items
    assert select(read_document(other), chna, "apr_1001").programme.id == "APR_1001"


@pytest.mark.parametrize("declared", ["UTF-16", "utf-16", "UTF-8", None])
@pytest.mark.parametrize("padding", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"), ("utf-32-le", "\ufeff"), ("utf-32-be", "\ufeff"),
        ("utf-16-le", ""), ("utf-16-be", ""), ("utf-32-le", ""), ("utf-32-be", ""), ("utf-8", ""), ("utf-8", "\ufeff"),
    ],
)  # fmt: skip
def test_xml_in_any_encoding_of_unicode(encoding, mark, padding, declared):
    """Declared or not, even wrongly, as by programs that write what was UTF-16 within them; with room for more."""
    xml, entries = document([at(20, 10)])
    text = xml.decode().partition("?>")[2].replace("object 1", "Gr\u00fc\u00dfe \U0001f3bb")
    text = text if declared is None else f'<?xml version="1.0" encoding="{declared}"?>{text}'
    found = select(read_document((mark + text).encode(encoding) + bytes(padding)), entries)
    assert [(item.name, item.blocks[0].position) for item in found.items] == [
        ("Gr\u00fc\u00dfe \U0001f3bb", (20.0, 10.0, 1.0))
    ]


def test_xml_with_something_before_its_declaration():
    xml, entries = document([at(20, 10)])
    assert len(select(read_document(b"\r\n \0" + xml + b"\n\0\0\0"), entries).items) == 1
    wide = ("\ufeff\n " + xml.decode()).encode("utf-16-le")
    assert len(select(read_document(wide), entries).items) == 1


def two_programmes():
    xml, entries = document([at(0, 0), at(90, 0)])
    second = b"""<audioProgramme audioProgrammeID="APR_1002" audioProgrammeName="deux">
 <audioContentIDRef>ACO_1002</audioContentIDRef></audioProgramme>
<audioContent audioContentID="ACO_1002" audioContentName="b"><audioObjectIDRef>AO_1002</audioObjectIDRef></audioContent>
</audioFormatExtended>"""
    return xml.replace(b"</audioFormatExtended>", second), entries


@pytest.mark.parametrize(("wanted", "count"), [(None, 2), ("programme", 2), ("APR_1002", 1), ("deux", 1)])
def test_programmes(wanted, count):
    xml, entries = two_programmes()
    assert len(select(read_document(xml), entries, wanted).items) == count


def test_an_unknown_programme_is_told_with_those_there_are():
    xml, entries = two_programmes()
    (line,) = problems_of(xml, entries, "deuxx")
    assert line == "programme: expected programme (APR_1001), deux (APR_1002), got deuxx, did you mean deux?"


def test_objects_within_objects_muted_ones_and_others_instead():
    xml, entries = document(
        [at(0, 0), at(30, 0), at(60, 0), at(90, 0)],
        objects=[
            "|<audioObjectIDRef>AO_1002</audioObjectIDRef><gain>0.5</gain>",
            '|<gain gainUnit="dB">-20</gain>',
            "|<mute>1</mute>",
            "|<audioComplementaryObjectIDRef>AO_1003</audioComplementaryObjectIDRef>",
        ],
    )
    xml = xml.replace(b"<audioObjectIDRef>AO_1002</audioObjectIDRef><audio", b"<audio", 1)
    items = select(read_document(xml), entries).items
    assert {(item.name, round(item.gain, 9)) for item in items} == {
        ("object 1", 0.5),
        ("object 2", 0.05),
        ("object 4", 1.0),
    }


def nested(levels, parts=1, **last):
    """Objects of which each is made of the next one, so many times."""
    objects = [AudioObject(f"AO_{k}", objects=(f"AO_{k + 1}",) * parts) for k in range(1, levels)]
    return Document(objects={item.id: item for item in [*objects, AudioObject(f"AO_{levels}", **last)]})


def bed(tracks):
    uids = tuple(f"ATU_{k:08x}" for k in range(1, tracks + 1))
    return uids, [TrackEntry(0, uid, "AT_00010003_01", "") for uid in uids]


def test_as_much_is_played_as_is_allowed():
    uids, entries = bed(MAX_ITEMS)
    assert len(select(nested(MAX_DEPTH, tracks=uids), entries).items) == MAX_ITEMS


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (nested(40, 2), "more than 4096 audioObjects, each as often as others refer to it, are not played"),
        (nested(40, 2, objects=("AO_1000",)), "more than 4096 audioObjects, each as often"),
        (nested(2, 1, objects=("AO_1000",) * 5000), "more than 4096 audioObjects, each as often"),
        (nested(11, 2, tracks=bed(1)[0] * 2), "more than 1024 tracks of audioObjects, each as often as it is heard"),
        (nested(1, tracks=bed(1025)[0]), "more than 1024 tracks of audioObjects"),
        (nested(5000), "AO_65: audioObjects within one another more than 64 deep are not played"),
        (nested(2, tracks=bed(1)[0], gain=1e11), "AO_2: gain with those around it: expected up to 2e+09, got 1e+11"),
    ],
)
def test_graphs_of_objects_have_bounds(document, message):
    with pytest.raises(AdmError) as refused:
        select(document, bed(1)[1])
    assert message in refused.value.problems[-1]


def test_any_wrapper_and_namespace():
    xml, entries = CASES["points"]()
    expected = select(read_document(xml), entries).items
    bare = re.sub(rb".*(<audioFormatExtended>.*</audioFormatExtended>).*", rb"\1", xml, flags=re.DOTALL)
    itu = bare.replace(b"<audioFormatExtended>", b'<audioFormatExtended xmlns="urn:metadata-schema:adm">')
    for other in (bare, itu, b'<a:ituADM xmlns:a="urn:x">' + bare + b"</a:ituADM>", xml + b"\0\0\0"):
        assert select(read_document(other), entries).items == expected


def test_all_that_a_block_may_say():
    inner = cube(0.5, 1, 0, width=0.25, height=0.5, depth=0.75, diffuse=0.125)
    inner += '<gain gainUnit="dB">-6</gain><channelLock maxDistance="0.5">1</channelLock>'
    inner += '<objectDivergence positionRange="0.25">0.5</objectDivergence>'
    inner += '<zoneExclusion><zone minX="-1" maxX="1" minY="-1" maxY="0" minZ="0" maxZ="1"/>'
    inner += '<zone minElevation="30" maxElevation="90" minAzimuth="-180" maxAzimuth="180"/></zoneExclusion>'
    inner += '<jumpPosition interpolationLength="0.02">1</jumpPosition>'
    xml, _ = document([block(480, 960, inner)])
    (found,) = read_document(xml).channels["AC_00031001"].blocks
    assert isinstance(found, Block)
    assert (found.start_s, found.duration_s, found.interpolation_s) == (Fraction(1, 100),) * 2 + (Fraction(1, 50),)
    assert (found.cartesian, found.position) == (True, (0.5, 1.0, 0.0))
    assert (found.width, found.height, found.depth, found.diffuse) == (0.25, 0.5, 0.75, 0.125)
    assert found.gain == pytest.approx(10**-0.3)
    assert (found.lock, found.divergence, found.divergence_range, found.jump) == (0.5, 0.5, 0.25, True)
    assert [(zone.cartesian, zone.low, zone.high) for zone in found.zones] == [
        (True, (-1, -1, 0), (1, 0, 1)),
        (False, (-180, 30), (180, 90)),
    ]


def test_loudspeakers_that_are_described():
    inner = '<speakerLabel>RC_Lss</speakerLabel><position coordinate="X">-1</position>'
    inner += '<position coordinate="Y">0</position><position coordinate="Y" bound="max">0.5</position>'
    xml, entries = document([inner], "DirectSpeakers")
    (item,) = select(read_document(xml), entries).items
    assert item.blocks == (
        SpeakerBlock(
            labels=("RC_Lss",),
            cartesian=True,
            position=(-1.0, 0.0, 0.0),
            bounds=Zone(True, (-1.0, 0.0, 0.0), (-1.0, 0.5, 0.0)),
        ),
    )


def test_many_blocks_take_little_memory():
    blocks = "".join(block(48 * k, 48 * k + 48, at(k % 360 - 180, 0)) for k in range(190))
    xml, _ = document([blocks] * 10)
    tracemalloc.start()
    try:
        found = read_document(xml)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(channel.blocks) for channel in found.channels.values()) == 1900
    assert peak < 4 * len(xml)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=0, max_size=3)), min_size=1, max_size=5))
def test_no_bytes_make_it_crash(changes):
    xml, entries = CASES["moves"]()
    damaged = bytearray(xml)
    for place, data in changes:
        damaged[place % len(damaged) : place % len(damaged) + 2] = data
    for line in problems_of(bytes(damaged), [*entries, TrackEntry(0, "ATU_00000009", "", "")]):
        assert line
