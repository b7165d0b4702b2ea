"""The files of every source, as systemd and the programs themselves read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stemfield.control.sources.formats import PcmFormat
from stemfield.control.sources.quoting import exec_word, unit_word
from stemfield.control.sources.recipes import RECIPES, Recipe
from stemfield.control.sources.units import PCM_TEMPLATE, Place, Settings, installed_files, source_files, way_of
from stemfield.systemd.files import is_untouched
from stemfield.systemd.install import write

SYSTEMD = "/lib/systemd/systemd"
NASTY = (
    'Living "Room" \\ 100% $HOME ${HOME} $$ ;',
    "100%%n %i %h",
    "a\\",
    "'single' `ls` $(ls) & | > <",
    ";",
    "-x",
    "Wohnzimmer ä 音 🎵",
    "# not a comment",
    "\\n\\t\\x41",
    '"',
    "  spaces  ",
)
SETTINGS = Settings(NASTY[0], "server.local", Path("/srv/my music"), None, 4953, PcmFormat("s16le", 48_000, 2))


def in_a_shell(line: str) -> list[str]:
    """Words of a line that is quoted for a shell."""
    return subprocess.check_output(["bash", "-c", f"printf '%s\\0' {line}"], text=True).split("\0")[:-1]


def commands(folder: Path, *names: str) -> dict[str, tuple[list[str], str]]:
    """Command line and environment of units, as systemd reads them."""
    (folder / "default.target").write_text(f"[Unit]\nWants={' '.join(names)}\n")
    for path in (folder, *folder.parents[:-2], *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    runtime = folder / "run"
    runtime.mkdir()
    runtime.chmod(0o777)
    # systemd refuses to run a test as root
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, SYSTEMD, "--user", "--test", "--unit=default.target", "--log-target=console"],
        env={"HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Cannot determine cgroup" in done.stderr:  # in a plain chroot
        pytest.skip("systemd cannot be asked how it reads a unit: there are no control groups")
    found = {}
    for section in re.split(r"^\s*(?:->|→) Unit ", done.stdout, flags=re.MULTILINE)[1:]:
        line = re.search(r"(?:->|→) ExecStart:\n\s*Command Line: (.*)", section)
        environment = re.search(r"Environment: (.*)", section)
        words = [word.replace("$$", "$") for word in in_a_shell(line[1])] if line else []
        found[section.partition(":")[0]] = words, environment[1] if environment else ""
    assert found, done.stderr
    return found


def test_any_text_is_quoted_as_systemd_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    for n, text in enumerate(NASTY):
        line = f"ExecStart=/bin/echo {exec_word(text)} {exec_word('--name=' + text)}"
        (folder / f"nasty{n}.service").write_text(f"[Service]\nEnvironment={unit_word('A=' + text)}\n{line}\n")
    found = commands(folder, *(f"nasty{n}.service" for n in range(len(NASTY))))
    for n, text in enumerate(NASTY):
        assert found[f"nasty{n}.service"] == (["/bin/echo", text, f"--name={text}"], f"A={text}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A user with PipeWire."""
    for name, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "run")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    program = tmp_path / "stemfield"
    shutil.copy("/bin/true", program)
    return Place("user", True, "stemfield-device", ("stemfield music:playback_FL",), str(program))


def variants(place: Place, root: Path) -> dict[str, Place]:
    return {
        "user-device": place,
        "user-fifo": replace(place, to_device=False, ports=("stemfield:mixture_*",)),
        "system-fifo": replace(place, scope="system", to_device=False, root=root),
    }


