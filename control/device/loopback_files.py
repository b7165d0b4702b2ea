"""The files of the ALSA device for jackd: its name for programs, the bridge into JACK, and the kernel's module.

Programs play into one side of a sound card that is only software, the module snd-aloop; zita-a2j reads the other side,
and resamples to the rate of JACK, so that the two clocks do not drift apart. dmix lets several programs play at once.
Both sides have 16 bits (-L): the first to open a side fixes the format of both, and dmix cannot mix what zita-a2j would
choose by itself, floating-point samples.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stemfield.control.config.device import Sink
from stemfield.systemd.files import ServiceFile, is_untouched, marked, unit_folder

UNIT: Final = "stemfield-aloop.service"
CARD: Final = "Loopback"
MODULE: Final = "snd-aloop"
PCM: Final = "stemfield"
"""The ALSA name of the device."""
BRIDGE: Final = "/usr/bin/zita-a2j"
COMMAND: Final = "device install"
RATE_HZ: Final = 48_000
_PERIOD_FRAMES: Final = 256
_PERIODS: Final = 4
_IPC_KEY: Final = 7_386_921
"""By it the programs of a user find the same dmix."""

_UNIT: Final = f"""\
# Plays what programs play into the ALSA device "{PCM}" into JACK.
[Unit]
Description=stemfield: an ALSA device into JACK
Documentation=man:zita-ajbridge(1)
After=jackd.service
StartLimitIntervalSec=0

[Service]
Environment=JACK_NO_START_SERVER=1
%SERVER%ExecStart={BRIDGE} -j %NAME% -d hw:{CARD},1,0 -r {RATE_HZ} -p {_PERIOD_FRAMES} -n {_PERIODS} -c 2 -L
# It ends whenever jackd does, with status 0.
Restart=always
RestartSec=2
LimitRTPRIO=95
LimitMEMLOCK=infinity
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""

_PCM: Final = f"""\
pcm.{PCM} {{
    type plug
    slave.pcm {{
        type dmix
        ipc_key {_IPC_KEY}
        slave {{
            pcm "hw:{CARD},0,0"
            format S16_LE
            rate {RATE_HZ}
            channels 2
            period_size 1024
            buffer_size 8192
        }}
    }}
    hint {{
        show on
        description %TITLE%
    }}
}}
"""
_DEFAULT: Final = f'pcm.!default {{\n    type plug\n    slave.pcm "{PCM}"\n}}\n'


def bridge_unit(sink: Sink, server: str | None) -> ServiceFile:
    """The unit of the bridge, whose JACK client has the title of the device.

    Args:
        sink: the device.
        server: name of the JACK server; None for the default one.
    """
    named = f"Environment={_quoted(f'JACK_DEFAULT_SERVER={server}')}\n" if server else ""
    text = _UNIT.replace("%NAME%", _quoted(sink.title).replace("$", "$$")).replace("%SERVER%", named)
    return ServiceFile(unit_folder("user", Path("/")) / UNIT, marked(text, COMMAND))


def alsa_file(sink: Sink, *, default: bool) -> ServiceFile:
    """The device for programs of ALSA, in the user's own configuration if there is none, otherwise beside it.

    Args:
        sink: the device.
        default: whether programs play into it by default; that stays so until it is removed.
    """
    main, beside = alsa_paths()
    theirs = _text(main)
    path = main if theirs is None or is_untouched(theirs) else beside
    text = _PCM.replace("%TITLE%", f'"{_escaped(sink.title)}"')
    if default or is_default(_text(path) or ""):
        text += _DEFAULT
    return ServiceFile(path, marked(text, COMMAND))


def alsa_paths() -> tuple[Path, Path]:
    """What ALSA reads for each user, after `~/.asoundrc`, and the place for the device if the user has written that."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "alsa"
    return folder / "asoundrc", folder / "stemfield.conf"


def include_line(file: ServiceFile) -> str:
    """The line to be added to the user's ALSA configuration; empty if the file is read anyway, or the line is there."""
    main, beside = alsa_paths()
    line = f"<{beside}>"
    return "" if file.path == main or line in (_text(main) or "") else line


def is_default(text: str) -> bool:
    """Whether an ALSA configuration makes the device the default one."""
    return _DEFAULT in text


def is_ours(path: Path) -> bool:
    """Whether a file is from here, perhaps changed since."""
    return f"Written by `stemfield {COMMAND}`" in (_text(path) or "").partition("\n")[0]


def module_files(root: Path) -> tuple[ServiceFile, ...]:
    """What loads the kernel's module at boot; its card is never the first, so that no other changes its number."""
    made = {"modules-load.d": f"{MODULE}\n", "modprobe.d": f"options {MODULE} id={CARD} index=-2\n"}
    return tuple(
        ServiceFile(root / "etc" / folder / "stemfield.conf", marked(text, COMMAND)) for folder, text in made.items()
    )


def as_root(files: Sequence[ServiceFile]) -> str:
    """The command line by which a user without rights writes files of the system and loads the module."""
    write = [
        f"printf '%s\\n' {' '.join(map(shlex.quote, file.text.splitlines()))} | sudo tee {file.path} >/dev/null"
        for file in files
    ]
    return " && ".join([*write, f"sudo modprobe {MODULE}"])


def installed(paths: Sequence[Path]) -> dict[Path, bool]:
    """The files that exist, and whether they are untouched."""
    texts = {path: _text(path) for path in paths}
    return {path: is_untouched(text) for path, text in texts.items() if text is not None}


def _quoted(text: str) -> str:
    """A word in a unit file."""
    return f'"{_escaped(text).replace("%", "%%")}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _text(path: Path) -> str | None:
    return ServiceFile(path, "").installed
