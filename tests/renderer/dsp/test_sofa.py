"""Measured heads: real SOFA files, written by the library that the field uses, and files that are none."""

import sys

import netCDF4
import numpy as np
import pytest
import sofar

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.binaural import monitor_filters
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.dsp.measured import MAX_TAPS, MeasuredHead
from stemfield.renderer.dsp.sofa import SofaError, read_sofa

RATE = 48_000
GRID = np.array([(azimuth, elevation) for elevation in (-60, -30, 0, 30, 60) for azimuth in range(0, 360, 15)], float)


def of_the_sphere(rate=RATE):
    """The embedded head, measured."""
    return AnalyticHead(rate).filters(cartesian(*GRID.T)).astype(float)


def write(path, responses, places=GRID, rate=RATE, **changes):
    head = sofar.Sofa("SimpleFreeFieldHRIR")
    head.Data_IR = responses
    head.SourcePosition = np.column_stack([places, np.ones(len(places))])
    head.Data_SamplingRate = rate
    head.Data_Delay = np.zeros((1, 2))
    head.ReceiverPosition = [[0, 0.09, 0], [0, -0.09, 0]]
    for key, value in changes.items():
        setattr(head, key, value)
    sofar.write_sofa(str(path), head)
    return path


def impulses(at, taps=64):
    """A click in both ears from each place: `at` has shape (directions, 2)."""
    made = np.zeros((*np.shape(at), taps))
    np.put_along_axis(made, np.asarray(at)[..., None], 1.0, axis=2)
    return made


def test_a_measurement_of_the_embedded_head_is_the_embedded_head(tmp_path):
    head = MeasuredHead(write(tmp_path / "head.sofa", 0.01 * of_the_sphere()), RATE)
    directions = cartesian(*GRID.T)
    shift = AnalyticHead(RATE).latency_frames - head.latency_frames
    wanted = of_the_sphere()
    found = np.zeros_like(wanted)
    found[..., shift:] = head.filters(directions)[..., : wanted.shape[2] - shift]
    assert 10 * np.log10(np.square(found - wanted).sum() / np.square(wanted).sum()) < -25
    assert abs(shift) <= 3
    assert head.taps % 8 == 0


def test_the_nearest_measured_direction_answers(tmp_path):
    places = np.array([[0.0, 0.0], [90.0, 0.0], [180.0, 0.0]])
    path = write(tmp_path / "head.sofa", impulses([[30, 30], [26, 40], [33, 33]]), places)
    head = MeasuredHead(path, RATE)
    found = np.argmax(head.filters(cartesian([80.0, -170.0], [10.0, 0.0])), axis=2)
    assert (found[1] - found[0]).tolist() == [7, -7]
    filters = monitor_filters(head, load_layout("5.1"))
    assert filters.shape == (6, 2, head.taps)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_another_rate_is_resampled(tmp_path, rate):
    head = MeasuredHead(write(tmp_path / "head.sofa", of_the_sphere(rate), rate=rate), RATE)
    directions = cartesian(np.array([45.0, -105.0]), 0.0)
    f_hz = np.fft.rfftfreq(2048, 1 / RATE)
    band = (f_hz > 300) & (f_hz < 16_000)
    levels = [
        20 * np.log10(np.abs(np.fft.rfft(h.filters(directions), 2048)))[..., band] for h in (head, AnalyticHead(RATE))
    ]
    assert np.abs(levels[0] - levels[1]).mean() < 0.5
    assert np.abs(levels[0] - levels[1]).max() < 4.0  # in the notches


def test_delays_beside_the_responses_are_put_into_them(tmp_path):
    places = np.array([[90.0, 0.0], [-90.0, 0.0]])
    delays = np.array([[0.0, 30.0], [30.0, 0.0]])
    soft = np.tile(np.exp(-(((np.arange(64) - 15) / 3) ** 2)), (2, 2, 1))
    head = MeasuredHead(write(tmp_path / "a.sofa", soft, places, Data_Delay=delays), RATE)
    found = np.argmax(np.abs(head.filters(cartesian(places[:, 0], 0.0))), axis=2)
    assert (found[:, 1] - found[:, 0]).tolist() == [30, -30]
    half = MeasuredHead(write(tmp_path / "b.sofa", soft, places, Data_Delay=delays / 4), RATE)
    phases = np.angle(np.fft.rfft(half.filters(cartesian(90.0, 0.0)[None])[0], 1024)[:, 10])
    assert (phases[0] - phases[1]) / (2 * np.pi * 10 / 1024) == pytest.approx(7.5, abs=0.05)


def test_listeners_who_look_elsewhere_and_ears_in_the_other_order(tmp_path):
    places = np.array([[0.0, 0.0], [90.0, 0.0]])
    responses = impulses([[20, 20], [40, 10]])
    turned = {"ListenerView": [0.0, 1.0, 0.0], "ReceiverPosition": [[0, -0.09, 0], [0, 0.09, 0]]}
    found = read_sofa(write(tmp_path / "head.sofa", responses, places, **turned))
    # looking to the left, what was in front is on the right, what was on the left is in front
    np.testing.assert_allclose(found.directions, [[0, -1, 0], [1, 0, 0]], atol=1e-12)
    assert np.argmax(found.responses, axis=2).tolist() == [[20, 20], [10, 40]]