@pytest.mark.parametrize("kind", ["user-device", "user-fifo", "system-fifo"])
def test_systemd_finds_nothing_wrong(kind: str, place: Place, tmp_path: Path, repository: Path) -> None:
    place = variants(place, tmp_path / "root")[kind]
    program = tmp_path / "the program"
    shutil.copy("/bin/true", program)
    units = []
    for recipe in RECIPES:
        if not recipe.is_raw and way_of(recipe, place) is None:
            continue
        files = source_files(recipe, SETTINGS, place, str(program))
        for file in files:
            assert is_untouched(file.text)
            assert not re.search(r"\$[a-z]", file.text.replace(SETTINGS.name.replace("$", "$$"), "")), "a placeholder"
            write(file)
        assert {file.path for file in files} == set(installed_files(recipe, place))
        units += [file.path for file in files if file.path.suffix == ".service"]
        for file in files:
            if file.path.parent.name.startswith("stemfield-source@"):
                instance = place.units / file.path.parent.name.removesuffix(".d")
                folder = repository / "systemd" / ("user" if place.scope == "user" else "")
                text = (folder / PCM_TEMPLATE).read_text()
                instance.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={place.stemfield}", text))
                units.append(instance)
    verified = subprocess.run(
        ["systemd-analyze", f"--{place.scope}", "verify", "--man=no", *map(str, units)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{place.units}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [line for line in verified.stderr.splitlines() if "stemfield-" in line]
    assert problems == []
    assert len(units) >= 4


def recipe(name: str) -> Recipe:
    (found,) = (one for one in RECIPES if one.name == name)
    return found


def test_the_command_lines_are_what_was_asked_for(place: Place) -> None:
    device, fifo = place, replace(place, to_device=False)
    for each, name in ((device, "upnp"), (fifo, "snapcast"), (fifo, "upnp")):
        for file in source_files(recipe(name), SETTINGS, each, "/usr/bin/the program"):
            write(file)
    (place.units / PCM_TEMPLATE).write_text("[Service]\nExecStart=/bin/true\n")
    found = commands(
        place.units, "stemfield-snapcast.service", "stemfield-source@snapcast.service", "stemfield-upnp.service"
    )
    words, _ = found["stemfield-snapcast.service"]
    path = str(place.fifo("snapcast"))
    assert words[:3] == ["/usr/bin/the program", "--hostID", SETTINGS.name]
    assert words[3:] == [
        *("--player", f"file:filename={path}", "--sampleformat", "48000:16:*", "--host", "server.local")
    ]
    words, _ = found["stemfield-source@snapcast.service"]
    assert words == [
        *(place.stemfield, "source", "pcm", "--name", "snapcast", "--fifo", path),
        *("--format", "s16le", "--rate", "48000", "--channels", "2", "--connect", "stemfield music:playback_FL"),
    ]
    words, _ = found["stemfield-upnp.service"]
    assert words[-1].endswith(f'location="{place.fifo("upnp")}"')
    assert words[words.index("--friendly-name") + 1] == SETTINGS.name


def written(place: Place, name: str, folder: str = "stemfield/sources") -> Path:
    """The configuration file of a source, in place."""
    files = source_files(recipe(name), SETTINGS, place, "/bin/true")
    for file in files:
        write(file)
    (found,) = (file.path for file in files if folder in str(file.path))
    return found


@pytest.mark.skipif(shutil.which("shairport-sync") is None, reason="shairport-sync is not installed")
@pytest.mark.parametrize("to_device", [True, False])
def test_shairport_sync_reads_its_file(to_device: bool, place: Place) -> None:
    config = written(replace(place, to_device=to_device), "airplay")
    place.fifo("airplay").parent.mkdir()
    os.mkfifo(place.fifo("airplay"))
    shown = subprocess.run(["shairport-sync", "-vv", "-c", str(config)], capture_output=True, timeout=20, check=False)
    told = shown.stderr.decode()
    assert f'player name is "{SETTINGS.name}"' in told
    assert ('output device name is "pipewire"' in told) is to_device
    assert f'backend is "{"alsa" if to_device else "pipe"}"' in told


@pytest.mark.parametrize("node", ["stemfield-device", "back\\", 'quo"te'])
def test_wireplumber_reads_the_rule_of_bluetooth(node: str, place: Place, tmp_path: Path) -> None:
    path = written(replace(place, node=node), "bluetooth", "wireplumber")
    told = wireplumber(tmp_path)
    assert str(path) in told
    assert "Failed to compile" not in told
    if path.suffix == ".lua":  # later versions do not report it
        path.write_text("{")
        assert "Failed to compile" in wireplumber(tmp_path)


def wireplumber(folder: Path) -> str:
    """What WirePlumber says without a PipeWire, at which it ends."""
    environment = os.environ | {"WIREPLUMBER_DEBUG": "3", "PIPEWIRE_RUNTIME_DIR": str(folder / "run")}
    done = subprocess.run(["wireplumber"], env=environment, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr
