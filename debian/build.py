"""Make the Debian package from a wheel: `python debian/build.py dist/stemfield-*.whl dist`.

The package holds a private environment, /opt/stemfield, with all libraries that the wheel needs, for the Python of the
Debian or Ubuntu on which it is built. The Python that runs this script needs pip. Standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archive import write

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
HOME = Path("/opt/stemfield")
UNITS = (
    "stemfield.service",
    "jackd.service",
    "stemfield-pipewire.service",
    "stemfield-wireplumber.service",
    "stemfield-source@.service",
)
SHELLS = {
    "bash": "usr/share/bash-completion/completions/stemfield",
    "zsh": "usr/share/zsh/vendor-completions/_stemfield",
    "fish": "usr/share/fish/vendor_completions.d/stemfield.fish",
}


def main() -> None:
    """Build the package and print its path."""
    parser = argparse.ArgumentParser(description="Make the Debian package out of a wheel.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path, help="for the package")
    parser.add_argument("--python", default="/usr/bin/python3", help="the system's; default /usr/bin/python3")
    parser.add_argument("--man", type=Path, help="folder with the man pages, which make docs-site builds")
    parser.add_argument("--lent", nargs="+", help="folders with the libraries, of which the package then has none")
    options = parser.parse_args()
    # /usr/bin/python3 changes with a system upgrade; python3.11 does not
    python = Path(options.python).resolve()
    version = f"{options.wheel.name.split('-')[1]}+{release()}"
    with tempfile.TemporaryDirectory(prefix="stemfield-deb-") as folder:
        stage = Path(folder) / "stage"
        stage.mkdir(mode=0o755)
        environment(stage, python, options.wheel, options.lent)
        surroundings(stage, options.man)
        print(pack(stage, version, python.name, options.folder))


def release() -> str:
    """Suffix of the version for the release: `deb12`, `deb13`, `ubuntu24.04`."""
    system = platform.freedesktop_os_release()
    name = {"debian": "deb"}.get(system["ID"], system["ID"])
    return name + system.get("VERSION_ID", system.get("VERSION_CODENAME", ""))


def environment(stage: Path, python: Path, wheel: Path, lent: list[str] | None) -> None:
    """Stage the private environment, with paths as at its final place."""
    home = stage / HOME.relative_to("/")
    subprocess.run([python, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(home / "bin" / "python")]
    alone = ["--no-deps", "--no-index"] if lent else []
    subprocess.run([*pip, "install", "--quiet", "--no-compile", *alone, str(wheel)], check=True)
    if lent:
        (packages,) = home.glob("lib/python*/site-packages")
        (packages / "lent.pth").write_text("".join(f"{folder}\n" for folder in lent))
    for script in (home / "bin").iterdir():
        if script.name.lower().startswith("activate"):
            script.unlink()
        elif not script.is_symlink():
            text = script.read_bytes()
            script.write_bytes(text.replace(str(stage).encode(), b""))
    settings = home / "pyvenv.cfg"
    settings.write_text(re.sub(r"^command = .*\n", "", settings.read_text(), flags=re.MULTILINE))
    for origin in home.glob("lib/python*/site-packages/stemfield-*.dist-info/direct_url.json"):
        origin.unlink()
    compiler = [python, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # some libraries contain templates that are not Python
    subprocess.run([*compiler, "-s", str(stage), "-p", "/", str(home / "lib")], check=False, stdout=subprocess.DEVNULL)


def surroundings(stage: Path, man: Path | None) -> None:
    """Stage command, units, completion, man pages and documents."""
    put(stage / "usr/bin").joinpath("stemfield").symlink_to(HOME / "bin/stemfield")
    units, source = put(stage / "usr/lib/systemd/system"), TREE / "systemd"
    for name in UNITS:
        shutil.copy(source / name, units)
    shutil.copy(source / "stemfield.sysusers", put(stage / "usr/lib/sysusers.d") / "stemfield.conf")
    shutil.copy(source / "stemfield.tmpfiles", put(stage / "usr/lib/tmpfiles.d") / "stemfield.conf")
    for name in ("stemfield.service", "stemfield-source@.service"):
        user = (source / "user" / name).read_text().replace("%h/.local/bin/stemfield", "/usr/bin/stemfield")
        (put(stage / "usr/lib/systemd/user") / name).write_text(user)
    papers = put(stage / "usr/share/doc/stemfield")
    shutil.copy(TREE / "LICENSE", papers / "copyright")
    packed(TREE / "CHANGELOG.md", papers / "changelog.gz")
    shutil.copytree(TREE / "docs" / "examples", papers / "examples")
    drop_in = source / "stemfield.service.d" / "pipewire.conf"
    shutil.copy(drop_in, papers / "examples" / "pipewire.conf")
    python = stage / HOME.relative_to("/") / "bin" / "python"
    for shell, path in SHELLS.items():
        command = [str(python), "-m", "stemfield.control.cli.main", "completion", shell]
        script = subprocess.run(command, check=True, capture_output=True).stdout
        put((stage / path).parent).joinpath(Path(path).name).write_bytes(script)
    for page in sorted(man.glob("*.[157]")) if man else []:
        packed(page, put(stage / f"usr/share/man/man{page.suffix[1:]}") / f"{page.name}.gz")


def pack(stage: Path, version: str, python: str, folder: Path) -> Path:
    """Build the package from a staged tree."""
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for path in stage.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    listed = list(files(stage))
    size_kib = sum(path.stat().st_size for path in listed) // 1024
    sums = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(stage)}\n"
        for path in listed
    )
    scripts = put(stage.parent / "control")
    text = (HERE / "control.in").read_text()
    values = {"version": version, "architecture": architecture, "python": python, "size_kib": size_kib}
    (scripts / "control").write_text(text.format(**values))
    (scripts / "md5sums").write_text("".join(sums))
    for name in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copyfile(HERE / name, scripts / name)
        (scripts / name).chmod(0o755)
    target = put(folder) / f"stemfield_{version}_{architecture}.deb"
    write(target, scripts, stage, left_out=[HOME.parent.name])
    return target


def files(stage: Path) -> Iterator[Path]:
    """Files of the package, sorted."""
    return (path for path in sorted(stage.rglob("*")) if path.is_file() and not path.is_symlink())


def packed(source: Path, target: Path) -> None:
    """Compress a file reproducibly."""
    target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))


def put(folder: Path) -> Path:
    """Make a folder if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
