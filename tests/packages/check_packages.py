"""Wheel, sdist and Debian package, each tried as a person would: `make packages`; minutes, root, and a network.

The Debian package is built, and installed, in a Debian 12 and a Debian 13 of its own, which debootstrap makes;
`DEBIAN_TREES` may name a folder that has such ones already, `bookworm` and `trixie`, of which copies are used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from daemon_process import free_port

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
MADE_S = "1764000000"
MIRROR = "http://deb.debian.org/debian"
PARTS = "python3,libjack-jackd2-0,systemd,passwd,ca-certificates"
RELEASES = {"bookworm": "deb12", "trixie": "deb13"}
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
LEFT_OUT = ("node_modules", "__pycache__", ".git", ".venv", "build", "dist", "*.egg-info", ".*_cache", "test-results")


def run(*command: Any, **options: Any) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and wheel, built twice: from two copies at two places and times, with two umasks."""
    out = tmp_path_factory.mktemp("dist")
    for name, mask in (("first", 0o022), ("second", 0o027)):
        copy = tmp_path_factory.mktemp(name) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT), copy_function=shutil.copyfile)
        run("chmod", "+x", copy / ".ci" / "run", copy / ".ci" / "packages")
        before = os.umask(mask)
        try:
            command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out / name), str(copy)]
            run(*command, env=os.environ | {"SOURCE_DATE_EPOCH": MADE_S})
        finally:
            os.umask(before)
    return out


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = (built / "first").glob("*.whl")
    return found


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (found,) = (built / "first").glob("*.tar.gz")
    return found


def alone() -> dict[str, str]:
    """An environment that knows nothing of the checkout."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}


@contextmanager
def served(command: Sequence[Any], folder: Path, **options: Any) -> Iterator[tuple[str, int]]:
    """A daemon by the clock, on free ports; gives the root of its page and its OSC port."""
    osc, http = free_port(), free_port()
    config = folder / "config.yaml"
    config.write_text(
        f"{{osc: {{port: {osc}}}, http: {{port: {http}}}, s3a: {{enabled: false}}, discovery: {{enabled: false}}}}"
    )
    given = options.pop("config", config)
    words = [*map(str, command), "serve", "--driver", "clock", "--layout", "quad", "--config", str(given)]
    log = folder / "log.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, **options)
    try:
        # 20 s of work the first time, of which a busy machine makes minutes: this only ends one that hangs
        deadline = time.monotonic() + 900
        while "is ready" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{http}/", osc
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in log.read_text()


def is_whole(command: Path, folder: Path) -> None:
    """Whether an installation has everything: code, layouts, models, the song, the page, the units."""
    environment = alone() | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    environment["XDG_CACHE_HOME"] = environment["XDG_STATE_HOME"] = str(folder / "state")

    def say(*words: Any) -> str:
        return run(command, *words, cwd=folder, env=environment)

    assert say("--version") == f"stemfield {VERSION}\n"
    assert {entry["name"] for entry in json.loads(say("layouts", "list", "--json"))} >= {"stereo", "5.1", "22.2"}
    assert say("models", "check", "default", "light", "studio").count("ok") == 3
    assert "complete" in say("completion", "bash")
    say("service", "install", "--user", "--server", "jackd", "--yes", "--no-start")
    assert f"ExecStart={command}" in (folder / "config/systemd/user/stemfield.service").read_text()
    say("service", "uninstall", "--user", "--yes")
    with served([command], folder, cwd=folder, env=environment) as (root, _):
        with urllib.request.urlopen(f"{root}panner/", timeout=10) as answer:
            page = answer.read().decode()
        assert "not built" not in page
        with urllib.request.urlopen(f"{root}metrics", timeout=10) as answer:
            assert b"stemfield_playing 1.0" in answer.read()


def test_two_builds_are_equal_to_the_last_bit(built: Path) -> None:
    first, second = (sorted((built / name).iterdir()) for name in ("first", "second"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_sdist_holds_what_it_takes_to_build_and_to_test(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = set(run("git", "ls-files", cwd=ROOT).splitlines()) if (ROOT / ".git").exists() else set()
    missing = {name for name in listed - names if not name.startswith(".git")}
    assert not missing
    assert "control/static/index.html" in names
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_wheel_works_where_there_is_nothing_else(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", home / "bin" / "python"]
    run(*pip, "install", "--quiet", wheel)
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.startswith(("tests/", "docs/"))]
    (tmp_path / "home").mkdir()
    is_whole(home / "bin" / "stemfield", tmp_path / "home")


@pytest.mark.parametrize("tool", ["pipx", "uv"])
def test_tools_for_persons_install_and_remove_it(tool: str, wheel: Path, tmp_path: Path) -> None:
    places = {
        "PIPX_HOME": "pipx",
        "PIPX_BIN_DIR": "bin",
        "PIPX_MAN_DIR": "man",
        "UV_TOOL_DIR": "uv",
        "UV_TOOL_BIN_DIR": "bin",
    }
    environment = alone() | {key: str(tmp_path / name) for key, name in places.items()}
    environment["HOME"] = str(tmp_path)
    program = Path(sys.executable).parent / tool
    words = ["install"] if tool == "pipx" else ["tool", "install", "--python", sys.executable, *index()]
    run(program, *words, wheel, env=environment)
    command = tmp_path / "bin" / "stemfield"
    assert run(command, "--version", env=environment) == f"stemfield {VERSION}\n"
    assert "22.2" in run(command, "layouts", "list", env=environment)
    kept = tmp_path / ".config" / "stemfield" / "config.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_text("layout: 5.1\n")
    run(program, *words, "--force", wheel, env=environment)
    assert run(command, "check", kept, env=environment) == f"{kept}: ok\n"
    run(program, *([] if tool == "pipx" else ["tool"]), "uninstall", "stemfield", env=environment)
    assert not command.exists()
    assert kept.read_text() == "layout: 5.1\n"


def index() -> list[str]:
    """uv does not read pip's settings."""
    found = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    told = dict(line.split("=", 1) for line in found if "=" in line)
    places = {"extra-index-url": "--index", "find-links": "--find-links", "index-url": "--default-index"}
    words = []
    for key, value in told.items():
        option = places.get(key.rpartition(".")[2])
        for place in value.strip("'\"").replace("\\n", " ").split() if option else ():
            words += [option, place]
    return words


