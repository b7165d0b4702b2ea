"""The package as it ships: nothing missing, nothing that would overwrite somebody else's package, all of it checked."""

import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import mypy.main
import pytest
from copied_machine import CopiedMachine

from docs._generate import manual

ROOT = Path(__file__).parents[1]
FOLDERS = ("control", "layouts", "renderer", "separation", "systemd")
LENT = list(dict.fromkeys([sysconfig.get_path("purelib"), *(path for path in sys.path if "site-packages" in path)]))
"""As lines of a .pth file these lend their packages, but not their own .pth files: the editable install stays out."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_in_tree() -> set[str]:
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py"))
    found = (path.parent.relative_to(ROOT) for path in files if "node_modules" not in path.parts)
    return {"stemfield." + ".".join(path.parts) for path in found}


def modules_in_tree() -> set[str]:
    files = (path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    files = (path for path in files if "node_modules" not in path.parts)
    return {"stemfield." + ".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files}


def data_in_tree() -> set[str]:
    """Every shipped file that is no code."""
    kinds = ("control/data", "control/static", "layouts/data", "renderer/data", "separation/models")
    files = [path for kind in kinds for path in (ROOT / kind).rglob("*") if path.is_file()]
    code = (".py", ".pyc", ".typed")
    files += [path for path in (ROOT / "systemd").rglob("*.*") if path.is_file() and path.suffix not in code]
    typed = [ROOT / folder / "py.typed" for folder in FOLDERS]
    return {"stemfield/" + path.relative_to(ROOT).as_posix() for path in files + typed}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that no left-over of an earlier build gets in."""
    copy = tmp_path_factory.mktemp("source") / "tree"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "build_page.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.nb[ci]", "node_modules")
        )
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-build-isolation", "-w", str(out), str(copy)], check=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own, far from the tree; its dependencies are lent by this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in LENT))
    return home


def run_away(home: Path, *command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(home / "bin" / command[0]), *command[1:]], cwd=home, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_package_list_is_the_tree() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages_in_tree()
    mapped = PROJECT["tool"]["setuptools"]["package-dir"]
    assert mapped == {f"stemfield.{folder}": folder for folder in FOLDERS}


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_wheel_holds_every_module_and_all_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {name[:-3].replace("/", ".").removesuffix(".__init__") for name in names if name.endswith(".py")}
    assert shipped == modules_in_tree()
    assert {name for name in names if not name.endswith(".py") and ".dist-info/" not in name} == data_in_tree()
    assert len([name for name in names if re.match(r"stemfield/control/static/assets/.+\.(js|css)$", name)]) >= 3
    for part in (
        "stemfield/control/static/index.html",
        "stemfield/layouts/data/22.2.yaml",
        "stemfield/control/data/demo/vocals.flac",
    ):
        assert part in names
    assert [name for name in names if name.startswith("stemfield/separation/models/") and name.endswith(".onnx")]


def test_what_is_run_by_hand_is_in_the_sdist_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if {"tools", "_generate"} & set(Path(name).parts)]
    assert {"graft tools", "graft docs"} <= set((ROOT / "MANIFEST.in").read_text().splitlines())


@pytest.mark.parametrize("module", ["tools.demosong", "tools.record_voice"])
def test_tools_run(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert module in done.stdout


def test_wheel_takes_no_top_level_name_but_its_own(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"stemfield", f"stemfield-{PROJECT['project']['version']}.dist-info"}


def test_a_wheel_without_npm_is_refused_unless_the_page_is_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "control" / "web", tree / "control" / "web", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "build_page.py", tree)
    # the folder of the Python is looked at too, and that of the system or of an environment may hold a Node.js
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    command = [str(tmp_path / "python"), "-I", str(tree / "build_page.py")]
    bare = {"PATH": str(tmp_path)}
    refused = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("the panner page needs Node.js 20.19 or later with npm")
    shutil.copytree(ROOT / "control" / "static", tree / "control" / "static")
    taken = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert (taken.returncode, taken.stderr) == (0, "")


