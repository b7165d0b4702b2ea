"""Checks of the signal path: connections, xruns, clocks."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.control.doctor.hdmi import MAX_CHANNELS
from stemfield.control.doctor.probe_jack import JackState, Port
from stemfield.control.doctor.probe_pipewire import Force
from stemfield.control.doctor.processes import SoundServer, text_of
from stemfield.control.doctor.sound_card import EARS
from stemfield.renderer.drivers.wanted_connections import Peer, matching
from stemfield.renderer.scene.scene import RESIDUAL, STEMS

RATE_TOLERANCE: Final = 0.03
"""Tolerance of the measured rate: 44.1 and 48 kHz are 8 % apart, and a busy machine may lose some milliseconds."""
LATE_PERIODS: Final = 1.5
"""Tolerance for the times of the first and last period of a measurement, in periods."""
HIGH_LOAD: Final = 0.7
"""Share of the period used by stemfield's blocks from which xruns are blamed on it."""
RATES_HZ: Final = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
SILENT_DB: Final = -100.0
_STEMS: Final = tuple(f"{name}_{side}" for name in (*STEMS, RESIDUAL) for side in "LR")
_INPUTS: Final = ("mixture_L", "mixture_R", "mixture", *_STEMS)
"""Names of the input ports, of all roles."""
_TOOLS_IN_JACKD2: Final = ({"ID=debian", "VERSION_ID=12"}, {"ID=ubuntu", "VERSION_ID=24.04"})


def check_connections(evidence: Evidence) -> Iterator[Finding]:
    """The first missing connection: from a source to stemfield, or from stemfield to loudspeakers."""
    jack, daemon = evidence.jack, evidence.daemon
    if jack is None or not jack.opened or not daemon.answers or daemon.driver != "jack":
        return
    own = _own_ports(jack, evidence.config.jack.client_name)
    inputs = [port for port in own if port.is_input and _short(port) in _INPUTS]
    outputs = [port for port in own if not port.is_input]
    if inputs and not any(port.connections for port in inputs) and not _has_music(evidence):
        source = _first(evidence, own, is_input=False)
        yield Finding(
            "nothing-connected",
            f"nothing is connected to {inputs[0].name}: there is no music",
            _connect(evidence, source.name, inputs[0].name) if source else "stemfield serve --input demo",
        )
    elif outputs and not any(port.connections for port in outputs):
        sink = _first(evidence, own, is_input=True)
        yield Finding(
            "nothing-connected",
            f"{outputs[0].name} and the other outputs are not connected: no loudspeaker plays",
            _connect(evidence, outputs[0].name, sink.name) if sink else "stemfield connect",
        )


def check_port_names(evidence: Evidence) -> Iterator[Finding]:
    """The configuration names ports that do not exist."""
    jack, config = evidence.jack, evidence.config.jack
    if jack is None or not jack.opened:
        return
    own = _own_ports(jack, config.client_name)
    for key, wanted, is_input in (
        ("connect_inputs", config.connect_inputs, False),
        ("connect_outputs", config.connect_outputs, True),
        ("connect_speakers", tuple(config.connect_speakers.values()), True),
        ("connect_monitor", config.connect_monitor, True),
    ):
        others = [port for port in jack.ports if port.is_input == is_input and port not in own]
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
                    else _for_server(evidence, "jack_lsp"),
                )


def _own_ports(jack: JackState, client: str) -> list[Port]:
    """The ports of stemfield's client; the server may have added a number to its name."""
    of_us = re.compile(rf"{re.escape(client)}(-\d+)?:")
    return [port for port in jack.ports if of_us.match(port.name)]


def _short(port: Port) -> str:
    return port.name.partition(":")[2]


def _has_music(evidence: Evidence) -> bool:
    """Whether there is music from the daemon's own player."""
    levels = evidence.daemon.values.get("/meter/mixture", ())
    return any(isinstance(level, int | float) and level > SILENT_DB for level in levels)


def _first(evidence: Evidence, own: Sequence[Port], *, is_input: bool) -> Port | None:
    """A port of another client to connect, preferably of a sound card; never of the daemon's own device, an echo."""
    jack, config = evidence.jack or JackState(), evidence.config
    device = tuple(f"{sink.title}:" for sink in config.device.sinks(config.jack.client_name))
    programs = [port for port in jack.ports if not port.is_physical and port not in own]
    there = [port for port in (*jack.card_ports, *programs) if not (is_input and port.name.startswith(device))]
    return next((port for port in there if port.is_input == is_input), None)


def _connect(evidence: Evidence, source: str, target: str) -> str:
    return _for_server(evidence, shlex.join(["jack_connect", source, target]))


def _for_server(evidence: Evidence, command: str) -> str:
    """A command of JACK's tools for the intended server; installs their package first if they are missing."""
    name = evidence.config.jack.server_name
    if evidence.jack is not None and evidence.jack.from_pipewire:
        full = f"pw-jack {command}"
    else:
        full = f"JACK_DEFAULT_SERVER={shlex.quote(name)} {command}" if name else command
    is_installed = shutil.which(command.split()[0]) is not None
    return full if is_installed else f"sudo apt install {_tools_package(evidence)} && {full}"