class Debian:
    """A copy of a Debian in a folder."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.folder = folder
        run("cp", "-a", tree, folder)
        run("mount", "-t", "proc", "proc", folder / "proc")

    def close(self) -> None:
        run("umount", self.folder / "proc")
        shutil.rmtree(self.folder)

    def say(self, *words: Any, **options: Any) -> str:
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
        environment = clean | options.pop("env", {})
        return run("chroot", self.folder, *words, env=environment, **options)

    def build(self, wheel: Path, man: Path) -> Path:
        """The package for this release, made as `make deb` does."""
        self.say("apt-get", "update")
        self.say("apt-get", "install", "--yes", "--no-install-recommends", "python3-pip", "python3-venv")
        source = self.folder / "root" / "source"
        for name in ("debian", "systemd", "docs/examples"):
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in (ROOT / "LICENSE", ROOT / "CHANGELOG.md", wheel):
            shutil.copy(file, source)
        shutil.copytree(man, source / "man")
        shutil.copy(TRUSTED, self.folder / TRUSTED.relative_to("/"))
        here = {key: value for key, value in os.environ.items() if key in ("PIP_INDEX_URL", "PIP_PROXY", "HTTPS_PROXY")}
        command = ["python3", "debian/build.py", "--man", "man", wheel.name, "out"]
        told = self.say("sh", "-c", f"cd /root/source && {' '.join(command)}", env=here | {"PIP_CERT": str(TRUSTED)})
        return source / told.splitlines()[-1]

    def install(self, package: Path) -> None:
        shutil.copy(package, self.folder / "root" / package.name)
        self.say("apt-get", "install", "--yes", "--no-install-recommends", f"/root/{package.name}")
        (self.folder / "root" / package.name).unlink()

    def files(self) -> set[str]:
        """Everything but what apt and dpkg note for themselves."""
        command = ["find", ".", "-xdev", "-path", "./proc", "-prune", "-o", "-print"]
        found = set(run(*command, cwd=self.folder).split("\n"))
        notes = ("./var/lib/dpkg", "./var/lib/apt", "./var/cache", "./var/log", "./tmp", "./run", "./root")
        return {name for name in found if not name.startswith(notes) and not name.endswith("-")}


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def tree(release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian that stays as debootstrap makes it."""
    assert os.geteuid() == 0, "only root can make a Debian in a folder"
    if given := os.environ.get("DEBIAN_TREES"):
        return Path(given) / release
    folder = tmp_path_factory.mktemp("tree") / release
    run("debootstrap", "--variant=minbase", f"--include={PARTS}", release, folder, MIRROR)
    return folder


