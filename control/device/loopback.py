"""The ALSA device for jackd on this machine: what it needs, what is there, and why nothing would sound."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.configuration import Config
from stemfield.control.config.device import Sink
from stemfield.control.device.loopback_files import (
    BRIDGE,
    CARD,
    MODULE,
    PCM,
    UNIT,
    alsa_file,
    alsa_paths,
    as_root,
    bridge_unit,
    include_line,
    installed,
    is_default,
    is_ours,
    module_files,
)
from stemfield.systemd import install as systemd
from stemfield.systemd.files import ServiceFile, unit_folder
from stemfield.systemd.state import systemctl

_CARD: Final = re.compile(r"^ *\d+ \[(\S+) *\]: (\S+) - ", re.MULTILINE)
_INSTALL: Final = "stemfield device install --server jackd"


@dataclass(frozen=True, slots=True)
class LoopbackState:
    """State of the device.

    Attributes:
        module: whether the kernel's sound card is there.
        installed: whether the bridge is installed.
        bridge: whether the bridge is a client of JACK.
        connected: whether the daemon hears it.
        default: whether programs of ALSA play into it by default.
        problems: why nothing would sound.
    """

    module: bool
    installed: bool
    bridge: bool
    connected: bool
    default: bool
    problems: tuple[str, ...]


def server_of(config: Config) -> str:
    """Name of the daemon's JACK server."""
    return config.jack.server_name or os.environ.get("JACK_DEFAULT_SERVER", "default")


def card_driver(root: Path) -> str | None:
    """Name of the driver of the card with the identifier that the device needs; None if no card has it."""
    return dict(_CARD.findall(_read(root / "proc/asound/cards"))).get(CARD)


def missing(config: Config, root: Path, jackd: Sequence[str]) -> list[str]:
    """Everything that keeps the device from being made.

    Args:
        config: configuration of the daemon, which has a device.
        root: `/`, or another tree with `proc`, `lib` and `usr`.
        jackd: names of the JACK servers of this user.
    """
    found = []
    server, driver, release = server_of(config), card_driver(root), os.uname().release
    if "SUDO_USER" in os.environ:
        found.append("sudo: run it as yourself: the device is one of your session, and what needs root is shown")
    if driver is None and not _has_module(root, release):
        kernel = f"this kernel ({release}) has none: it needs one for real machines, such as linux-image-amd64"
        found.append(f"{MODULE}: {kernel}, and no container")
    if driver not in (None, CARD):
        found.append(f"{CARD}: expected to be free or of {MODULE}; a card of {driver} has this identifier")
    if not (root / BRIDGE.lstrip("/")).exists():
        found.append("zita-a2j: not installed (sudo apt install zita-ajbridge)")
    if server not in jackd:
        others = f"; there is {', '.join(jackd)} (jack.server_name)" if jackd else ""
        found.append(
            f"jackd: no server {server!r} of this user runs (stemfield service install --user --server jackd){others}"
        )
    if config.device.surround:
        found.append("device.surround: expected none with jackd, whose device is stereo: pass --surround 0")
    if config.device.title == config.jack.client_name:
        found.append(f"device.title: {config.device.title!r} is the JACK name of the daemon: pass --title")
    return found


def wanted_files(config: Config, sink: Sink, *, default: bool) -> tuple[ServiceFile, ...]:
    """The user's files of the device."""
    return bridge_unit(sink, config.jack.server_name), alsa_file(sink, default=default)


def load_card(root: Path) -> None:
    """Load the kernel's module, as root, unless its card is there.

    Raises:
        CommandError: the kernel refuses.
    """
    command = ["modprobe", MODULE]
    if card_driver(root) is None and subprocess.run(command, check=False).returncode:
        raise CommandError([f"{MODULE}: the kernel refuses the module"], FAILED)


def start() -> bool:
    """Start the bridge, now and with the session; False if systemd does not run here.

    Raises:
        InstallError: systemd refuses.
    """
    started = systemd.start("user", [UNIT], Path("/"))
    if started:  # one that ran already may have had another title
        systemd.run("user", "restart", UNIT)
    return started


def notes(config: Config, file: ServiceFile, root: Path) -> list[str]:
    """What is left for the user to do after the installation."""
    found = []
    outdated = [one for one in module_files(root) if one.difference()]
    if outdated or card_driver(root) is None:
        found.append(f"as root, the sound card itself: {as_root(outdated)}")
    if line := include_line(file):
        found.append(f"{alsa_paths()[0]} is your own: add the line {line}")
    if not (config.jack.connect_outputs or config.jack.connect_speakers):
        found.append("no loudspeakers are configured (stemfield init)")
    return found


def remains(root: Path) -> dict[Path, bool]:
    """The files of the device that exist, and whether they are untouched; those of the system last."""
    user = (unit_folder("user", Path("/")) / UNIT, *alsa_paths())
    found = installed([*user, *(file.path for file in module_files(root))])
    return {path: same for path, same in found.items() if same or path != alsa_paths()[0] or is_ours(path)}


def remove(paths: Iterable[Path]) -> None:
    """Stop the bridge and remove files.

    Raises:
        InstallError: systemd refuses.
    """
    paths = tuple(paths)
    systemd.remove("user", Path("/"), tuple(path for path in paths if path.name == UNIT))
    systemd.unlink(paths)
    if systemd.manages(Path("/")):
        systemd.run("user", "daemon-reload")


def loopback_state(config: Config, sink: Sink, root: Path, ports: dict[str, tuple[str, ...]] | None) -> LoopbackState:
    """Find out how the device is.

    Args:
        config: configuration of the daemon.
        sink: the device.
        root: as for `missing`.
        ports: JACK's ports with what each is connected to; None if no server answers.
    """
    there = installed([unit_folder("user", Path("/")) / UNIT])
    file = alsa_file(sink, default=False)
    module, known = card_driver(root) == CARD, ports or {}
    sides = [known.get(sink.capture(channel)) for channel in sink.channels]
    bridge, client = None not in sides, f"{config.jack.client_name}:"
    connected = bridge and all(any(peer.startswith(client) for peer in side or ()) for side in sides)
    problems = []
    if not module:
        problems.append(f"the kernel's sound card is not there (sudo modprobe {MODULE}; {_INSTALL})")
    if not there or file.installed is None:
        problems.append(f"{sink.title} is not installed ({_INSTALL})")
    elif bridge_unit(sink, config.jack.server_name).difference():
        problems.append(f"its unit is not as configured ({_INSTALL})")
    if line := include_line(file):
        problems.append(f"programs do not find {PCM}: {alsa_paths()[0]} lacks the line {line}")
    if ports is None:
        problems.append("jackd does not answer (systemctl --user start jackd)")
    elif not bridge:
        active = _activity()
        problems.append(f"the bridge is no client of JACK; systemd says {active} (journalctl --user -u {UNIT})")
    elif not connected:
        problems.append("the daemon is not connected to it (systemctl --user start stemfield)")
    return LoopbackState(module, bool(there), bridge, connected, is_default(file.installed or ""), tuple(problems))


def _activity() -> str:
    try:
        return systemctl("user", "is-active", UNIT).stdout.strip() or "nothing"
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return "nothing"


def _has_module(root: Path, release: str) -> bool:
    folder = root / "lib/modules" / release
    names = _read(folder / "modules.dep") + _read(folder / "modules.builtin")
    return f"/{MODULE}.ko" in names


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