def _tools_package(evidence: Evidence) -> str:
    """The package of JACK's tools: on newer systems they have their own."""
    lines = set(text_of(evidence.root / "etc/os-release").replace('"', "").splitlines())
    return "jackd2" if any(lines >= release for release in _TOOLS_IN_JACKD2) else "jack-example-tools"


def check_hdmi(evidence: Evidence) -> Iterator[Finding]:
    """More loudspeakers are connected to HDMI than its receiver takes channels."""
    if evidence.jack is None or not evidence.receivers:
        return
    own = _own_ports(evidence.jack, evidence.config.jack.client_name)
    used = [port for port in own if not port.is_input and any("hdmi" in peer.casefold() for peer in port.connections)]
    best = max(evidence.receivers, key=lambda receiver: receiver.channels)
    if len(used) <= max(best.channels, EARS):
        return
    layout = "stereo" if best.channels < 6 else "5.1" if best.channels < MAX_CHANNELS else "7.1"
    advice = "set its input to multichannel PCM, or take a layout that fits"
    if len(used) > MAX_CHANNELS:
        advice = f"HDMI has {MAX_CHANNELS} at most: take a layout that fits, or an interface with more outputs"
    yield Finding(
        "hdmi-channels",
        f"{len(used)} loudspeakers are connected to HDMI, but {best}: {advice}",
        f"stemfield serve --layout {layout}",
    )


def check_xruns(evidence: Evidence) -> Iterator[Finding]:
    """Xruns were reported while watching, caused by stemfield or by something else."""
    jack = evidence.jack
    if jack is None or not jack.opened or not jack.xruns:
        return
    load = evidence.daemon.number("/status/block_load")
    count = f"{jack.xruns} xruns in {evidence.watched_s:g} s"
    period = f"period {jack.period_frames} frames at {jack.rate_hz} Hz"
    frames = min(2 * jack.period_frames, 8192)
    if jack.from_pipewire:
        larger = f"pw-metadata -n settings 0 clock.force-quantum {frames}"
    else:
        larger = _for_server(evidence, f"jack_bufsize {frames}")
    plays = evidence.daemon.driver == "jack"
    if plays and load >= HIGH_LOAD:
        yield Finding(
            "xruns-ours", f"{count}, caused by stemfield: a block took {load:.0%} of its period ({period})", larger
        )
    else:
        blocks = f"stemfield's blocks take {load:.0%} of the period" if plays else "the daemon does not run"
        governor = _governor(evidence)
        yield Finding(
            "xruns-server",
            f"{count}, caused by the server or another client: {blocks} ({period}, load {jack.load:g} %{governor})",
            "sudo cpupower frequency-set -g performance" if governor else larger,
        )


def _governor(evidence: Evidence) -> str:
    """The CPU governor, if it is one that makes the processor slow to wake up."""
    text = text_of(evidence.root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    return f", CPU governor {text}" if text == "powersave" else ""


def check_forced(evidence: Evidence) -> Iterator[Finding]:
    """PipeWire's period or rate is forced for all programs."""
    jack = evidence.jack
    if jack is None or not evidence.pipewire.running or (jack.opened and not jack.from_pipewire):
        return
    for force in evidence.pipewire.forces:
        yield Finding("pipewire-forced", _forced(force), _unforce(force))


def _forced(force: Force) -> str:
    what = "rate" if force.unit == "Hz" else "period"
    process = f" (process {force.pid})" if force.pid else ""
    by = f"by {force.by}{process}" if force.by else f"by the setting {force.key}"
    return f"PipeWire's {what} is forced to {force.value} {force.unit} {by}"


def _unforce(force: Force) -> str:
    if not force.by:
        return f"pw-metadata -n settings 0 {force.key} 0"
    return f"kill {force.pid}" if force.pid else "pw-top  # shows the node"


def check_rate(evidence: Evidence) -> Iterator[Finding]:
    """The server's clock does not run at its nominal rate: the card or its clock master has another rate."""
    jack = evidence.jack
    if jack is None or not jack.opened or jack.hung or not jack.measured_rate_hz:
        return
    off = jack.measured_rate_hz / jack.rate_hz - 1.0
    period_s = jack.period_frames / jack.rate_hz
    if abs(off) <= RATE_TOLERANCE + LATE_PERIODS * period_s / evidence.watched_s or (off < 0.0 and jack.xruns):
        return  # skipped periods look like a slow clock
    nearest = min(RATES_HZ, key=lambda rate: abs(rate - jack.measured_rate_hz))
    server = evidence.wanted_server
    master = f"its driver: {shlex.join(server.process.command)}" if server else "its driver is PipeWire's"
    yield Finding(
        "sample-rate-mismatch",
        f"the server reports {jack.rate_hz} Hz and requests {jack.measured_rate_hz:.0f} frames a second ({master})",
        f"pw-metadata -n settings 0 clock.force-rate {nearest}"
        if jack.from_pipewire
        else f"jack_control dps rate {nearest}"
        if server and server.process.name == "jackdbus"
        else _restart(server, nearest),
    )


def _restart(server: SoundServer | None, rate_hz: int) -> str:
    words = list(server.process.command if server else ()) or ["jackd", "-d", "alsa"]
    for index, word in enumerate(words[:-1]):
        if word in ("-r", "--rate") and words[index + 1].isdecimal():
            words[index + 1] = str(rate_hz)
            break
    else:
        words += ["-r", str(rate_hz)]
    return server.again(words) if server else shlex.join(words)
