"""The command that writes a first configuration, by a few questions or by options."""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from stemfield.control.cli.check import file_problems, problems_of
from stemfield.control.cli.questions import Questions
from stemfield.control.config.configuration import Config, user_config_file
from stemfield.control.config.edit import checked, commented, write_config
from stemfield.control.doctor.sound_card import (
    EARS,
    SoundCard,
    highest_channel,
    sound_card,
    suggested_layouts,
    wiring,
)
from stemfield.control.network.addresses import LocalNetwork, local_networks
from stemfield.control.offline.inputs import model_card, usable_layout
from stemfield.control.problems import FAILED, CommandError
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.dsp.bass import BASS_HZ, is_open, suggested_hz
from stemfield.renderer.files.audiofile import AudioReader
from stemfield.separation.cards.presets import DEFAULT, PRESETS

JACK: Final = "jack"
CAPTURE: Final = "capture"
"""Where the music comes from, beside a file."""
SHOWN: Final = 5
TOKEN_BYTES: Final = 9
NOTHING: Final = "none"
PRESET_TEXTS: Final = {
    "default": "separates well",
    "light": "comes sooner and takes less of the processor",
    "studio": "separates best, for a strong processor",
}
T = TypeVar("T")


def init(options: argparse.Namespace) -> int:
    """Ask, check, write, and say what comes next."""
    questions = Questions(suggested=options.yes)
    path = Path(options.config) if options.config else user_config_file()
    if path.exists() and not options.replace:
        refusal = CommandError([f"{path}: is there already, and stays as it is; --replace writes it anew"])
        if options.yes or not questions.confirm(f"{path} is there already. Write it anew?", False):
            raise refusal
    ports = sound_card(options.server)
    text = commented(_Answers(options, questions, ports).values())
    with _writing(path):
        config = checked(path, text)
    if problems := [*file_problems(config), *problems_of(lambda: model_card(None, config, for_room=True))]:
        raise CommandError(problems)
    with _writing(path):
        write_config(path, text)
    print(f"{path} is written; `stemfield check {path}` looks for problems after a change")
    by_ear = "Find out by ear which loudspeaker is on which port, now?"
    if options.connect or (ports.playback and not options.yes and questions.confirm(by_ear, False)):
        from stemfield.control.cli.connect import connect_by_ear

        connect_by_ear(path, confirmed=options.yes)
    print("what next: stemfield serve; where nothing sounds: stemfield doctor")
    return 0


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError([f"{path}: cannot be written: {error.strerror}"], FAILED) from error


