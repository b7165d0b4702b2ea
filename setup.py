"""Build the panner page first, and make archives reproducible; everything else is in pyproject.toml."""

import gzip
import os
import sys
import tarfile
import time
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build_page


class BuildWeb(Command):
    """Build the page with npm. An editable install skips it; the daemon then shows a placeholder."""

    description = "build the panner page"
    user_options = ()
    editable_mode = False

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        """Build the page."""
        try:
            build_page.build()
        except build_page.PageError as error:
            if not self.editable_mode:
                raise SystemExit(f"error: {error}") from error
            self.warn(str(error))

    def get_source_files(self) -> list[str]:
        """None beyond those that setuptools finds."""
        return []

    def get_outputs(self) -> list[str]:
        """None: the output is part of the package data."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """None, for the same reason."""
        return {}


class Build(build):
    """The usual build, after the page."""

    sub_commands = [("build_web", None), *build.sub_commands]  # noqa: RUF012


class Sdist(sdist):
    """The usual archive, with the page in it."""

    def run(self) -> None:
        """Build the page before the file list is made."""
        self.run_command("build_web")
        super().run()

    def make_archive(
        self,
        base_name: str,
        format: str,  # noqa: A002 (setuptools names it)
        root_dir: str | None = None,
        base_dir: str | None = None,
        owner: str | None = None,
        group: str | None = None,
    ) -> str:
        """Make a tar archive that is reproducible with SOURCE_DATE_EPOCH."""
        if format != "gztar" or base_dir is None:
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        made_s = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = made_s
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        target = Path(f"{base_name}.tar.gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            target.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=made_s) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted([Path(base_dir), *Path(base_dir).rglob("*")]):
                archive.add(path, recursive=False, filter=plain)
        return str(target)


os.umask(0o022)  # a wheel records the modes of its files
setup(cmdclass={"build": Build, "build_web": BuildWeb, "sdist": Sdist})