def test_the_page_is_built_by_the_environments_nodejs_where_the_systems_is_too_old(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "control" / "web", tree / "control" / "web", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "build_page.py", tree)
    system, environment = tmp_path / "system", tmp_path / "environment"
    for folder, version in ((system, "v18.19.1"), (environment, "v22.20.0")):
        folder.mkdir()
        programs = {"node": f"echo {version}", "npm": f"/bin/mkdir -p {tree}/control/static; echo $0 >> {tmp_path}/log"}
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
    (environment / "python").symlink_to(os.path.realpath(sys.executable))
    command = [str(environment / "python"), "-I", str(tree / "build_page.py")]
    done = subprocess.run(command, env={"PATH": str(system)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert set((tmp_path / "log").read_text().split()) == {str(environment / "npm")}


def test_installed_packages_come_from_the_wheel_and_import(installed: Path) -> None:
    script = f"""
import importlib
for name in {sorted(packages_in_tree())!r}:
    print(importlib.import_module(name).__file__)
"""
    files = run_away(installed, "python", "-c", script).split()
    assert len(files) == len(packages_in_tree())
    assert all(Path(file).is_relative_to(installed) for file in files)


def test_installed_command_finds_its_data(installed: Path) -> None:
    listed = run_away(installed, "stemfield", "layouts", "list")
    for path in (ROOT / "layouts" / "data").glob("*.yaml"):
        assert path.stem in listed
    measured = run_away(
        installed,
        "python",
        "-c",
        "from stemfield.control.offline.demo import demo_mixture; print(demo_mixture().shape)",
    )
    assert measured.strip() == "(2, 1152000)"
    script = """
from stemfield.control.http.page_files import PLACEHOLDER, page_files
from stemfield.systemd.files import Path, service_files
assert page_files()["index.html"].content != PLACEHOLDER.encode()
for scope, server in (("system", "jackd"), ("system", "pipewire"), ("user", "jackd"), ("user", "pipewire")):
    print(*(file.path for file in service_files(scope, server, Path("/opt/stemfield/bin/stemfield"), Path("/"))))
"""
    assert run_away(installed, "python", "-c", script).count("stemfield.service") == 6


@pytest.fixture(scope="module")
def package(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package, but for the libraries, which are lent as above."""
    out = tmp_path_factory.mktemp("deb")
    command = [sys.executable, str(ROOT / "debian" / "build.py"), str(wheel), str(out), "--lent", *LENT]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.strip())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a package, even in a copy of this machine")
def test_the_debian_package_is_installed_runs_and_leaves_nothing(package: Path, tmp_path: Path) -> None:
    """`make packages` tries it at length, with its libraries and on a Debian that has nothing else."""
    machine = CopiedMachine(tmp_path, LENT)
    try:
        shutil.copy(package, machine.root / "tmp")
        machine.say("rm", "-rf", "/opt")
        machine.say("mkdir", "/opt")
        before = machine.changes()
        machine.say("dpkg", "--install", f"/tmp/{package.name}")
        assert machine.say("stemfield", "--version") == f"stemfield {PROJECT['project']['version']}\n"
        place = "import stemfield.control as control; print(control.__file__)"
        assert machine.say("/opt/stemfield/bin/python", "-c", place).startswith("/opt/stemfield/lib/")
        assert "audio" in machine.say("id", "-nG", "stemfield").split()
        units = {f"/usr/lib/systemd/system/{unit.name}" for unit in UNITS if unit.parent.name == "systemd"}
        assert units <= machine.changes()
        looked = machine.run("stemfield", "doctor", "--json", "--watch", "0.5")
        assert looked.returncode in (0, 1, 2), looked.stderr
        assert looked.stdout, looked.stderr
        assert set(json.loads(looked.stdout)) == {"findings", "receivers", "unseen", "urls"}, looked.stderr
        for action in ("--remove", "--purge"):
            machine.say("dpkg", action, "stemfield")
            assert machine.say("find", "/opt") == "/opt\n", "an empty folder that was there before"
        assert machine.changes() == before
    finally:
        machine.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs a package, even in a copy of this machine")
def test_the_debian_package_does_not_take_over_what_a_person_made(package: Path, tmp_path: Path) -> None:
    machine = CopiedMachine(tmp_path, LENT)
    try:
        shutil.copy(package, machine.root / "tmp")
        own = machine.root / "opt" / "stemfield" / "pyvenv.cfg"
        own.parent.mkdir(parents=True)
        own.write_text("home = /usr/bin\n")
        refused = machine.run("dpkg", "--install", f"/tmp/{package.name}")
        assert refused.returncode != 0
        assert "/opt/stemfield has an installation that is not from a package: remove it first" in refused.stderr
        assert own.read_text() == "home = /usr/bin\n"
        assert "stemfield" not in machine.run("id", "stemfield").stdout
    finally:
        machine.close()


def test_the_debian_package_is_for_the_release_that_it_is_built_on(package: Path) -> None:
    told = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True).stdout
    fields = dict(line.split(": ", 1) for line in told.splitlines() if line[:1] != " ")
    python = Path("/usr/bin/python3").resolve().name
    assert re.fullmatch(r"python3\.\d+", python)
    assert python in fields["Depends"].split(", ")
    system = platform.freedesktop_os_release()
    assert fields["Version"].endswith(system["VERSION_ID"])
    assert package.name == f"stemfield_{fields['Version']}_{fields['Architecture']}.deb"
    named = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(named)) as archive:
        entries = {entry.name: entry for entry in archive}
    links = [entries[f"./opt/stemfield/bin/{name}"].linkname for name in ("python", "python3", python)]
    assert f"/usr/bin/{python}" in links
    assert {entry.uname for entry in entries.values()} == {"root"}


def test_type_check_sees_every_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mypy is blind to a usual editable install and would pass without having read a line."""
    monkeypatch.chdir(ROOT)
    sources, options = mypy.main.process_options([])
    assert modules_in_tree() <= {source.module for source in sources}
    assert options.disallow_untyped_defs
    assert options.warn_return_any


def test_bare_folder_names_are_banned() -> None:
    banned = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(FOLDERS)
    for folder in FOLDERS:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "control/x.py", "-"],
            input=f"from {folder} import x\n",
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert "TID251" in done.stdout, done


def test_readme_names_the_two_commands_and_ci_runs_the_second() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert os.access(ROOT / ".ci" / "packages", os.X_OK)
    assert re.search(r"^exec make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(("name", "page"), manual.PARTS.items())
def test_manual_is_what_the_code_says(name: str, page: Callable[[], str]) -> None:
    assert (ROOT / "docs" / name).read_text() == page(), "the page is out of date: make docs"


PROGRAMS = (
    "/opt/stemfield/bin/stemfield",
    "%h/.local/bin/stemfield",
    "/usr/bin/jackd",
    "/usr/bin/pipewire",
    "/usr/bin/dbus-run-session",
)
UNITS = sorted((ROOT / "systemd").rglob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.relative_to(ROOT).as_posix())
def test_units_are_what_systemd_understands(unit: Path, tmp_path: Path) -> None:
    for each in unit.parent.glob("*.service"):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", each.read_text(), flags=re.MULTILINE)
        (tmp_path / each.name).write_text(text)
    scope = "--user" if unit.parent.name == "user" else "--system"
    done = subprocess.run(
        ["systemd-analyze", scope, "verify", "--man=no", str(tmp_path / unit.name)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.relative_to(ROOT).as_posix())
def test_units_start_programs_and_not_shells(unit: Path) -> None:
    (command,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    program = command.split()[0]
    assert program in PROGRAMS
    # hardening that would keep numba from compiling, or JACK from its real time and shared memory
    for line in ("MemoryDenyWriteExecute=yes", "RestrictRealtime=yes", "PrivateDevices=yes", "PrivateUsers=yes"):
        assert line not in unit.read_text()
    assert "LimitRTPRIO=95" in unit.read_text()


EXPOSURE = 4.0
"""What systemd says of how much a service could do, from 0 to 10; 9 and more is usual where nothing is said."""


@pytest.mark.parametrize("unit", sorted((ROOT / "systemd").glob("*.service")), ids=lambda unit: unit.name)
def test_units_have_little_power(unit: Path) -> None:
    most = f"--threshold={10 * EXPOSURE:.0f}"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", most, str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SYSTEMD_COLORS": "0"})
    (score,) = re.findall(r"exposure level for \S+: ([\d.]+)", done.stdout)  # of an instance of a template
    assert done.returncode == 0, done.stdout
    assert float(score) <= EXPOSURE


class TestMake:
    """What `make` decides before it begins, in a copy of the Makefile."""

    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        tree = tmp_path / "tree"
        tree.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, tree)
        return tree

    def make(self, tree: Path, *words: str, **environment: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "PYTHON"))}
        command = ["make", "--silent", *words]
        done = subprocess.run(command, cwd=tree, env=clean | environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, folder: Path, name: str, version: str) -> Path:
        """A Python that answers of which version it is, and has no libraries but its own version's."""
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / name
        text = f"""#!{sys.executable} -S
import sys
from pathlib import Path
sys.version_info = ({version.replace(".", ",")})
sys.path[:] = [str(Path(__file__).parents[1] / "lib" / "python{version}" / "site-packages")]
exec(sys.argv[2])
"""
        program.write_text(text)
        program.chmod(0o755)
        return program

    @pytest.mark.parametrize(
        ("there", "chosen"),
        [
            ({"python3": "3.13"}, "python3"),
            ({"python3": "3.12", "python3.11": "3.11"}, "python3"),
            ({"python3": "3.10", "python3.11": "3.11", "python3.12": "3.12"}, "python3.12"),
        ],
        ids=["Debian 13", "Ubuntu 24.04", "Ubuntu 22.04"],
    )
    def test_the_python_of_the_system_is_taken_where_it_is_new_enough(
        self, tree: Path, tmp_path: Path, there: dict[str, str], chosen: str
    ) -> None:
        folder = tmp_path / "bin"
        for name, version in there.items():
            self.python(folder, name, version)
        for name in ("make", "sh"):
            (folder / name).symlink_to(str(shutil.which(name)))
        told = self.make(tree, "--eval=show: ; $(info $(PYTHON))", "show", PATH=str(folder))
        assert told.strip() == str(folder / chosen)

    def test_another_python_may_be_named(self, tree: Path) -> None:
        show = ["--eval=show: ; $(info $(PYTHON))", "show"]
        assert self.make(tree, *show, PYTHON="python3.99").strip() == "python3.99"
        assert self.make(tree, *show, "PYTHON=python3.98").strip() == "python3.98"

    @pytest.mark.parametrize(("now", "is_new"), [("3.11", False), ("3.13", True)])
    def test_an_environment_of_another_python_is_made_anew(self, tree: Path, now: str, is_new: bool) -> None:
        """As after an upgrade of Debian 12 to 13, where the link to /usr/bin/python3 leads to another one."""
        home = tree / ".venv"
        self.python(home / "bin", "python", now)
        (home / "lib/python3.11/site-packages/pip").mkdir(parents=True)
        (home / "lib/python3.11/site-packages/pip/__init__.py").touch()
        for stamp in (".run", ".test"):
            (home / stamp).touch()
        told = self.make(tree, "-n", ".venv/.run")
        assert ("rm -rf .venv" in told, "-m venv .venv" in told, "install --editable" in told) == (is_new,) * 3