def test_many_directions_are_the_same_as_few(tmp_path):
    """Beyond what is worked on at once."""
    places = np.array([(azimuth, elevation) for elevation in range(-60, 61, 5) for azimuth in range(0, 360, 5)], float)
    responses = np.random.default_rng(0).standard_normal((len(places), 2, 16))
    delays = np.random.default_rng(1).uniform(0, 20, (len(places), 2))
    whole = read_sofa(write(tmp_path / "a.sofa", responses, places, Data_Delay=delays)).responses
    few = np.array([0, 1500, len(places) - 1, int(delays.max(axis=1).argmax()), int(delays.min(axis=1).argmin())])
    part = write(tmp_path / "b.sofa", responses[few], places[few], Data_Delay=delays[few])
    np.testing.assert_allclose(read_sofa(part).responses, whole[few], atol=1e-12)
    heads = [MeasuredHead(tmp_path / name, 44_100) for name in ("a.sofa", "b.sofa")]
    assert heads[0].filters(cartesian(*places.T)).shape[:2] == (len(places), 2)


def test_cartesian_places(tmp_path):
    head = sofar.Sofa("SimpleFreeFieldHRIR")
    head.Data_IR, head.Data_SamplingRate, head.Data_Delay = impulses([[5, 5], [9, 9]]), RATE, np.zeros((1, 2))
    head.SourcePosition, head.SourcePosition_Type = [[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], "cartesian"
    head.SourcePosition_Units = "metre"
    sofar.write_sofa(str(tmp_path / "head.sofa"), head)
    np.testing.assert_allclose(read_sofa(tmp_path / "head.sofa").directions, [[1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_silence_at_both_ends_is_left_out_and_long_responses_are_refused(tmp_path):
    places = np.array([[0.0, 0.0], [180.0, 0.0]])
    long = impulses([[900, 900], [910, 910]], 4096)
    assert MeasuredHead(write(tmp_path / "long.sofa", long, places), RATE).taps < 80
    ringing = np.exp(-np.arange(4096) / 2000) * np.random.default_rng(0).standard_normal((2, 2, 4096))
    with pytest.raises(SofaError, match=rf"taps at 48000 Hz, at most {MAX_TAPS} are possible"):
        MeasuredHead(write(tmp_path / "room.sofa", ringing, places), RATE)


def refusal(path):
    with pytest.raises(SofaError) as caught:
        MeasuredHead(path, RATE)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_another_convention_is_refused(tmp_path):
    other = sofar.Sofa("GeneralTF")
    sofar.write_sofa(str(tmp_path / "other.sofa"), other)
    assert "convention: expected SimpleFreeFieldHRIR, got GeneralTF" in refusal(tmp_path / "other.sofa")


def test_files_that_are_none(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.sofa")
    assert "no such file" in refusal(tmp_path)
    (tmp_path / "text.sofa").write_text("no head")
    assert "damaged, or not a SOFA file" in refusal(tmp_path / "text.sofa")
    (tmp_path / "empty.sofa").write_bytes(b"")
    assert "damaged, or not a SOFA file" in refusal(tmp_path / "empty.sofa")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.95, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path, part):
    whole = write(tmp_path / "head.sofa", of_the_sphere()).read_bytes()
    (tmp_path / "cut.sofa").write_bytes(whole[: int(part * len(whole))])
    assert "damaged, or not a SOFA file" in refusal(tmp_path / "cut.sofa")


def test_damaged_bytes_are_a_head_or_one_clear_line(tmp_path):
    whole, random = write(tmp_path / "head.sofa", of_the_sphere()).read_bytes(), np.random.default_rng(0)
    damaged, messages = tmp_path / "damaged.sofa", []
    for _ in range(60):
        data = bytearray(whole)
        for at in random.integers(0, len(whole), random.integers(1, 200)):
            data[at] = random.integers(0, 256)
        damaged.write_bytes(data)
        try:
            MeasuredHead(damaged, RATE)
        except SofaError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert all(message.startswith(str(damaged)) and "\n" not in message for message in messages)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Data_IR": np.full((len(GRID), 2, 32), np.nan)}, "are not numbers, or silent"),
        ({"Data_IR": np.zeros((len(GRID), 2, 32))}, "are not numbers, or silent"),
        ({"Data_SamplingRate": 10.0}, "Data.SamplingRate: expected 8000 to 384000 Hz, got 10 Hz"),
        ({"Data_Delay": [[0.0, 1e9]]}, "Data.Delay: expected one per response, at most 0.01 s apart"),
        ({"SourcePosition": np.zeros((len(GRID), 3))}, "are not numbers, or silent"),
    ],
)
def test_numbers_that_are_no_head(tmp_path, changes, reason):
    responses = changes.pop("Data_IR", of_the_sphere())
    assert reason in refusal(write(tmp_path / "head.sofa", responses, **changes))


def test_three_ears_are_refused(tmp_path):
    with netCDF4.Dataset(tmp_path / "head.sofa", "w") as file:
        file.SOFAConventions = "SimpleFreeFieldHRIR"
        for name, size in (("M", 5), ("R", 3), ("N", 8)):
            file.createDimension(name, size)
        file.createVariable("Data.IR", "f8", ("M", "R", "N"))[:] = 1.0
    assert "expected shape (directions, 2 ears, taps)" in refusal(tmp_path / "head.sofa")


def test_without_the_library_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sofar", None)
    assert "pip install 'stemfield[sofa]'" in refusal(write_text(tmp_path / "head.sofa"))


def write_text(path):
    path.write_text("")
    return path
