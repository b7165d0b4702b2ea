"""The rows of what the daemon counts while it runs: they can be asked for and subscribed to."""

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
        "Who moves it now, as host and port; empty where nobody does.",
        "status",
        watch=lambda status, key: (status.holder(key),),
    ),
    Parameter(
        "/speaker/{label}/sounding",
        (Argument("s", "sound"),),
        "By which sound it is looked for at this moment: `spoken`, `noise` or `sweep`; empty where it is not.",
        "status",
        watch=lambda status, label: (status.sounding(label),),
    ),
    Parameter(
        "/scene/name",
        (Argument("s", "name"),),
        "The scene that was taken up or kept last; empty where none was.",
        "status",
        watch=lambda status, _: (status.scene(),),
    ),
    Parameter(
        "/scene/changed",
        (Argument("T", "changed"),),
        "Whether the scene is another one since: where the head is turned, what is compared and what is recalled count "
        "for nothing.",
        "status",
        watch=lambda status, _: (status.scene_changed(),),
    ),
    Parameter(
        "/scene/list",
        (Argument("s", "name", repeated=True),),
        "The names of all scenes that can be loaded: the presets that suit the room, and the kept ones.",
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
        "The names of all recordings.",
        "status",
        watch=lambda status, _: status.recordings(),
    ),
    _row("/heartbeat", "Seconds since the daemon began: whoever subscribes knows that it lives."),
    _row("/status/received", "Datagrams and HTTP requests since then."),
    _row("/status/sent", "Datagrams sent."),
    _row("/status/unsent", "Datagrams that the network did not take."),
    _row("/status/not_allowed", "Datagrams and requests dropped because their sender is in no allowed network."),
    _row("/status/lost", "Datagrams that came faster than they could be read."),
    _row("/status/limited", "Datagrams dropped because their sender sent more than its share."),
    _row("/status/read_only", "Changes refused to senders that may only listen."),
    _row("/status/messages", "Messages understood or not."),
    _row("/status/problems", "Messages that were refused for whatever reason."),
    _row("/status/unknown", "Those among them with an address that describes nothing."),
    _row("/status/conflicts", "Changes refused because somebody else holds the object."),
    _row("/status/peers", "Subscriptions that run."),
    Parameter(
        "/status/bad_input",
        (Argument("i", "samples", "", 0, MAX_COUNT, repeated=True),),
        "Samples that were no sound (NaN, infinite, more than 80 dB over full scale) and were silenced: one number an "
        "input, in the order of the ports.",
        "status",
        watch=lambda status, _: tuple(min(n, MAX_COUNT) for n in status.bad().inputs),
    ),
    Parameter(
        "/status/bad_stems",
        (Argument("i", "samples", "", 0, MAX_COUNT, repeated=True),),
        "The same of what the separation returned: one number a stem.",
        "status",
        watch=lambda status, _: tuple(min(n, MAX_COUNT) for n in status.bad().stems),
    ),
    Parameter(
        "/status/bad_player",
        (Argument("i", "samples", "", 0, MAX_COUNT),),
        "The same of the music file that plays.",
        "status",
        watch=lambda status, _: (min(status.bad().player, MAX_COUNT),),
    ),
    Parameter(
        "/status/overflows",
        (Argument("i", "samples", "", 0, MAX_COUNT),),
        "Samples that equalisers made absurdly loud, or no numbers, and that were held within bounds.",
        "status",
        watch=lambda status, _: (min(status.bad().overflows, MAX_COUNT),),
    ),
    Parameter(
        "/status/refused",
        (Argument("s", "address"), Argument("s", "reason"), Argument("i", "heartbeat", "", 0, MAX_COUNT)),
        "The message that was refused last, why, and at which `/heartbeat`; empty where none was.",
        "status",
        watch=lambda status, _: status.refused(),
    ),
    Parameter(
        "/status/driver",
        (Argument("s", "driver"),),
        "What calls for the sound: `jack`, `clock`, or empty while a server is awaited.",
        "status",
        watch=lambda status, _: (status.sound().driver,),
    ),
    Parameter(
        "/status/worker",
        (Argument("s", "problem"),),
        "Why there is no separation; empty where there is, or none is wanted.",
        "status",
        watch=lambda status, _: (status.sound().problem,),
    ),
    Parameter(
        "/status/latency",
        (Argument("f", "latency", "time.millisecond", 0.0, 1e6),),
        "From the source of the music to the loudspeakers, in ms: our own, what JACK says of the way to our inputs, "
        "and where another machine separates, what that says of itself and `peer.bridge_ms` of the way from there.",
        "status",
        watch=lambda status, _: (status.sound().path_ms,),
    ),
    Parameter(
        "/status/xruns",
        (Argument("i", "xruns", "", 0, MAX_COUNT),),
        "Interruptions that the sound server has reported.",
        "status",
        watch=lambda status, _: (status.sound().xruns,),
    ),
    Parameter(
        "/status/block_load",
        (Argument("f", "share", "", 0.0, 1000.0),),
        "The longest of the last two seconds' blocks as a share of its period: above 1 we are the cause of xruns.",
        "status",
        watch=lambda status, _: (status.sound().block_load,),
    ),
)
"""Every count, in the order of the manual."""
