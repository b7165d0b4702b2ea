"""Rows of the live values of the daemon, which can be queried and subscribed to."""

from __future__ import annotations

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.rows import Parameter
from stemfield.control.status import MAX_COUNT


def _row(address: str, description: str) -> Parameter:
    name = address.rpartition("/")[2]
    return Parameter(
        address,
        (Argument("i", name, "", 0, MAX_COUNT),),
        description,
        "status",
        watch=lambda status, _: (status.counters.read(name),),
    )


STATUS_ROWS = (
    Parameter(
        "/object/{o}/holder",
        (Argument("s", "holder"),),
        "Host and port of the sender that controls it now, or empty.",
        "status",
        page=True,
        watch=lambda status, key: (status.holder(key),),
    ),
    Parameter(
        "/speaker/{label}/sounding",
        (Argument("s", "sound"),),
        "Test signal that it plays now: `spoken`, `noise` or `sweep`, or empty.",
        "status",
        watch=lambda status, label: (status.sounding(label),),
    ),
    Parameter(
        "/scene/name",
        (Argument("s", "name"),),
        "Name of the scene that was loaded or saved last, or empty.",
        "status",
        watch=lambda status, _: (status.scene_name(),),
    ),
    Parameter(
        "/scene/changed",
        (Argument("T", "changed"),),
        "Whether the scene has changed since. Head rotation, comparison and recall settings do not count.",
        "status",
        watch=lambda status, _: (status.scene_changed(),),
    ),
    Parameter(
        "/scene/list",
        (Argument("s", "name", repeated=True),),
        "Names of all scenes that can be loaded: the presets that suit the room, and the saved ones.",
        "status",
        watch=lambda status, _: status.scenes(),
    ),
    Parameter(
        "/recorder/state",
        (Argument("s", "state"),),
        "`recording`, `capturing` or `playing` and a name, or empty.",
        "status",
        watch=lambda status, _: (status.recorder(),),
    ),
    Parameter(
        "/recorder/list",
        (Argument("s", "name", repeated=True),),
        "Names of all recordings.",
        "status",
        watch=lambda status, _: status.recordings(),
    ),
    _row("/heartbeat", "Seconds since the daemon started; subscribers can see from it that the daemon is alive."),
    _row("/status/received", "Datagrams and HTTP requests received since then."),
    _row("/status/sent", "Datagrams sent."),
    _row("/status/unsent", "Datagrams that could not be sent."),
    _row("/status/not_allowed", "Datagrams and requests dropped because their sender is not in an allowed network."),
    _row("/status/lost", "Datagrams lost because they arrived faster than they could be read."),
    _row("/status/limited", "Datagrams dropped because their sender exceeded its limit."),
    _row("/status/read_only", "Changes refused because their sender has read-only access."),
    _row("/status/messages", "Messages received, valid or not."),
    _row("/status/problems", "Messages refused for any reason."),
    _row("/status/unknown", "Messages refused because their address matches nothing."),
    _row("/status/conflicts", "Changes refused because another sender controls the object."),
    _row("/status/peers", "Active subscriptions."),
    Parameter(
        "/status/bad_input",
        (Argument("i", "samples", "", 0, MAX_COUNT, repeated=True),),
        "Invalid input samples (NaN, infinite, more than 80 dB over full scale), which were silenced: one number per "
        "input, in the order of the ports.",
        "status",
        watch=lambda status, _: tuple(min(n, MAX_COUNT) for n in status.bad_samples().inputs),
    ),
    Parameter(
        "/status/bad_stems",
        (Argument("i", "samples", "", 0, MAX_COUNT, repeated=True),),
        "The same for the output of the separation: one number per stem.",
        "status",
        watch=lambda status, _: tuple(min(n, MAX_COUNT) for n in status.bad_samples().stems),
    ),
    Parameter(
        "/status/bad_player",
        (Argument("i", "samples", "", 0, MAX_COUNT),),
        "The same for the music file that plays.",
        "status",
        watch=lambda status, _: (min(status.bad_samples().player, MAX_COUNT),),
    ),
    Parameter(
        "/status/overflows",
        (Argument("i", "samples", "", 0, MAX_COUNT),),
        "Samples that equalisers made extremely loud or invalid, and that were clamped.",
        "status",
        watch=lambda status, _: (min(status.bad_samples().overflows, MAX_COUNT),),
    ),
    Parameter(
        "/status/refused",
        (Argument("s", "address"), Argument("s", "reason"), Argument("i", "heartbeat", "", 0, MAX_COUNT)),
        "Address of the last refused message, the reason, and the `/heartbeat` at that time, or empty.",
        "status",
        watch=lambda status, _: status.refused(),
    ),
    Parameter(
        "/status/driver",
        (Argument("s", "driver"),),
        "Audio driver: `jack`, `clock`, or empty while waiting for a server.",
        "status",
        watch=lambda status, _: (status.sound().driver,),
    ),
    Parameter(
        "/status/worker",
        (Argument("s", "problem"),),
        "Why the separation does not run; empty if it runs or is disabled.",
        "status",
        watch=lambda status, _: (status.sound().problem,),
    ),
    Parameter(
        "/status/latency",
        (Argument("f", "latency", "time.millisecond", 0.0, 1e6),),
        "Latency from the source of the music to the loudspeakers: that of stemfield, that which JACK reports for the "
        "inputs, and, if another machine separates, that which it reports, and `peer.bridge_ms`.",
        "status",
        watch=lambda status, _: (status.sound().path_ms,),
    ),
    Parameter(
        "/status/xruns",
        (Argument("i", "xruns", "", 0, MAX_COUNT),),
        "Xruns reported by the sound server.",
        "status",
        watch=lambda status, _: (status.sound().xruns,),
    ),
    Parameter(
        "/status/block_load",
        (Argument("f", "share", "", 0.0, 1000.0),),
        "Longest block of the last two seconds as a share of its period; above 1, stemfield causes xruns.",
        "status",
        watch=lambda status, _: (status.sound().block_load,),
    ),
)
"""Every live value except meters, in the order of the manual."""