@pytest.fixture
def debian(tree: Path, tmp_path: Path) -> Iterator[Debian]:
    made = Debian(tree, tmp_path / "debian")
    yield made
    made.close()


@pytest.fixture(scope="session")
def man(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    for kind in ("html", "man"):
        run(sys.executable, "-m", "sphinx", "-M", kind, ROOT / "docs", out, "-q")
    return out / "man"


@pytest.fixture(scope="session")
def package(wheel: Path, man: Path, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("deb")
    builder = Debian(tree, out / "builder")
    try:
        return Path(shutil.copy(builder.build(wheel, man), out))
    finally:
        builder.close()


def test_the_debian_package_comes_is_updated_and_goes(
    release: str, package: Path, debian: Debian, tmp_path: Path
) -> None:
    assert package.name.startswith(f"stemfield_{VERSION}+{RELEASES[release]}_")
    before = debian.files()
    debian.install(package)
    assert debian.say("stemfield", "--version") == f"stemfield {VERSION}\n"
    assert "(stemfield)" in debian.say("id", "stemfield")
    assert "audio" in debian.say("id", "-nG", "stemfield").split()
    for unit in ("stemfield.service", "jackd.service", "stemfield-pipewire.service", "stemfield-wireplumber.service"):
        assert (debian.folder / "usr/lib/systemd/system" / unit).is_file()
    program = (debian.folder / "usr/lib/systemd/system/stemfield.service").read_text().split("ExecStart=")[1].split()[0]
    assert debian.say(program, "--version") == f"stemfield {VERSION}\n"
    for page in ("man1/stemfield.1.gz", "man5/stemfield.yaml.5.gz", "man7/stemfield-osc.7.gz"):
        assert (debian.folder / "usr/share/man" / page).is_file()
    debian.say("systemctl", "enable", "stemfield.service", "jackd.service")

    # as the unit would start it
    places = ["STATE_DIRECTORY=/var/lib/stemfield", "NUMBA_CACHE_DIR=/var/cache/stemfield/numba"]
    as_service = ["chroot", debian.folder, "runuser", "-u", "stemfield", "--", "env", *places, "stemfield"]
    config = debian.folder / "etc/stemfield/config.yaml"

    def daemon() -> Any:
        return served(as_service, debian.folder / "etc/stemfield", config="/etc/stemfield/config.yaml", cwd="/")

    def ask(osc: int, *words: Any) -> str:
        return debian.say("stemfield", "send", "--port", osc, *words)

    with daemon() as (root, osc):
        with urllib.request.urlopen(f"{root}panner/", timeout=10) as answer:
            assert b"not built" not in answer.read()
        ask(osc, "/object/vocals/aed", 75, 0, 2)
        time.sleep(1.0)
        ask(osc, "/scene/save", "evening")
        time.sleep(1.0)
    debian.install(newer(package, tmp_path))
    assert f"{VERSION}+{RELEASES[release]}+1" in debian.say("dpkg-query", "-W", "stemfield")
    with daemon() as (_, osc):
        assert "75" in ask(osc, "/object/vocals/aed")  # the present scene
        assert "evening" in ask(osc, "/scene/list")

    debian.say("apt-get", "remove", "--yes", "stemfield")
    assert not (debian.folder / "opt/stemfield").exists()
    assert (debian.folder / "var/lib/stemfield/scene.json").is_file()
    debian.say("apt-get", "purge", "--yes", "stemfield")
    left = debian.files() - before
    own = {"./etc/stemfield", "./etc/stemfield/config.yaml", "./etc/stemfield/log.txt"}
    scenes = {"./var/lib/stemfield", "./var/lib/stemfield/scenes"}
    assert own | scenes <= left
    assert {name for name in left - own - scenes if not name.startswith("./var/lib/stemfield/scenes/")} == set()
    assert config.is_file()

    # whoever made nothing keeps nothing
    debian.install(package)
    shutil.rmtree(debian.folder / "var/lib/stemfield")
    shutil.rmtree(debian.folder / "etc/stemfield")
    debian.say("apt-get", "purge", "--yes", "stemfield")
    assert debian.files() == before
    assert "stemfield" not in (debian.folder / "etc/passwd").read_text()


def newer(package: Path, folder: Path) -> Path:
    """The same package as the next version."""
    stage = folder / "stage"
    run("dpkg-deb", "--raw-extract", package, stage)
    control = stage / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*", r"\g<0>+1", control.read_text(), flags=re.MULTILINE))
    target = folder / f"newer-{package.name}"
    run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", stage, target)
    shutil.rmtree(stage)
    return target
