"""The main task on a real jackd: the demo song from another client, 24 outputs, controlled by OSC."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from pipewire import check_sound

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture, demo_stems
from stemfield.layouts.loader import load_layout

LAYOUT = load_layout("22.2")
LABELS = list(LAYOUT.labels)
STEREO_IN = ["mixture_L", "mixture_R"]
OBJECTS = ("vocals", "bass", "drums", "other", "residual")


def quiet_mixture():
    """The demo song at a level where even both sides on one loudspeaker stay below the limiter's ceiling."""
    return np.float32(0.5) * demo_mixture()


def joined(jackd, daemon, jack_client, tape, **config):
    """Server, daemon and JACK client, connected, with the worker running."""
    server = jackd(period_frames=256, sync=True)
    room = daemon(driver="jack", jack={"server_name": server.name}, separation={"margin_ms": 150}, **config)
    room.start()
    room.wait_for_worker()
    client = jack_client(server.name, len(LABELS), tape)
    client.connect("stemfield", STEREO_IN, LABELS)
    wait_for_stems(room)
    return server, room, client


def wait_for_stems(room):
    """Wait until the worker has loaded its model and separates; the tape has not started."""
    room.wait_for("stems arrive")


def latency_of(room):
    text = room.log.read_text()
    return int(text.split("latency ")[1].split(" frames")[0])


def power_of(feeds, signal_):
    """Share of a signal in each output: squared coefficient of its projection, times the signal's power."""
    return np.square(feeds.astype(float) @ signal_) / np.square(signal_).sum()


