"""`stemfield init`: writes a first configuration from a few answers or options."""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from stemfield.control.cli import device, service
from stemfield.control.cli.check import file_problems, problems_of
from stemfield.control.cli.questions import Questions
from stemfield.control.command_errors import CommandError, write_errors
from stemfield.control.config.configuration import Config, user_config_file
from stemfield.control.config.edit import checked, commented, write_config
from stemfield.control.doctor.hdmi import probe_receivers
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
from stemfield.layouts.bass import BASS_HZ, is_open, suggested_hz
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.drivers.pipewire_library import is_running
from stemfield.renderer.files.audiofile import AudioReader
from stemfield.separation.cards.presets import DEFAULT, PRESETS

JACK: Final = "jack"
CAPTURE: Final = "capture"
"""Sources of the music other than a file."""
SHOWN: Final = 5
TOKEN_BYTES: Final = 9
NOTHING: Final = "none"
PRESET_TEXTS: Final = {
    "default": "separates well",
    "light": "has less latency and needs less CPU",
    "studio": "separates better, on a fast CPU",
    "files": "separates best, but seconds late",
}
T = TypeVar("T")


def init(options: argparse.Namespace) -> int:
    """Ask, check, and write the configuration."""
    questions = Questions(suggested=options.yes)
    path = Path(options.config) if options.config else user_config_file()
    if path.exists() and not options.replace:
        refusal = CommandError([f"{path}: exists already, and was not changed; to overwrite it pass --replace"])
        if options.yes or not questions.confirm(f"{path} exists already. Overwrite it?", False):
            raise refusal
    ports = sound_card(options.server)
    text = commented(_Answers(options, questions, ports).values())
    with write_errors(path):
        config = checked(path, text)
    if problems := [*file_problems(config), *problems_of(lambda: model_card(None, config, for_room=True))]:
        raise CommandError(problems)
    with write_errors(path):
        write_config(path, text)
    print(f"{path} written; after changes, check it with `stemfield check {path}`")
    by_ear = "Find out by ear now which loudspeaker is on which port?"
    if options.connect or (ports.playback and not options.yes and questions.confirm(by_ear, False)):
        from stemfield.control.cli.connect import connect_by_ear

        connect_by_ear(path, confirmed=options.yes)
    if _wants_device(options, questions, path):
        _make_device(options)
        print("choose the device in the desktop's sound settings; if there is no sound: stemfield doctor")
    else:
        print("next: stemfield serve; if there is no sound: stemfield doctor")
    return 0


def _wants_device(options: argparse.Namespace, questions: Questions, path: Path) -> bool:
    """Whether to make the daemon a device of the desktop, whose service reads the user's own configuration."""
    if options.device is None and (options.yes or path != user_config_file() or not is_running()):
        return False
    question = "Make it a sound device of this desktop, started with your session?"
    return options.device if options.device is not None else questions.confirm(question, True)


def _make_device(options: argparse.Namespace) -> None:
    service.install(argparse.Namespace(scope="user", server="pipewire", program=None, root="/", yes=True, start=True))
    wanted = {"title": None, "surround": None, "default": True, "yes": True, "server": "pipewire"}
    device.install(argparse.Namespace(config=options.config, **wanted))


