"""Rows of the live values of the daemon, meters among them, which can be queried and subscribed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.rows import Parameter, Values
from stemfield.control.status import MAX_COUNT, Status
from stemfield.renderer.dsp.levelling import HIGHEST_DB as LEVELLED_DB
from stemfield.renderer.dsp.levelling import LOWEST_DB
from stemfield.renderer.engine.bad_samples import BadSamples
from stemfield.renderer.engine.levels import HIGHEST_DB
from stemfield.renderer.engine.loudness import HIGHEST_LU
from stemfield.renderer.scene.scene import SILENCE_DB

_PEAK, _RMS = (Argument("f", name, "gain.db", SILENCE_DB, HIGHEST_DB) for name in ("peak", "rms"))
_SIDES = tuple(
    Argument("f", f"{side}_{what}", "gain.db", SILENCE_DB, HIGHEST_DB)
    for side in ("left", "right")
    for what in ("peak", "rms")
)
_LOUDNESS = tuple(
    Argument("f", name, "gain.db", 0.0 if name == "range" else SILENCE_DB, HIGHEST_LU)
    for name in ("momentary", "short_term", "integrated", "range", "true_peak", "max_momentary", "max_short_term")
)
_SILENT_PAIR = (SILENCE_DB, SILENCE_DB)


def _live(
    address: str,
    arguments: tuple[Argument, ...],
    description: str,
    watch: Callable[[Status, Any], Values],
    *,
    page: bool = False,
) -> Parameter:
    return Parameter(address, arguments, description, "status", watch=watch, page=page)


def _count(address: str, description: str) -> Parameter:
    name = address.rpartition("/")[2]
    argument = Argument("i", name, "", 0, MAX_COUNT)
    return _live(address, (argument,), description, lambda status, _: (status.counters.read(name),))


def _bad_samples(
    name: str, description: str, read: Callable[[BadSamples], Sequence[int]], *, repeated: bool = False
) -> Parameter:
    argument = Argument("i", "samples", "", 0, MAX_COUNT, repeated=repeated)

    def watch(status: Status, _: object) -> Values:
        return tuple(min(n, MAX_COUNT) for n in read(status.bad_samples()))

    return _live(f"/status/{name}", (argument,), description, watch)


STATUS_ROWS = (
    _live(
        "/object/{o}/holder",
        (Argument("s", "holder"),),
        "Host and port of the sender that controls it now, or empty.",
        lambda status, key: (status.holder(key),),
        page=True,
    ),
    _live(
        "/speaker/{label}/sounding",
        (Argument("s", "sound"),),
        "Test signal that it plays now: `spoken`, `noise` or `sweep`, or empty.",
        lambda status, label: (status.sounding(label),),
    ),
    _live(
        "/scene/name",
        (Argument("s", "name"),),
        "Name of the scene that was loaded or saved last, or empty.",
        lambda status, _: (status.scene_name(),),
    ),
    _live(
        "/scene/changed",
        (Argument("T", "changed"),),
        "Whether the scene has changed since. Head rotation, comparison and recall settings do not count.",
        lambda status, _: (status.scene_changed(),),
    ),
    _live(
        "/scene/list",
        (Argument("s", "name", repeated=True),),
        "Names of all scenes that can be loaded: the presets that suit the room, and the saved ones.",
        lambda status, _: status.scenes(),
    ),
    _live(
        "/recorder/state",
        (Argument("s", "state"),),
        "`recording`, `capturing` or `playing` and a name, or empty.",
        lambda status, _: (status.recorder(),),
    ),
    _live(
        "/recorder/list",
        (Argument("s", "name", repeated=True),),
        "Names of all recordings.",
        lambda status, _: status.recordings(),
    ),
    _count("/heartbeat", "Seconds since the daemon started; subscribers can see from it that the daemon is alive."),
    _count("/status/received", "Datagrams and HTTP requests received since then."),
    _count("/status/sent", "Datagrams sent."),
    _count("/status/unsent", "Datagrams that could not be sent."),
    _count("/status/not_allowed", "Datagrams and requests dropped because their sender is not in an allowed network."),
    _count("/status/lost", "Datagrams lost because they arrived faster than they could be read."),
    _count("/status/limited", "Datagrams dropped because their sender exceeded its limit."),
    _count("/status/read_only", "Changes refused because their sender has read-only access."),
    _count("/status/messages", "Messages received, valid or not."),
    _count("/status/problems", "Messages refused for any reason."),
    _count("/status/unknown", "Messages refused because their address matches nothing."),
    _count("/status/conflicts", "Changes refused because another sender controls the object."),
    _count("/status/peers", "Active subscriptions."),
    _bad_samples(
        "bad_input",
        "Invalid input samples (NaN, infinite, more than 80 dB over full scale), which were silenced: one number per "
        "input, in the order of the ports.",
        lambda bad: bad.inputs,
        repeated=True,
    ),
    _bad_samples(
        "bad_stems",
        "The same for the output of the separation: one number per stem.",
        lambda bad: bad.stems,
        repeated=True,
    ),
    _bad_samples("bad_player", "The same for the music file that plays.", lambda bad: (bad.player,)),
    _bad_samples(
        "overflows",
        "Samples that equalisers made extremely loud or invalid, and that were clamped.",
        lambda bad: (bad.overflows,),
    ),
    _live(
        "/status/refused",
        (Argument("s", "address"), Argument("s", "reason"), Argument("i", "heartbeat", "", 0, MAX_COUNT)),
        "Address of the last refused message, the reason, and the `/heartbeat` at that time, or empty.",
        lambda status, _: status.refused(),
    ),
    _live(
        "/status/driver",
        (Argument("s", "driver"),),
        "Audio driver: `jack`, `clock`, or empty while waiting for a server.",
        lambda status, _: (status.sound().driver,),
    ),
    _live(
        "/status/worker",
        (Argument("s", "problem"),),
        "Why the separation does not run; empty if it runs or is disabled.",
        lambda status, _: (status.sound().problem,),
    ),
    _live(
        "/status/latency",
        (Argument("f", "latency", "time.millisecond", 0.0, 1e6),),
        "Latency from the source of the music to the loudspeakers: that of stemfield, that which JACK reports for the "
        "inputs, and, if another machine separates, that which it reports, and `peer.bridge_ms`.",
        lambda status, _: (status.sound().path_ms,),
    ),
    _live(
        "/status/xruns",
        (Argument("i", "xruns", "", 0, MAX_COUNT),),
        "Xruns reported by the sound server.",
        lambda status, _: (status.sound().xruns,),
    ),
    _live(
        "/status/block_load",
        (Argument("f", "share", "", 0.0, 1000.0),),
        "Longest block of the last two seconds as a share of its period; above 1, stemfield causes xruns.",
        lambda status, _: (status.sound().block_load,),
    ),
    _live(
        "/meter/object/{o}",
        (_PEAK, _RMS),
        "Input level of an object re full scale: the louder of its channels, after its equaliser, before its level. "
        "Peaks fall by 20 dB in 1.7 s; the RMS covers 0.3 s.",
        lambda status, key: status.levels().objects.get(key, _SILENT_PAIR),
    ),
    _live(
        "/meter/speaker/{label}",
        (_PEAK, _RMS, Argument("f", "reduction", "gain.db", 0.0, -SILENCE_DB)),
        "Output level of a loudspeaker after all processing, and the gain reduction of its limiter.",
        lambda status, key: status.levels().speakers.get(key, (*_SILENT_PAIR, 0.0)),
    ),
    _live("/meter/mixture", _SIDES, "Input level of the mixture.", lambda status, _: status.levels().mixture),
    _live(
        "/meter/monitor",
        _SIDES,
        "Output level of the binaural monitor.",
        lambda status, _: status.levels().monitor,
    ),
    _live(
        "/loudness/gain",
        (Argument("f", "gain", "gain.db", LOWEST_DB, LEVELLED_DB),),
        "Present gain of the levelling.",
        lambda status, _: (round(status.levelling_db(), 1),),
    ),
    _live(
        "/meter/loudness/mixture",
        _LOUDNESS,
        "Loudness of the mixture by EBU R 128 in LUFS: momentary (0.4 s), short-term (3 s), integrated; loudness range "
        "in LU; the highest true peak in dBTP; and the highest momentary and short-term loudness. The last five are of "
        "everything since `/meter/loudness/reset`, or the start. -120 is none.",
        lambda status, _: status.loudness().mixture.values,
    ),
    _live(
        "/meter/loudness/room",
        _LOUDNESS,
        "The same of all loudspeakers together, by ITU-R BS.1770-5: loudspeakers at the sides count 1.5 dB more, LFE "
        "channels only for the true peak.",
        lambda status, _: status.loudness().room.values,
    ),
    _live(
        "/playing/scene",
        (Argument("s", "scene"),),
        "Scene that belongs to the music (`/scene/belongs`); empty if there is none.",
        lambda status, _: (status.music_scene(),),
    ),
    *(
        _live(
            f"/playing/{name}",
            (Argument("s", name),),
            f"{text} of the music that a player of this machine plays; empty if nothing is known.",
            lambda status, _, name=name: (getattr(status.track(), name),),  # type: ignore[misc]
        )
        for name, text in (("title", "Title"), ("artist", "Artist"), ("album", "Album"), ("source", "Player"))
    ),
)
"""Every live value, in the order of the manual."""
