"""The files of a service, where they are installed, and how the installed ones differ."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

Scope = Literal["system", "user"]
Server = Literal["jackd", "pipewire", "none"]

MAIN_UNIT: Final = "stemfield.service"

_MARK: Final = re.compile(r"(?:#|--) Written by `stemfield [a-z ]+`; sha256 ([0-9a-f]+)")
_PROGRAM: Final = re.compile(r"^ExecStart=\S*/stemfield(?= )", re.MULTILINE)
_USER_PROGRAM: Final = Path(".local/bin/stemfield")

_FILES: Final[dict[Scope, dict[Server, tuple[str, ...]]]] = {
    "system": {
        "jackd": ("stemfield.service", "jackd.service", "stemfield-source@.service"),
        "pipewire": (
            "stemfield.service",
            "stemfield.service.d/pipewire.conf",
            "stemfield-pipewire.service",
            "stemfield-wireplumber.service",
        ),
        "none": ("stemfield.service", "stemfield-source@.service"),
    },
    "user": {
        "jackd": ("stemfield.service", "jackd.service", "stemfield-source@.service"),
        "pipewire": (
            "stemfield.service",
            "stemfield.service.d/pipewire.conf",
            "stemfield-source@.service",
            "stemfield-source@.service.d/pipewire.conf",
        ),
        "none": ("stemfield.service", "stemfield-source@.service"),
    },
}


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """A file to install.

    Attributes:
        path: where it is installed.
        text: its content, with a first line by which it is recognised.
    """

    path: Path
    text: str

    @property
    def installed(self) -> str | None:
        """The current content of the path; None if there is no file."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def difference(self) -> str:
        """What installing it would change, as a unified diff; empty if nothing."""
        present = self.installed
        before = "/dev/null" if present is None else str(self.path)
        lines = difflib.unified_diff(
            (present or "").splitlines(keepends=True), self.text.splitlines(keepends=True), before, str(self.path)
        )
        return "".join(lines)


def service_files(scope: Scope, server: Server, program: Path, root: Path) -> tuple[ServiceFile, ...]:
    """The files of a service.

    Args:
        scope: system service or user service.
        server: sound server: a jackd that is installed as a service too, PipeWire, or one that runs already.
        program: absolute path of `stemfield`, as the service sees it.
        root: `/`, or the root folder of another machine; unused for a user service.
    """
    source = files("stemfield.systemd")
    folder = unit_folder(scope, root)
    units = source if scope == "system" else source / "user"
    found = [
        (folder / name, _PROGRAM.sub(f"ExecStart={exec_path(program, scope)}", (units / name).read_text()))
        for name in _FILES[scope][server]
    ]
    if scope == "system":
        for kind in ("sysusers", "tmpfiles"):
            path = root / "etc" / f"{kind}.d" / "stemfield.conf"
            found.append((path, (source / f"stemfield.{kind}").read_text()))
    return tuple(ServiceFile(path, marked(text, "service install")) for path, text in found)


def installed_files(scope: Scope, root: Path) -> tuple[Path, ...]:
    """Existing files of a service, for any sound server; links are never installed and left out."""
    names = dict.fromkeys(name for names in _FILES[scope].values() for name in names)
    paths = [unit_folder(scope, root) / name for name in names]
    if scope == "system":
        paths += [root / "etc" / f"{kind}.d" / "stemfield.conf" for kind in ("sysusers", "tmpfiles")]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def units_of(paths: tuple[Path, ...]) -> list[str]:
    """Names of the units among some files, `stemfield.service` first; not of templates, which a user enables."""
    names = (path.name for path in paths if path.suffix == ".service" and "@" not in path.name)
    return sorted(names, key=lambda name: (name != MAIN_UNIT, name))


def is_untouched(text: str) -> bool:
    """Whether a file was installed by any version and not edited since."""
    first, _, rest = text.partition("\n")
    mark = _MARK.fullmatch(first)
    return mark is not None and mark[1] == _digest(rest)


def unit_folder(scope: Scope, root: Path) -> Path:
    """The folder for units that are not part of a distribution's package."""
    if scope == "system":
        return root / "etc" / "systemd" / "system"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def own_program() -> Path:
    """A stable path of the running `stemfield`.

    Raises:
        FileNotFoundError: it was not started by its command.
    """
    beside = Path(sys.prefix) / "bin" / "stemfield"
    if beside.is_file():
        return beside
    found = shutil.which(sys.argv[0]) or shutil.which("stemfield")
    if found is None:
        raise FileNotFoundError("stemfield")
    return Path(found).absolute()


def exec_path(program: Path, scope: Scope) -> str:
    """The path for a unit: of pipx and uv the link in the home folder, which outlives their environments."""
    link = Path.home() / _USER_PROGRAM
    if scope == "user" and link.exists() and link.resolve() == program.resolve():
        return f"%h/{_USER_PROGRAM}"
    return str(program).replace("%", "%%")


def marked(text: str, command: str, comment: str = "#") -> str:
    """A text with a first line that names the command that writes it, by which it is recognised as untouched.

    Args:
        text: text of the file.
        command: such as `service install`.
        comment: what begins a comment in this kind of file, `#` or `--`.
    """
    return f"{comment} Written by `stemfield {command}`; sha256 {_digest(text)}\n{text}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