def test_vocals_move_from_front_to_behind_and_everything_at_one_point_is_the_recording(jackd, daemon, jack_client):
    second = DEMO_RATE_HZ
    tape = quiet_mixture()[:, : 11 * second]
    vocals = demo_stems()[0].sum(0).astype(float)
    _, room, client = joined(jackd, daemon, jack_client, tape)
    room.send("/object/vocals/aed", 0.0, 0.0, 1.0)
    room.send("/object/vocals/width", 0.0)
    room.settle()
    client.roll()
    client.wait(4 * second)
    room.send("/object/vocals/aed", 180.0, 0.0, 1.0)
    room.settle()
    moved = client.at
    client.wait(15 * second // 2)
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", 0.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)
    room.settle()
    start = client.at
    client.wait_end()

    record, latency = client.record, latency_of(room)
    late = delay_at_one_point(record, tape, latency, start)
    before = power_of(record[:, late + 2 * second : late + 4 * second - 4800], vocals[2 * second : 4 * second - 4800])
    last = 15 * second // 2 - 4800
    after = power_of(record[:, late + moved : late + last], vocals[moved:last])
    behind = [LABELS.index(label) for label in ("M+135", "M+180", "M-135")]
    front = [LABELS.index(label) for label in ("M+000", "M+030", "M-030")]
    assert before[behind].sum() < 0.05 * before.sum()
    assert before[front].sum() > 0.8 * before.sum()
    assert after[LABELS.index("M+180")] == after[behind].max()
    assert after[LABELS.index("M+180")] > 20 * before[LABELS.index("M+180")]
    assert after[LABELS.index("M+000")] < 0.1 * before[LABELS.index("M+000")]

    end = tape.shape[1] - 32_768  # recorded for certain, with the latency
    heard = record[:, late + start : late + end].astype(float).sum(0)
    played = tape[:, start:end].astype(float).sum(0)
    error_db = 10 * np.log10(np.square(heard - played).sum() / np.square(played).sum())
    assert error_db < -90
    assert record[[i for i, s in enumerate(LAYOUT.speakers) if s.lfe]].any() == 0


def delay_at_one_point_of(record, tape, latency, at):
    """The same for objects in the middle of a pair each."""
    return delay_at_one_point(record / np.sqrt(2), tape, latency, at)


def delay_at_one_point(record, tape, latency, at):
    """Measure the delay with all objects at one point; the loop through the server may add a period."""
    played = tape[:, at : at + 9600].sum(0)
    candidates = [latency + extra for extra in (0, 256, 512)]
    errors = [np.abs(record[:, at + late : at + late + 9600].sum(0) - played).max() for late in candidates]
    best = int(np.argmin(errors))
    assert errors[best] < 1e-4, errors
    return candidates[best]


def test_live_equals_the_file_renderer_sample_by_sample(jackd, daemon, jack_client, tmp_path, stemfield):
    seconds = 6
    tape = demo_mixture()[:, : seconds * DEMO_RATE_HZ]
    song, rendered = tmp_path / "song.wav", tmp_path / "rendered.wav"
    soundfile.write(song, tape.T, DEMO_RATE_HZ, subtype="FLOAT")
    stemfield("upmix", song, rendered, "--live", "--layout", "22.2")
    offline = soundfile.read(rendered, dtype="float32", always_2d=True)[0].T
    assert offline.shape == (24, tape.shape[1])

    # PipeWire swallows the first period that sounds after silence; so long a silence the separation forgets
    knock = np.zeros((2, 2 * DEMO_RATE_HZ), np.float32)
    knock[:, 256:512] = 0.01
    _, room, client = joined(jackd, daemon, jack_client, np.concatenate([knock, tape, knock[:, DEMO_RATE_HZ:]], axis=1))
    client.roll()
    client.wait_end()
    latency = latency_of(room) + knock.shape[1]
    for late in (latency, latency + 256, latency + 512):
        live = client.record[:, late : late + tape.shape[1]]
        if np.array_equal(live, offline):
            return
    assert np.abs(live - offline).max() == 0


@pytest.mark.parametrize(("period_frames", "margin_ms"), [(256, 15), (2048, 5)])
def test_an_export_in_freewheel_equals_the_file_renderer_sample_by_sample(
    jackd, daemon, jack_client, tmp_path, stemfield, period_frames, margin_ms
):
    """An export requests blocks as fast as possible: the engine waits for the stems of each."""
    knock = np.zeros((2, 2 * DEMO_RATE_HZ), np.float32)
    knock[:, 256:512] = 0.01
    tape = demo_mixture()[:, : 6 * DEMO_RATE_HZ]
    song, rendered = tmp_path / "song.wav", tmp_path / "rendered.wav"
    soundfile.write(song, tape.T, DEMO_RATE_HZ, subtype="FLOAT")
    stemfield("upmix", song, rendered, "--live", "--layout", "stereo")
    offline = soundfile.read(rendered, dtype="float32", always_2d=True)[0].T

    server = jackd(period_frames=period_frames, sync=True)
    room = daemon(
        driver="jack", layout="stereo", jack={"server_name": server.name}, separation={"margin_ms": margin_ms}
    )
    room.start()
    client = jack_client(server.name, 2, np.concatenate([knock, tape, knock[:, DEMO_RATE_HZ:]], axis=1))
    client.connect("stemfield", STEREO_IN, ["M+030", "M-030"])
    room.wait_for("stems arrive")
    client.jack.set_freewheel(True)
    room.wait_for("freewheel: rendering")
    client.roll()
    client.wait_end()
    client.jack.set_freewheel(False)
    room.wait_for("freewheel ended; 0.000 s of it")
    latency = latency_of(room) + knock.shape[1]
    errors = [
        float(np.abs(client.record[:, late : late + tape.shape[1]] - offline).max())
        for late in range(latency, latency + 3 * period_frames, period_frames)
    ]
    assert min(errors) == 0, errors


def test_threshold_and_gains_of_instruments_by_osc_are_those_of_the_offline_remix(
    jackd, daemon, jack_client, tmp_path, stemfield
):
    """With everything at one point, the sum of all outputs is gains times stems at the present threshold."""
    second = DEMO_RATE_HZ
    tape = quiet_mixture()[:, : 19 * second // 2]
    song = tmp_path / "song.wav"
    soundfile.write(song, tape.T, DEMO_RATE_HZ, subtype="FLOAT")
    _, room, client = joined(jackd, daemon, jack_client, tape)
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", 0.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)
    room.settle()
    client.roll()
    steps = (
        (2.0, 0.3, {}),
        (4.5, 0.3, {"vocals": -9.0, "drums": 3.0}),
        (7.0, 0.8, {"vocals": -120.0, "drums": 3.0}),
    )
    for begin, threshold, gains_db in steps:
        client.wait(int(begin * second))
        room.send("/separation/threshold", threshold)
        for stem, gain_db in gains_db.items():
            room.send(f"/separation/{stem}/gain", gain_db)
    client.wait_end()
    late = delay_at_one_point(client.record, tape, latency_of(room), second)
    for begin, threshold, gains_db in steps:
        remix = tmp_path / "remix.wav"
        gains = [word for stem, gain_db in gains_db.items() for word in ("--gain", f"{stem}={gain_db}")]
        stemfield("remix", song, remix, "--live", "--threshold", threshold, *gains)
        expected = soundfile.read(remix, dtype="float32")[0].T.sum(0)
        window = slice(int((begin + 1.0) * second), int((begin + 2.0) * second))
        heard = client.record[:, late + window.start : late + window.stop].sum(0)
        error_db = 20 * np.log10(np.abs(heard - expected[window]).max() / np.abs(expected[window]).max())
        assert error_db < -100, (begin, error_db)


def test_mono_input_plays_on_both_sides(jackd, daemon, jack_client):
    tape = quiet_mixture()[:1, : 2 * DEMO_RATE_HZ]
    server = jackd(period_frames=256, sync=True)
    room = daemon(driver="jack", jack={"server_name": server.name, "channels": 1}, layout="stereo")
    room.start()
    client = jack_client(server.name, 2, tape)
    client.connect("stemfield", ["mixture"], ["M+030", "M-030"])
    room.send("/scene/amount", 0.0)
    room.settle()
    client.roll()
    client.wait_end()
    record = client.record[:, :-16_384]
    assert np.abs(record).max() > 0.05
    assert np.abs(record[0] - record[1]).max() < 1e-6


@pytest.mark.parametrize("rate_hz", [44_100, 88_200, 96_000])
def test_other_rates_separate_too(jackd, daemon, jack_client, rate_hz):
    """At every rate stems arrive: vocals placed behind are heard there, and the sum is still the recording."""
    import soxr

    song = soxr.resample(quiet_mixture()[:, : 7 * DEMO_RATE_HZ // 2].T, DEMO_RATE_HZ, rate_hz).T
    server = jackd(rate_hz=rate_hz, period_frames=256, sync=True)
    room = daemon(driver="jack", jack={"server_name": server.name}, layout="quad", separation={"margin_ms": 150})
    room.start()
    room.wait_for_worker()
    labels = list(load_layout("quad").labels)
    client = jack_client(server.name, 4, song)
    client.connect("stemfield", STEREO_IN, labels)
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", 180.0 if name == "vocals" else 0.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)
    wait_for_stems(room)
    room.settle()
    client.roll()
    client.wait_end()
    record = client.record
    late = delay_at_one_point_of(record, song, latency_of(room), rate_hz)
    end = 5 * rate_hz // 2
    heard, played = record[:, late + rate_hz : late + end], song[:, rate_hz:end]
    # front and rear sounds each lie on a pair of loudspeakers with gains of 0.7071
    check_sound(heard.sum(0), np.sqrt(2) * played.sum(0), 256, 1e-4)
    rear = [i for i, s in enumerate(load_layout("quad").speakers) if abs(s.azimuth_deg) > 90]
    assert np.square(record[rear, rate_hz:end]).mean() > 1e-6


@pytest.mark.parametrize("period", [16, 4096])
def test_stems_sound_at_the_smallest_and_at_large_periods(jackd, daemon, jack_client, period):
    """The fallback is never heard: what was placed behind stays behind, in every period."""
    tape = quiet_mixture()[:, : 9 * DEMO_RATE_HZ // 2]
    server = jackd(period_frames=period, sync=True)
    room = daemon(driver="jack", jack={"server_name": server.name}, separation={"margin_ms": 100})
    room.start()
    client = jack_client(server.name, len(LABELS), tape)
    client.connect("stemfield", STEREO_IN, LABELS)
    room.send("/object/*/aed", 180.0, 0.0, 1.0)
    room.send("/object/*/width", 0.0)
    room.send("/object/residual/mute", True)
    wait_for_stems(room)
    room.settle()
    client.roll()
    client.wait_end()
    heard = np.abs(client.record[LABELS.index("M+180"), 2 * DEMO_RATE_HZ : 4 * DEMO_RATE_HZ]).reshape(-1, 480).max(1)
    song = np.abs(tape.sum(0)[DEMO_RATE_HZ : 3 * DEMO_RATE_HZ]).reshape(-1, 480).max(1)
    assert (song > 0.01).mean() > 0.8
    assert (heard > 1e-3).mean() > 0.8
