"""`stemfield connect`: finds out by ear which loudspeaker is on which port, and writes that into the configuration."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.columns import Columns
from rich.text import Text

from stemfield.control.cli.questions import Questions
from stemfield.control.command_errors import FAILED, CommandError, write_errors
from stemfield.control.config.configuration import Config, load_config, user_config_file
from stemfield.control.config.edit import changed, write_config
from stemfield.control.doctor.sound_card import SoundCard, sound_card
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean

AGAIN, SKIP, BACK, QUIT = "r", "s", "b", "q"
HINT: Final = f"{AGAIN} again, {SKIP} skip, {BACK} back, {QUIT} quit"


def connect(options: argparse.Namespace) -> int:
    """Find the ports of the loudspeakers and write them into the configuration."""
    path = Path(options.config) if options.config else user_config_file()
    if options.speaker:
        _write(path, _config_of(path), dict(options.speaker))
    else:
        connect_by_ear(path, options.port, confirmed=options.yes)
    return 0


def connect_by_ear(path: Path, ports: Sequence[str] = (), *, confirmed: bool = False) -> None:
    """Play one port after the other, ask which loudspeaker it was, and write the result.

    Args:
        path: configuration, which need not exist.
        ports: ports to play; default: all of the sound card.
        confirmed: whether to write without asking.

    Raises:
        CommandError: nothing can be played, or the file cannot be written.
    """
    config = _config_of(path)
    layout = load_layout(config.layout, config.layout_folders)
    card = SoundCard() if ports else sound_card(config.jack.server_name)
    there = tuple(ports) or (*card.playback, *card.others)
    if not there:
        raise CommandError(["no playback port found: see `stemfield doctor`, or pass ports by --port"], FAILED)
    questions = Questions(suggested=False)  # there is no suggestion for what was heard
    console = questions.console
    console.print(f"{len(there)} ports. Each plays bursts of quiet noise of 2 s, for at most a minute.")
    labels = [Text(f"{number:3} {speaker.label}") for number, speaker in enumerate(layout.speakers, 1)]
    console.print(Columns(labels, equal=True))
    try:
        found = _ask_all(config, layout, there, questions)
    except OSError as error:
        raise CommandError([error.strerror or str(error)], FAILED) from error
    missing = [label for label in layout.labels if label not in found]
    for label, port in found.items():
        console.print(f"  {label}: {port}", markup=False)
    if missing:
        console.print(f"  without a port: {', '.join(missing)}", markup=False)
    if found and (confirmed or questions.confirm(f"Write this into {path}?", True)):
        _write(path, config, found)


def _ask_all(config: Config, layout: Layout, ports: Sequence[str], questions: Questions) -> Mapping[str, str]:
    """The port of each identified loudspeaker, in layout order."""
    from stemfield.control.doctor.speaker_test import SpeakerTest, muted_daemon
    from stemfield.control.network.listeners import nearest_address

    found: dict[str, str] = {}
    with ExitStack() as stack:
        with questions.console.status("preparing the speaker test"):
            own = SpeakerTest(layout, config.layout, config.layout_folders, config.jack.server_name)
            test = stack.enter_context(own)
        stack.enter_context(muted_daemon(nearest_address(config.network), config.osc.port))
        index = 0
        while index < len(ports):
            port = ports[index]
            test.play(port)
            answer = _ask(layout, port, found, questions)
            if answer == QUIT:
                break
            if answer == BACK:
                index = max(index - 1, 0)
                found = {label: known for label, known in found.items() if known != ports[index]}
            elif answer != AGAIN:
                found = {label: known for label, known in found.items() if known != port and label != answer}
                found |= {answer: port} if answer != SKIP else {}
                index += 1
    return {label: found[label] for label in layout.labels if label in found}


def _ask(layout: Layout, port: str, found: Mapping[str, str], questions: Questions) -> str:
    """A label, or one of the letters of HINT."""

    def use(answer: str) -> str:
        if answer.lower() in (AGAIN, SKIP, BACK, QUIT):
            return answer.lower()
        if answer.isascii() and answer.isdecimal() and 1 <= int(answer[:4]) <= len(layout.labels):
            answer = layout.labels[int(answer[:4]) - 1]
        by_case = {label.upper(): label for label in layout.labels}
        label = by_case.get(answer.upper())
        if label is None:
            hint = did_you_mean(answer.upper(), by_case)
            expected = f"1 to {len(layout.labels)}, a label, or {HINT}"
            raise CommandError([f"expected {expected}; got {answer or 'nothing'}{hint}"])
        if label in found and found[label] != port:
            questions.inform(f"{label} was on {found[label]} before; now it is on {port}.")
        return label

    return questions.ask(f"{port} is playing. Which loudspeaker is it? Number or label; {HINT}", AGAIN, use)


def _config_of(path: Path) -> Config:
    return load_config(path) if path.exists() else Config()


def _write(path: Path, config: Config, found: Mapping[str, str]) -> None:
    """Write the connections into the file, in place of connections by pattern."""
    labels = load_layout(config.layout, config.layout_folders).labels
    unknown = [label for label in found if label not in labels]
    if unknown:
        expected = f"a loudspeaker of layout {config.layout}"
        raise CommandError([f"--speaker: expected {expected}, got {x}{did_you_mean(x, labels)}" for x in unknown])
    with write_errors(path):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        write_config(path, changed(text, "jack", {"connect_speakers": dict(found), "connect_outputs": None}))
    print(f"{path}: {len(found)} connections written; to apply them: systemctl reload stemfield (SIGHUP)")
