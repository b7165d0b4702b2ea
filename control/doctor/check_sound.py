"""Judgements about the sound on its way: connections, interruptions, clocks."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.control.doctor.probe_jack import JackLook, Port
from stemfield.control.doctor.probe_pipewire import Force
from stemfield.control.doctor.processes import SoundServer
from stemfield.renderer.drivers.wishes import Peer, matching
from stemfield.renderer.scene.scene import RESIDUAL, STEMS

RATE_TOLERANCE: Final = 0.03
"""44.1 and 48 kHz are 8 % apart; a busy machine may lose some milliseconds while we watch."""
LATE_PERIODS: Final = 1.5
"""So much later than the first may the last period come that we see."""
OURS_FROM: Final = 0.7
"""From this share of the period on that our blocks take, interruptions are ours."""
RATES_HZ: Final = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
SILENT_DB: Final = -100.0
_STEMS: Final = tuple(f"{name}_{side}" for name in (*STEMS, RESIDUAL) for side in "LR")
_INPUTS: Final = ("mixture_L", "mixture_R", "mixture", *_STEMS)
"""Of every role."""
_TOOLS_IN_JACKD2: Final = ({"ID=debian", "VERSION_ID=12"}, {"ID=ubuntu", "VERSION_ID=24.04"})


def unconnected(seen: Evidence) -> Iterator[Finding]:
    """The first link of the chain that is broken: from a source to us, from us to loudspeakers."""
    jack, daemon = seen.jack, seen.daemon
    if jack is None or not jack.opened or not daemon.answers or daemon.driver != "jack":
        return
    ours = _own_ports(jack, seen.config.jack.client_name)
    inputs = [port for port in ours if port.is_input and _short(port) in _INPUTS]
    outputs = [port for port in ours if not port.is_input]
    if inputs and not any(port.connections for port in inputs) and not _has_music(seen):
        source = _first(jack, ours, is_input=False)
        yield Finding(
            "nothing-connected",
            f"nothing is connected to {inputs[0].name}: no music comes in",
            _connect(seen, source.name, inputs[0].name) if source else "stemfield serve --input demo",
        )
    elif outputs and not any(port.connections for port in outputs):
        sink = _first(jack, ours, is_input=True)
        yield Finding(
            "nothing-connected",
            f"{outputs[0].name} and our other outputs are connected to nothing: no loudspeaker plays",
            _connect(seen, outputs[0].name, sink.name) if sink else "stemfield connect",
        )


def unmatched(seen: Evidence) -> Iterator[Finding]:
    """Ports that the configuration names and that are not there."""
    jack, config = seen.jack, seen.config.jack
    if jack is None or not jack.opened:
        return
    ours = _own_ports(jack, config.client_name)
    for key, wanted, is_input in (
        ("connect_inputs", config.connect_inputs, False),
        ("connect_outputs", config.connect_outputs, True),
        ("connect_speakers", tuple(config.connect_speakers.values()), True),
        ("connect_monitor", config.connect_monitor, True),
    ):
        others = [port for port in jack.ports if port.is_input == is_input and port not in ours]
        peers = [Peer(port.name, port.aliases) for port in others]
        for pattern in wanted:
            if not any(pattern in (peer.name, *peer.aliases) for peer in peers) and not matching(pattern, peers):
                cause = f"jack.{key}: {pattern} matches no port"
                near = get_close_matches(pattern, [peer.name for peer in peers], 1)
                yield Finding(
                    "port-missing",
                    f"{cause}; the nearest name is {near[0]}" if near else cause,
                    "stemfield connect"
                    if key in ("connect_outputs", "connect_speakers")
                    else _for_server(seen, "jack_lsp"),
                )


def _own_ports(jack: JackLook, client: str) -> list[Port]:
    """The ports of our client; the server may have given its name a number."""
    of_us = re.compile(rf"{re.escape(client)}(-\d+)?:")
    return [port for port in jack.ports if of_us.match(port.name)]


def _short(port: Port) -> str:
    return port.name.partition(":")[2]


def _has_music(seen: Evidence) -> bool:
    """Whether something plays all the same: the daemon's own player."""
    levels = seen.daemon.values.get("/meter/mixture", ())
    return any(isinstance(level, int | float) and level > SILENT_DB for level in levels)


def _first(jack: JackLook, ours: Sequence[Port], *, is_input: bool) -> Port | None:
    """The port of somebody else that a connection would begin or end at, rather a sound card's."""
    programs = [port for port in jack.ports if not port.is_physical and port not in ours]
    return next((port for port in (*jack.card_ports, *programs) if port.is_input == is_input), None)


def _connect(seen: Evidence, source: str, target: str) -> str:
    return _for_server(seen, shlex.join(["jack_connect", source, target]))