class _Answers:
    def __init__(self, options: argparse.Namespace, questions: Questions, ports: SoundCard) -> None:
        self._options = options
        self._questions = questions
        self._ports = ports

    def values(self) -> dict[str, Any]:
        """The values that differ from the defaults."""
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
        fitting = suggested_layouts(self._ports.names)[:SHOWN] if count else ()
        if self._options.layout is None:
            there = f"has {count} playback ports" if self._ports.server else "is not running"
            self._questions.inform(f"JACK {there}. `stemfield layouts list` lists all layouts.")
            for receiver in probe_receivers(Path("/")):
                self._questions.inform(f"HDMI: {receiver}.")
            for layout in fitting:
                self._questions.inform(f"  {layout.name}: {len(layout.labels)} loudspeakers, {layout.title}")
        suggestion = fitting[0].name if fitting else "stereo"

        def use(name: str) -> tuple[str, Layout]:
            layout = usable_layout(name, Config())
            is_file = Path(name).expanduser().is_file()
            return (str(Path(name).expanduser().absolute()) if is_file else name), layout

        return self._ask(self._options.layout, "Which loudspeakers are in the room?", suggestion, use)

    def _music(self) -> str:
        where = f"{JACK} (a player connects to stemfield), {CAPTURE} (the sound card's inputs) or a music file"
        return self._ask(self._options.input, f"Where does the music come from: {where}?", JACK, _music)

    def _model(self) -> str:
        if self._options.model is None:
            self._questions.inform("Models: " + "; ".join(f"{name} {PRESET_TEXTS[name]}" for name in PRESETS))
        return self._ask(self._options.model, "Which model separates the instruments?", DEFAULT, _model)

    def _jack(self, layout: Layout, music: str) -> dict[str, Any]:
        jack: dict[str, Any] = {}
        if self._options.server:
            jack["server_name"] = self._options.server
        if music == CAPTURE:
            jack["connect_inputs"] = list(self._ports.microphones) or ["system:capture_*"]
        return jack | self._outputs(layout)

    def _outputs(self, layout: Layout) -> dict[str, Any]:
        """Connections of the loudspeakers: by channel name, else by number."""
        found = wiring(layout, self._ports)
        if found.missing and self._options.connect_outputs:
            needed = f"{highest_channel(layout)} playback ports for {self._options.layout or 'the layout'}"
            if found.by_name:
                needed = f"playback ports for {', '.join(found.missing)}"
            raise CommandError([f"--connect-outputs: expected {needed}, found {len(self._ports.playback)}"])
        if found.missing:
            return {}
        if found.by_name:
            for label, port in found.ports.items():
                self._questions.inform(f"  {label}: {port}")
            question = "Connect the loudspeakers to these ports, by channel name?"
            wanted = self._decide(self._options.connect_outputs, question, True)
            return {"connect_speakers": dict(found.ports)} if wanted else {}
        self._questions.inform(
            "The ports have no channel names: their order is a guess; `stemfield connect` finds out by ear."
        )
        question = "Connect the loudspeakers to the playback ports in order?"
        wanted = self._decide(self._options.connect_outputs, question, True)
        return {"connect_outputs": list(self._ports.playback)} if wanted else {}

    def _bass_hz(self, layout: Layout) -> float | None:
        if not is_open(layout):
            return None
        self._questions.inform(
            "Nothing is panned to a subwoofer: it is silent unless it plays the bass of the other loudspeakers."
        )
        question = f"Play everything below {BASS_HZ:g} Hz on the subwoofer instead of the other loudspeakers?"
        wanted = self._decide(self._options.bass, question, suggested_hz(layout) is not None)
        return BASS_HZ if wanted else None

    def _headphones(self) -> bool:
        few = len(self._ports.playback) <= EARS
        return self._decide(self._options.headphones, "Also play for headphones (binaural monitor)?", few)

    def _network(self) -> dict[str, Any]:
        options = self._options
        given = True if options.interface or options.allow or options.token else options.network
        if not self._decide(given, "Allow phones, tablets and other machines?", False):
            return {}
        networks = local_networks()
        if not networks:
            raise CommandError(["--network: this machine has no network interface but loopback"])
        if options.interface is None:
            for one in networks:
                self._questions.inform(f"  {one.interface}: {one.address} in {one.network}")
        chosen = self._ask(options.interface, "On which network interface?", networks[0].interface, _one_of(networks))
        question = "Which networks may change things (separated by commas)?"
        allow = self._ask(",".join(options.allow) or None, question, chosen.network, _networks)
        question = f"Token that pages need ({NOTHING} for none)?"
        token = self._ask(options.token, question, secrets.token_urlsafe(TOKEN_BYTES), str)
        network = {"interfaces": [chosen.interface], "allow": allow}
        return network | ({} if token == NOTHING else {"token": token})


def _music(answer: str) -> str:
    if answer in (JACK, CAPTURE):
        return answer
    path = Path(answer).expanduser().absolute()
    AudioReader(path).close()
    if os.fsencode(path).decode("utf-8", "replace") != str(path):
        raise CommandError([f"{path}: rename it: a configuration can only hold names in UTF-8"])
    return str(path)


def _model(answer: str) -> str:
    model_card(answer, Config(), for_room=True)
    return answer


def _one_of(networks: Sequence[LocalNetwork]) -> Callable[[str], LocalNetwork]:
    def use(answer: str) -> LocalNetwork:
        names = [one.interface for one in networks]
        if answer not in names:
            expected = f"a network interface ({', '.join(names)})"
            raise CommandError([f"expected {expected}, got {answer}{did_you_mean(answer, names)}"])
        return networks[names.index(answer)]

    return use


def _networks(answer: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(word.strip())) for word in answer.split(",")]
    except ValueError as error:
        raise CommandError([f"expected networks such as 192.168.1.0/24: {error}"]) from error
