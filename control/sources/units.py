"""The files of a source: a unit for its program, the program's configuration, and what plays its FIFO.

A FIFO is played by an instance of `stemfield-source@.service`, whose command line is in a drop-in. All files are
recognised as untouched by their first line, as those of `stemfield service install`.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from stemfield.control.sources.formats import DEFAULT_FORMAT, PcmFormat
from stemfield.control.sources.quoting import backslashed, exec_word, unit_word
from stemfield.control.sources.recipes import Recipe, Way
from stemfield.systemd.files import Scope, ServiceFile, marked, unit_folder

COMMAND: Final = "source enable"
PCM_TEMPLATE: Final = "stemfield-source@.service"
WIREPLUMBER_04: Final = Path("/usr/share/wireplumber/bluetooth.lua.d")
_RESTRICTED: Final = """\
User=stemfield
Group=audio
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where sources are installed, and what they play into.

    Attributes:
        scope: services of the machine, or of the user.
        to_device: whether programs play into the device of the desktop where they can.
        node: PipeWire's name of the device.
        ports: ports that a FIFO's player connects to, left and right; names or patterns.
        stemfield: path of `stemfield`, as unit files have it.
        root: root folder of the files of a machine.
    """

    scope: Scope
    to_device: bool
    node: str
    ports: tuple[str, ...]
    stemfield: str
    root: Path = Path("/")

    @property
    def units(self) -> Path:
        """Folder of the units."""
        return unit_folder(self.scope, self.root)

    def config(self, path: str) -> Path:
        """A configuration file, as its program sees it."""
        return self._own("XDG_CONFIG_HOME", ".config", "/etc") / path

    def rooted(self, path: Path) -> Path:
        """Where a file of the machine is written."""
        return self.root / path.relative_to("/")

    def state(self, name: str) -> Path:
        """Folder for a program's own data."""
        return self._own("XDG_DATA_HOME", ".local/share", "/var/lib") / f"stemfield-{name}"

    def fifo(self, name: str) -> Path:
        """The FIFO of a source."""
        user = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return Path("/run" if self.scope == "system" else user) / f"stemfield-{name}" / "pcm"

    def _own(self, variable: str, at_home: str, at_system: str) -> Path:
        if self.scope == "system":
            return Path(at_system)
        return Path(os.environ.get(variable) or Path.home() / at_home)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user chooses.

    Attributes:
        name: shown on the network.
        host: server of a client; empty if it is to find one.
        music: folder with music; None if the program has none.
        fifo: a FIFO of the user's own.
        port: TCP port.
        form: format of a FIFO or TCP port.
    """

    name: str = "stemfield"
    host: str = ""
    music: Path | None = None
    fifo: Path | None = None
    port: int | None = None
    form: PcmFormat = DEFAULT_FORMAT


def way_of(recipe: Recipe, place: Place) -> Way | None:
    """How a program is to play; None if it cannot, or if it is no program."""
    return (recipe.device or recipe.fifo) if place.to_device else recipe.fifo


def unit_files(recipe: Recipe, place: Place) -> dict[str, Path]:
    """Every unit that a source may have, with its file, in the order in which they start."""
    pcm = PCM_TEMPLATE.replace("@", f"@{recipe.name}")
    found = {pcm: place.units / f"{pcm}.d" / "stemfield.conf"} if recipe.is_raw or recipe.fifo else {}
    if any(way and way.words for way in (recipe.device, recipe.fifo)):
        unit = f"stemfield-{recipe.name}.service"
        found[unit] = place.units / unit
    return found


def installed_files(recipe: Recipe, place: Place) -> tuple[Path, ...]:
    """Existing files of a source; links are never installed and left out."""
    ways = (way for way in (recipe.device, recipe.fifo) if way is not None)
    configs = dict.fromkeys(place.config(name) for way in ways for name in way.files)
    paths = (*unit_files(recipe, place).values(), *map(place.rooted, configs))
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def installed_units(recipe: Recipe, place: Place) -> tuple[str, ...]:
    """Units of a source whose files exist."""
    there = installed_files(recipe, place)
    return tuple(unit for unit, path in unit_files(recipe, place).items() if path in there)


def source_files(recipe: Recipe, settings: Settings, place: Place, program: str) -> tuple[ServiceFile, ...]:
    """The files of a source.

    Args:
        recipe: the source.
        settings: what the user chooses.
        place: where it is installed.
        program: absolute path of its program; unused if it is none.
    """
    way = way_of(recipe, place)
    form = settings.form if recipe.is_raw else way.form if way else None
    fifo = settings.fifo or place.fifo(recipe.name)
    units = unit_files(recipe, place)
    found: dict[Path, str] = {}
    if form is not None:
        sender = ("--tcp", str(settings.port)) if recipe.name == "tcp" else ("--fifo", str(fifo))
        found[units[PCM_TEMPLATE.replace("@", f"@{recipe.name}")]] = _player(recipe, place, sender, form)
    if way is not None:
        values = _values(recipe, way, settings, place, program)
        if way.words:
            found[units[f"stemfield-{recipe.name}.service"]] = _program(recipe, way, values, settings, place)
        quoted = {key: backslashed(value) for key, value in values.items()}
        for path, text in way.files.items():
            if _is_read(path):
                found[place.rooted(place.config(path))] = Template(text).substitute(quoted)
    return tuple(ServiceFile(path, marked(text, COMMAND, _comment(path))) for path, text in found.items())


def _is_read(path: str) -> bool:
    """Whether the installed WirePlumber reads a file of its folder: up to 0.4 those in Lua, since then the others."""
    return not path.startswith("wireplumber/") or path.endswith(".lua") == WIREPLUMBER_04.is_dir()


def _comment(path: Path) -> str:
    return "--" if path.suffix == ".lua" else "#"


def _values(recipe: Recipe, way: Way, settings: Settings, place: Place, program: str) -> dict[str, str]:
    fifo = str(place.fifo(recipe.name))
    return {
        "program": program,
        "config": str(place.config(next(iter(way.files)))) if way.files else "",
        "own": str(place.config(f"stemfield/sources/{recipe.name}-own.conf")),
        "state": str(place.state(recipe.name)),
        "node": place.node,
        "fifo": fifo,
        "quoted_fifo": backslashed(fifo),
        "name": settings.name,
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{_machine()} {recipe.name} {settings.name}")),
        "host": settings.host,
        "music": str(settings.music),
        "port": str(settings.port),
    }


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


def _player(recipe: Recipe, place: Place, sender: tuple[str, str], form: PcmFormat) -> str:
    words = ["--name", recipe.name, *sender, "--format", form.sample, "--rate", str(form.rate_hz)]
    words += ["--channels", str(form.channels)]
    for port in place.ports:
        words += ["--connect", port]
    line = " ".join(map(exec_word, words))
    return f"[Service]\nExecStart=\nExecStart={place.stemfield} source pcm {line}\n"


def _program(recipe: Recipe, way: Way, values: Mapping[str, str], settings: Settings, place: Place) -> str:
    words = ["$program", *way.words]
    for option, more in way.options.items():
        words += more if getattr(settings, option) else ()
    line = " ".join(exec_word(Template(word).substitute(values)) for word in words)
    is_system = place.scope == "system"
    before = PCM_TEMPLATE.replace("@", f"@{recipe.name}") if way.form else "pipewire.service wireplumber.service"
    unit = [
        "[Unit]",
        f"Description=stemfield: {recipe.title}",
        *([f"Wants={before}"] if way.form else []),
        f"After={before} network.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
    ]
    if way.form:
        folder = f"stemfield-{recipe.name}"
        unit += [f"RuntimeDirectory={folder}", "RuntimeDirectoryPreserve=yes", "# It exists already, except at first."]
        unit.append(f"ExecStartPre=-/usr/bin/mkfifo -m 660 {exec_word(values['fifo'])}")
    else:
        unit.append(f"Environment={unit_word(f'PIPEWIRE_NODE={place.node}')}")
    if any("$state" in text for text in (*way.words, *way.files.values())):
        made = f"ExecStartPre=/usr/bin/mkdir -p {exec_word(values['state'])}"
        unit.append(f"StateDirectory=stemfield-{recipe.name}" if is_system else made)
    unit += [f"ExecStart={line}", "Restart=always", "RestartSec=5", "OOMScoreAdjust=300", "NoNewPrivileges=yes"]
    unit += [_RESTRICTED, "[Install]"] if is_system else ["", "[Install]"]
    unit.append(f"WantedBy={'multi-user' if is_system else 'default'}.target")
    return "\n".join(unit) + "\n"