def _for_server(seen: Evidence, command: str) -> str:
    """A command of JACK's own tools for the server that is meant, with their package where they are missing."""
    name = seen.config.jack.server_name
    if seen.jack is not None and seen.jack.from_pipewire:
        told = f"pw-jack {command}"
    else:
        told = f"JACK_DEFAULT_SERVER={shlex.quote(name)} {command}" if name else command
    there = shutil.which(command.split()[0]) is not None
    return told if there else f"sudo apt install {_tools_package(seen)} && {told}"


def _tools_package(seen: Evidence) -> str:
    """What has JACK's tools: on newer systems a package of their own."""
    try:
        lines = (seen.root / "etc/os-release").read_text(encoding="utf-8").replace('"', "").splitlines()
    except OSError:
        lines = []
    return "jackd2" if any(set(lines) >= release for release in _TOOLS_IN_JACKD2) else "jack-example-tools"


def interrupted(seen: Evidence) -> Iterator[Finding]:
    """Xruns came while we watched: by our blocks, or by somebody else's."""
    jack = seen.jack
    if jack is None or not jack.opened or not jack.xruns:
        return
    load = seen.daemon.number("/status/block_load")
    told = f"{jack.xruns} xruns in {seen.watched_s:g} s"
    period = f"period {jack.period_frames} frames at {jack.rate_hz} Hz"
    frames = min(2 * jack.period_frames, 8192)
    if jack.from_pipewire:
        larger = f"pw-metadata -n settings 0 clock.force-quantum {frames}"
    else:
        larger = _for_server(seen, f"jack_bufsize {frames}")
    if seen.daemon.driver == "jack" and load >= OURS_FROM:
        yield Finding(
            "xruns-ours", f"{told}, and they are ours: a block took {load:.0%} of its time ({period})", larger
        )
    else:
        ours = (
            f"our blocks take {load:.0%} of their time" if seen.daemon.driver == "jack" else "the daemon is not there"
        )
        governor = _governor(seen)
        yield Finding(
            "xruns-server",
            f"{told} of the server or of another client: {ours} ({period}, load {jack.load:g} %{governor})",
            "sudo cpupower frequency-set -g performance" if governor else larger,
        )


def _governor(seen: Evidence) -> str:
    """What makes a processor slow to wake, if it is set so."""
    try:
        text = (seen.root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return f", CPU governor {text}" if text == "powersave" else ""


def forced(seen: Evidence) -> Iterator[Finding]:
    """Somebody has fixed PipeWire's period or rate for everybody."""
    if seen.jack is None or not seen.pipewire.running or (seen.jack.opened and not seen.jack.from_pipewire):
        return
    for force in seen.pipewire.forces:
        yield Finding("pipewire-forced", _forced(force), _unforce(force))


def _forced(force: Force) -> str:
    what = "rate" if force.unit == "Hz" else "period"
    process = f" (process {force.pid})" if force.pid else ""
    by = f"by {force.by}{process}" if force.by else f"by the setting {force.key}"
    return f"PipeWire's {what} is forced to {force.value} {force.unit} {by}"


def _unforce(force: Force) -> str:
    if not force.by:
        return f"pw-metadata -n settings 0 {force.key} 0"
    return f"kill {force.pid}" if force.pid else "pw-top  # which node it is"


def off_rate(seen: Evidence) -> Iterator[Finding]:
    """The server's clock does not run as it says: a card whose own rate, or whose master's, is another one."""
    jack = seen.jack
    if jack is None or not jack.opened or jack.hung or not jack.measured_rate_hz:
        return
    off = jack.measured_rate_hz / jack.rate_hz - 1.0
    period_s = jack.period_frames / jack.rate_hz
    if abs(off) <= RATE_TOLERANCE + LATE_PERIODS * period_s / seen.watched_s or (off < 0.0 and jack.xruns):
        return  # periods that were left out are no slow clock
    nearest = min(RATES_HZ, key=lambda rate: abs(rate - jack.measured_rate_hz))
    server = seen.wanted_server
    master = f"its master is {shlex.join(server.process.command)}" if server else "PipeWire's driver is its master"
    yield Finding(
        "sample-rate-mismatch",
        f"the server says {jack.rate_hz} Hz and asks for {jack.measured_rate_hz:.0f} frames a second ({master})",
        f"pw-metadata -n settings 0 clock.force-rate {nearest}"
        if jack.from_pipewire
        else f"jack_control dps rate {nearest}"
        if server and server.process.name == "jackdbus"
        else _restart(server, nearest),
    )


def _restart(server: SoundServer | None, rate_hz: int) -> str:
    """The server's own command at another rate."""
    words = list(server.process.command if server else ()) or ["jackd", "-d", "alsa"]
    for index, word in enumerate(words[:-1]):
        if word in ("-r", "--rate") and words[index + 1].isdecimal():
            words[index + 1] = str(rate_hz)
            break
    else:
        words += ["-r", str(rate_hz)]
    return server.again(words) if server else shlex.join(words)
