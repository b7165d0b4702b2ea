"""`stemfield record`: records what a daemon on this machine plays as a file of the Audio Definition Model.

The daemon captures sound and control into its own folder, because it accepts no path from the network; the file is made
of them here, in a process that cannot disturb the music.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stemfield.control.cli.network import Endpoint, ask
from stemfield.control.cli.upmix import print_exported
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.configuration import load_config
from stemfield.control.network.listeners import nearest_address
from stemfield.control.offline.adm_export import export_tracks, moments_of
from stemfield.control.offline.inputs import usable_layout, user_config
from stemfield.control.offline.progress import processing
from stemfield.control.offline.scenes import load_changes
from stemfield.control.scenes.recording import capture_path, captured_objects
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import UserError
from stemfield.renderer.adm.score import Moment
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.files.bw64_writer import check_bw64

ASK_S = 0.5
COMPLETE_S = 30.0


def record(options: argparse.Namespace) -> int:
    """Record what a running daemon plays, as objects for other programs."""
    config = load_config(Path(options.config)) if options.config else user_config()
    target = Path(options.target)
    check_bw64(target)
    layout = usable_layout(options.layout or config.layout, config)
    name = f"capture {datetime.now():%Y-%m-%d %H-%M-%S}"
    control = capture_path(config.state_folder / "recordings", name.replace(" ", "+"))
    sound = control.with_suffix(".wav")
    with ExitStack() as unfinished:
        unfinished.callback(_print_kept, control, sound)
        _capture((nearest_address(config.network), options.port or config.osc.port), name, sound, options.seconds)
        with Bw64Reader(sound) as reader:
            rate_hz = reader.sample_rate_hz
        moments = _moments(control, layout, rate_hz)
        title = target.name.removesuffix(".wav").removesuffix(".adm")
        with processing(str(target), rate_hz) as progress:
            written = export_tracks(sound, target, layout, moments, title, progress)
        unfinished.pop_all()
    print_exported(target, written)
    for path in (control, sound):
        path.unlink(missing_ok=True)
    return 0


def _print_kept(control: Path, sound: Path) -> None:
    there = [str(path) for path in (control, sound) if path.exists()]
    if there:
        print(f"stemfield: the capture is kept in {' and '.join(there)}", file=sys.stderr)


def _capture(daemon: Endpoint, name: str, sound: Path, seconds: float | None) -> None:
    """Let the daemon capture until the end, and wait for the sound file."""
    ask(daemon, "/recorder/capture", name)
    try:
        _wait(daemon, f"capturing {name}", seconds)
    except SystemExit:  # SIGTERM
        ask(daemon, "/recorder/stop", True)
        with suppress(CommandError):
            _wait_for(sound)  # to print where it is
        raise
    ask(daemon, "/recorder/stop", True)
    _wait_for(sound)


def _wait_for(sound: Path) -> None:
    end_s = time.monotonic() + COMPLETE_S
    while not sound.exists():
        if time.monotonic() > end_s:
            raise CommandError([f"{sound}: not found: the daemon has another state folder (see --config)"], FAILED)
        time.sleep(0.05)


def _wait(daemon: Endpoint, state: str, seconds: float | None) -> None:
    """Wait for a duration, or until interrupted.

    Raises:
        CommandError: the daemon ended the capture.
    """
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("recording; stop with Ctrl-C"), TimeElapsedColumn()
    end_s = None if seconds is None else time.monotonic() + seconds
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            bar.add_task("recording", total=None)
            while end_s is None or time.monotonic() < end_s:
                time.sleep(ASK_S if end_s is None else max(min(ASK_S, end_s - time.monotonic()), 0.0))
                states = [answer.arguments for answer in ask(daemon, "/recorder/state")]
                if states and states[0] != [state]:
                    raise CommandError([f"the daemon ended the recording: {states[0][0] or 'see its log'}"], FAILED)
    except KeyboardInterrupt:
        pass


def _moments(control: Path, layout: Layout, rate_hz: int) -> list[Moment]:
    try:
        scene = captured_objects(control)
        return moments_of(scene, load_changes(control, scene, layout), rate_hz)
    except UserError as error:
        raise CommandError(error.lines, FAILED) from error
    except OSError as error:
        raise CommandError([f"{control}: cannot be read: {error.strerror}"], FAILED) from error