class _Answers:
    """The answers, those that the options have already given first."""

    def __init__(self, options: argparse.Namespace, questions: Questions, ports: SoundCard) -> None:
        self._options = options
        self._questions = questions
        self._ports = ports

    def values(self) -> dict[str, Any]:
        """What the file is to say, as far as it is not the default."""
        name, layout = self._layout()
        found: dict[str, Any] = {"layout": name}
        if bass_hz := self._bass_hz(layout):
            found["bass_crossover_hz"] = bass_hz
        music = self._music()
        if music not in (JACK, CAPTURE):
            found["input"] = music
        model = self._model()
        if model != DEFAULT:
            found["model"] = model
        if jack := self._jack(layout, music):
            found["jack"] = jack
        if self._headphones():
            found["monitor"] = {"binaural": True}
        if network := self._network():
            found["network"] = network
        return found

    def _ask(self, option: str | None, question: str, suggestion: str, use: Callable[[str], T]) -> T:
        return use(option) if option is not None else self._questions.ask(question, suggestion, use)

    def _decide(self, option: bool | None, question: str, suggestion: bool) -> bool:
        return option if option is not None else self._questions.confirm(question, suggestion)

    def _layout(self) -> tuple[str, Layout]:
        count = len(self._ports.playback)
        fitting = suggested_layouts(count, channels=self._ports.names)[:SHOWN] if count else ()
        if self._options.layout is None:
            there = f"{count} playback ports" if self._ports.server else "no server"
            self._questions.tell(f"JACK shows {there}. `stemfield layouts list` names every layout.")
            for layout in fitting:
                self._questions.tell(f"  {layout.name}: {len(layout.labels)} loudspeakers, {layout.title}")
        suggestion = fitting[0].name if fitting else "stereo"

        def use(name: str) -> tuple[str, Layout]:
            layout = usable_layout(name, Config())
            is_file = Path(name).expanduser().is_file()
            return (str(Path(name).expanduser().absolute()) if is_file else name), layout

        return self._ask(self._options.layout, "Which loudspeakers stand in the room?", suggestion, use)

    def _music(self) -> str:
        where = f"{JACK} (a player connects to us), {CAPTURE} (the sound card's inputs) or a music file"
        return self._ask(self._options.input, f"Where does the music come from: {where}?", JACK, _music)

    def _model(self) -> str:
        if self._options.model is None:
            self._questions.tell("Models: " + "; ".join(f"{name} {PRESET_TEXTS[name]}" for name in PRESETS))
        return self._ask(self._options.model, "Which model separates the instruments?", DEFAULT, _model)

    def _jack(self, layout: Layout, music: str) -> dict[str, Any]:
        jack: dict[str, Any] = {}
        if self._options.server:
            jack["server_name"] = self._options.server
        if music == CAPTURE:
            jack["connect_inputs"] = list(self._ports.microphones) or ["system:capture_*"]
        return jack | self._outputs(layout)

    def _outputs(self, layout: Layout) -> dict[str, Any]:
        """The loudspeakers' ports: by the channels' names, and by number where nothing says more."""
        found = wiring(layout, self._ports)
        if found.missing and self._options.connect_outputs:
            needed = f"{self._options.layout or 'the layout'} needs {highest_channel(layout)} playback ports"
            if found.by_name:
                needed = f"there is no playback port for {', '.join(found.missing)}"
            raise CommandError([f"--connect-outputs: {needed}: there are {len(self._ports.playback)}"])
        if found.missing:
            return {}
        if found.by_name:
            for label, port in found.ports.items():
                self._questions.tell(f"  {label}: {port}")
            question = "Connect the loudspeakers to these ports, as the channels' names have it?"
            wanted = self._decide(self._options.connect_outputs, question, True)
            return {"connect_speakers": dict(found.ports)} if wanted else {}
        self._questions.tell(
            "Nothing says which port is whose: by number it is a guess; `stemfield connect` asks ears."
        )
        question = "Connect the loudspeakers to the playback ports in their order?"
        wanted = self._decide(self._options.connect_outputs, question, True)
        return {"connect_outputs": list(self._ports.playback)} if wanted else {}

    def _bass_hz(self, layout: Layout) -> float | None:
        if not is_open(layout):
            return None
        self._questions.tell(
            "Nothing is panned to a subwoofer: unless it plays the bass of the other loudspeakers it stays silent."
        )
        question = f"Let the subwoofer play what lies below {BASS_HZ:g} Hz, in place of the other loudspeakers?"
        wanted = self._decide(self._options.bass, question, suggested_hz(layout) is not None)
        return BASS_HZ if wanted else None

    def _headphones(self) -> bool:
        few = len(self._ports.playback) <= EARS
        return self._decide(self._options.headphones, "Listen by headphones, too (binaural monitor)?", few)

    def _network(self) -> dict[str, Any]:
        options = self._options
        given = True if options.interface or options.allow or options.token else options.network
        if not self._decide(given, "Let telephones, tablets and other machines in?", False):
            return {}
        around = local_networks()
        if not around:
            raise CommandError(["--network: this machine has no network interface beside its own"])
        if options.interface is None:
            for one in around:
                self._questions.tell(f"  {one.interface}: {one.address} in {one.network}")
        chosen = self._ask(options.interface, "At which interface?", around[0].interface, _one_of(around))
        question = "Which networks may change things (separated by commas)?"
        allow = self._ask(",".join(options.allow) or None, question, chosen.network, _networks)
        question = f"A word that pages have to give ({NOTHING} for none)?"
        token = self._ask(options.token, question, secrets.token_urlsafe(TOKEN_BYTES), str)
        network = {"interfaces": [chosen.interface], "allow": allow}
        return network | ({} if token == NOTHING else {"token": token})


def _music(answer: str) -> str:
    if answer in (JACK, CAPTURE):
        return answer
    path = Path(answer).expanduser().absolute()
    AudioReader(path).close()
    if os.fsencode(path).decode("utf-8", "replace") != str(path):
        raise CommandError([f"{path}: its name is no UTF-8, which a configuration cannot hold; rename it"])
    return str(path)


def _model(answer: str) -> str:
    model_card(answer, Config(), for_room=True)
    return answer


def _one_of(around: Sequence[LocalNetwork]) -> Callable[[str], LocalNetwork]:
    def use(answer: str) -> LocalNetwork:
        names = [one.interface for one in around]
        if answer not in names:
            hint = did_you_mean(answer, names) or f": allowed {', '.join(names)}"
            raise CommandError([f"{answer}: no such network interface{hint}"])
        return around[names.index(answer)]

    return use


def _networks(answer: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(word.strip())) for word in answer.split(",")]
    except ValueError as error:
        raise CommandError([f"{error}: allowed networks such as 192.168.1.0/24"]) from error