TEST_PROGRAMS = {
    "jackd": "jackd2",
    "jack_lsp": "jackd2",
    "cc": "gcc",
    "g++": "g++",
    "pgrep": "procps",
    "ss": "iproute2",
    "faketime": "faketime",
    "oscsend": "liblo-tools",
    "node": "nodejs",
    "npm": "npm",
    "systemd-analyze": "systemd",
    "strace": "strace",
    "pipewire": "pipewire",
    "pw-jack": "pipewire-jack",
    "pw-metadata": "pipewire-bin",
    "dbus-run-session": "dbus-daemon",
    "wireplumber": "wireplumber",
    "mpd": "mpd",
    "chromium": "chromium",
    "zita-n2j": "zita-njbridge",
    "zita-a2j": "zita-ajbridge",
    "aplay": "alsa-utils",
    "sclang": "supercollider-language",
    "ffmpeg": "ffmpeg",
}
"""The programs that the tests run, and the packages that have them in Debian 12."""
PACKAGES = " ".join(dict.fromkeys(TEST_PROGRAMS.values()))


class TestSystemPackages:
    """The script that installs Debian packages, on a machine made of a few programs in one folder."""

    @pytest.fixture
    def machine(self, tmp_path: Path) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("bash", "env"):
            (folder / name).symlink_to(str(shutil.which(name)))
        self.program(folder, "ldconfig", "echo libjack.so.0 libopenmpt.so.0")
        return folder

    def program(self, folder: Path, name: str, text: str = "") -> None:
        (folder / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
        (folder / name).chmod(0o755)

    def run(self, machine: Path, what: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / ".ci" / "packages"), what],
            env={"PATH": str(machine), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
        )

    def test_nothing_is_said_where_nothing_is_missing(self, machine: Path) -> None:
        for name in TEST_PROGRAMS:
            self.program(machine, name)
        for what in ("run", "test"):
            done = self.run(machine, what)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_tests_stop_with_one_line_where_nothing_can_be_installed(self, machine: Path) -> None:
        done = self.run(machine, "test")
        assert done.returncode == 1
        assert done.stderr == (
            f"stemfield needs these Debian packages: {PACKAGES}; as root: apt-get install --yes {PACKAGES}\n"
        )

    def test_running_goes_on_without_libjack(self, machine: Path) -> None:
        self.program(machine, "ldconfig", "echo libother.so")
        done = self.run(machine, "run")
        assert done.returncode == 0
        assert done.stderr.startswith("libjack is missing: using the clock driver")
        assert done.stderr.count("\n") == 1

    def test_missing_packages_are_installed_after_an_update_where_the_lists_are_old(self, machine: Path) -> None:
        log = machine / "log"
        self.program(
            machine,
            "apt-get",
            f'echo "$DEBIAN_FRONTEND $*" >> {log}\n'
            f"[[ $* == *update* ]] && {{ : > {machine}/updated; exit; }}\n"
            f"[[ -e {machine}/updated ]] || exit 100\n"
            f"for name in {' '.join(TEST_PROGRAMS)}; do : > {machine}/$name; done\n"
            f"{shutil.which('chmod')} +x {' '.join(str(machine / name) for name in TEST_PROGRAMS)}",
        )
        self.program(machine, "sudo", 'shift; exec "$@"')
        self.program(machine, "true")
        done = self.run(machine, "test")
        assert (done.returncode, done.stderr) == (0, "")
        first, update, second = log.read_text().splitlines()
        assert first == second
        assert first.startswith("noninteractive ")
        assert first.endswith(f"install --yes --no-install-recommends {PACKAGES}")
        assert update.endswith("update")

    @pytest.mark.parametrize(
        ("candidates", "named"),
        [
            ({"jackd2", "jack-example-tools", "chromium"}, {"jackd2", "jack-example-tools", "chromium"}),
            ({"jackd2", "chromium-browser"}, {"jackd2", "chromium-browser"}),
        ],
        ids=["Debian 13", "Ubuntu 24.04"],
    )
    def test_packages_have_the_names_of_the_release(self, machine: Path, candidates: set[str], named: set[str]) -> None:
        """Whose lists are there after the update only; apt says `(none)` of a name that others know of."""
        text = f"""
[[ -e {machine}/updated ]] || exit 0
case $2 in {"|".join(candidates)}) echo "$2:"; echo "  Candidate: 1:9.22-1" ;; *) echo "  Candidate: (none)" ;; esac"""
        self.program(machine, "apt-cache", text)
        log = machine / "log"
        self.program(machine, "apt-get", f'echo "$*" >> {log}; [[ $* != *update* ]] || : > {machine}/updated; exit 100')
        self.program(machine, "sudo", 'shift; exec "$@"')
        self.program(machine, "true")
        done = self.run(machine, "test")
        *_, asked = log.read_text().splitlines()
        known = {"jackd2", "jack-example-tools", "chromium", "chromium-browser"}
        for words in (asked, done.stderr.partition("; as root")[0]):
            assert known & set(words.split()) == named
        assert asked.split().count("jackd2") == 1
