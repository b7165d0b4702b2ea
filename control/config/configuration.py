"""The configuration: one YAML file, strict, every problem of it told at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from stemfield.control.config.errors import ConfigError, problem_text, without_secrets
from stemfield.control.config.network import (
    HandsConfig,
    HttpConfig,
    MirrorConfig,
    NetworkConfig,
    OscConfig,
    PeerConfig,
    S3aConfig,
    SpatGrisConfig,
)
from stemfield.control.config.object_names import check_name
from stemfield.control.config.strict import LIVE, Strict
from stemfield.control.problems import RefusedError
from stemfield.layouts.loader import is_layout_path
from stemfield.layouts.problems import shown
from stemfield.layouts.strict_yaml import StrictYamlError, read_yaml
from stemfield.renderer.scene.scene import RESIDUAL, STEMS, Scene, default_scene
from stemfield.renderer.scene.units import FARTHEST_M, NEAREST_M, position_of

MAX_INPUTS = 123
MAX_CLIENT_BYTES = 63
MAX_PORT_BYTES = 200
"""JACK takes 255, of which a number behind the name and the client's name before it take some."""
EMBEDDED = "default"
"""The HRTF that is built in."""

Role = Literal["both", "separation", "renderer"]

_Metres = Annotated[float, Field(ge=-FARTHEST_M, le=FARTHEST_M)]


def _within(name: str, most: int) -> str:
    """A name that JACK takes as it is; longer ones it cuts, in the midst of a character too."""
    if (size := len(name.encode())) > most:
        raise RefusedError(f"{shown(name)}: {size} bytes: allowed at most {most}, because JACK cuts longer names")
    return name


class JackConfig(Strict):
    """The JACK driver."""

    client_name: str = Field("stemfield", min_length=1, max_length=63, description="Name of the JACK client.")
    server_name: str | None = Field(None, description="JACK server to join; null is the default one.")
    channels: Literal[1, 2] = Field(2, description="Input ports for the music: 2 is stereo, 1 is mono.")
    connect_inputs: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect to our inputs, left and right by their channels' names or else in order: names, "
        "or patterns with * and ?, such as system:capture_*.",
    )
    connect_outputs: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect our outputs to. Loudspeakers go by the channels' names (FL, FC, LFE...); where "
        "ports have none, or are listed in another order than the server's, the n-th takes channel n of the layout.",
    )
    connect_speakers: dict[str, str] = Field(
        {},
        json_schema_extra=LIVE,
        description="Ports of single loudspeakers by their labels, which come before connect_outputs; "
        "`stemfield connect` finds them out by ear.",
    )
    connect_monitor: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect the binaural monitor to, left and right; patterns as above.",
    )
    start_server: bool = Field(False, description="Start a JACK server where none runs.")

    @field_validator("client_name")
    @classmethod
    def _check_client_name(cls, name: str) -> str:
        return _within(name, MAX_CLIENT_BYTES)

    @field_validator("connect_speakers")
    @classmethod
    def _check_speakers(cls, speakers: dict[str, str]) -> dict[str, str]:
        ports = list(speakers.values())
        if twice := sorted({port for port in ports if ports.count(port) > 1}):
            raise ValueError(f"two loudspeakers play to {', '.join(twice)}: allowed one a port")
        return speakers


class ClockConfig(Strict):
    """The clock driver, for machines without JACK."""

    sample_rate_hz: int = Field(48_000, ge=8_000, le=192_000, description="Sample rate.")
    period_frames: int = Field(512, ge=16, le=8_192, description="Frames in a block.")
    freewheel: bool = Field(
        False, description="Render as fast as the separation follows instead of in real time: for trials of many hours."
    )


class SeparationConfig(Strict):
    """The separation of the music into instruments."""

    enabled: bool = Field(True, description="Whether a separation worker runs; without one the mixture is played.")
    margin_ms: float = Field(15.0, ge=5.0, le=500.0, description="Time that the worker may be late, added as latency.")
    providers: tuple[str, ...] = Field(
        ("cpu",),
        min_length=1,
        description="Execution providers of ONNX Runtime, best first: cpu, cuda, tensorrt, openvino, coreml, migraphx "
        "or any other that the installed build has. One that is not there is told in the log, and the next computes.",
    )
    rule: Literal["soft", "surrey"] = Field(
        "soft",
        description="What of a frequency bin the stems get: soft is their share where it reaches the threshold, surrey "
        "gives all to the largest, smoothed over 20 hops.",
    )


class MonitorConfig(Strict):
    """The binaural monitor: the whole room on headphones."""

    binaural: bool = Field(False, description="Whether it plays, to two more ports, monitor_left and monitor_right.")
    hrtf: str = Field(
        EMBEDDED,
        min_length=1,
        description="Whose ears: default is the head that is built in, otherwise the path of a SOFA file "
        "(SimpleFreeFieldHRIR), for which stemfield[sofa] has to be installed.",
    )


class InputConfig(Strict):
    """A further object, which another JACK client plays into a port of its own."""

    name: str = Field(description="Unique name, which is its OSC address.")
    channels: Literal[1, 2] = Field(1, description="Input ports of this object.")
    position: tuple[_Metres, _Metres, _Metres] | None = Field(
        None, description="Where it stands at first: [x, y, z] in metres, front, left and up positive."
    )
    aed: (
        tuple[
            Annotated[float, Field(ge=-360, le=360)],
            Annotated[float, Field(ge=-90, le=90)],
            Annotated[float, Field(ge=NEAREST_M, le=FARTHEST_M)],
        ]
        | None
    ) = Field(None, description="The same as [azimuth, elevation, distance], degrees and metres, left and up positive.")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        return _within(check_name(name), MAX_PORT_BYTES)

    @field_validator("aed")
    @classmethod
    def _check_aed(cls, aed: object, info: ValidationInfo) -> object:
        if aed is not None and info.data.get("position") is not None:
            raise ValueError("either aed or position, not both")
        return aed


class DiscoveryConfig(Strict):
    """The entry in the network's directory (DNS-SD)."""

    enabled: bool = Field(True, description="Announce the ports as _osc._udp and _oscjson._tcp.")
    name: str | None = Field(
        None,
        min_length=1,
        max_length=58,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Name to announce; null is `stemfield on` and the host's name.",
    )


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "stemfield"


def _state_folder() -> Path:
    # systemd gives a list where the unit names several; the first is the unit's main one.
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "stemfield"


class Config(Strict):
    """Everything that is set before the start. What is steered while it plays is in the scene."""

    layout: str = Field("22.2", min_length=1, description="Name of a loudspeaker layout, or the path of its YAML file.")
    layout_folders: tuple[Path, ...] = Field(
        default_factory=lambda: (_config_home() / "layouts",), description="Folders with layouts of one's own."
    )
    bass_crossover_hz: float | None = Field(
        None,
        ge=20.0,
        le=500.0,
        description="Below this frequency subwoofers (LFE) play the bass of the other loudspeakers, where the layout "
        "has no bass_management of its own; null leaves a subwoofer silent, since nothing is panned to it.",
    )
    role: Role = Field(
        "both",
        description="What of the whole this machine does: separation lets the stems out, renderer takes them in and "
        "plays the room; see two-machines.md.",
    )
    driver: Literal["auto", "jack", "clock"] = Field(
        "auto", description="jack waits for a server; auto takes the clock, for good, where none runs at the start."
    )
    input: Path | None = Field(None, description="Music file to play; null takes JACK's input ports.")
    loop: bool = Field(True, description="Begin the music file again at its end.")
    model: str | None = Field(
        None,
        json_schema_extra=LIVE,
        description="Name of a model, a preset (default, light, studio), or the path of a card; null is the preset "
        "default. A model chosen while playing (/separation/model) is remembered with the scene and comes before this "
        "one.",
    )
    model_folders: tuple[Path, ...] = Field(
        default_factory=lambda: (_config_home() / "models",), description="Folders with models of one's own."
    )
    jack: JackConfig = JackConfig()
    clock: ClockConfig = ClockConfig()
    separation: SeparationConfig = SeparationConfig()
    monitor: MonitorConfig = MonitorConfig()
    inputs: tuple[InputConfig, ...] = Field((), max_length=MAX_INPUTS, description="Further objects, up to 123.")
    network: NetworkConfig = NetworkConfig()
    osc: OscConfig = OscConfig()
    s3a: S3aConfig = S3aConfig()
    spatgris: SpatGrisConfig = SpatGrisConfig()
    http: HttpConfig = HttpConfig()
    mirror: tuple[MirrorConfig, ...] = Field(
        (), json_schema_extra=LIVE, max_length=8, description="Other renderers to be told, up to 8."
    )
    peer: PeerConfig = PeerConfig()
    hands: HandsConfig = HandsConfig()
    discovery: DiscoveryConfig = DiscoveryConfig()
    state_folder: Path = Field(
        default_factory=_state_folder,
        description="Where the scene is kept, of one daemon alone; as given by systemd, otherwise in the user's state "
        "folder.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", json_schema_extra=LIVE, description="What is logged at least."
    )

    @field_validator("layout", "model", mode="before")
    @classmethod
    def _name_without_quotes(cls, name: object) -> object:
        # YAML reads 22.2 as a number.
        return str(name) if isinstance(name, int | float) and not isinstance(name, bool) else name

    @field_validator("inputs")
    @classmethod
    def _check_inputs(cls, inputs: tuple[InputConfig, ...]) -> tuple[InputConfig, ...]:
        names = [*STEMS, RESIDUAL, *(i.name for i in inputs)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two objects are named {', '.join(twice)}: allowed unique names")
        return inputs

    def with_objects(self, count: int) -> Config:
        """The same with further objects of one input each, `input1` and so on.

        Raises:
            ConfigError: there would be too many objects.
        """
        names = {given.name for given in self.inputs}
        free = (name for number in range(1, MAX_INPUTS + count + 1) if (name := f"input{number}") not in names)
        more = tuple(InputConfig(name=next(free)) for _ in range(count))
        if len(self.inputs) + count > MAX_INPUTS:
            problem = f"{len(self.inputs)} inputs are configured: allowed {MAX_INPUTS} in all"
            raise ConfigError(f"--objects {count}", (problem,))
        return self.model_copy(update={"inputs": (*self.inputs, *more)})

    def default_scene(self) -> Scene:
        """The scene to begin with: the stems, then the further objects, whose channels are counted from 0."""
        channel = 0
        inputs = []
        for given in self.inputs:
            inputs.append((given.name, tuple(range(channel, channel + given.channels))))
            channel += given.channels
        scene = default_scene(inputs)
        for given in self.inputs:
            position = given.position or (position_of(*given.aed) if given.aed else None)
            placed = scene.find(given.name)
            if position and placed:
                scene = scene.with_object(replace(placed, position=position))
        return scene


def user_config_file() -> Path:
    """Where a person's own configuration is looked for."""
    return _config_home() / "config.yaml"


def load_config(path: Path | None) -> Config:
    """The configuration of a file.

    Args:
        path: the file; None takes `$XDG_CONFIG_HOME/stemfield/config.yaml`, otherwise `/etc/stemfield/config.yaml`,
            and the defaults where neither exists. Relative paths within are relative to the file.

    Raises:
        ConfigError: unreadable, no YAML, or with problems (all of them are listed).
    """
    if path is None:
        places = (user_config_file(), Path("/etc/stemfield/config.yaml"))
        path = next((place for place in places if place.exists()), None)
        if path is None:
            return Config()
    try:
        data = read_yaml(path)
    except StrictYamlError as error:
        raise ConfigError(str(path), (str(error),)) from error
    return _anchored(parse_config({} if data is None else data, str(path)), path.absolute().parent)


def parse_config(data: object, source: str) -> Config:
    """The configuration in plain data.

    Args:
        data: as YAML gives it.
        source: named in the error.

    Raises:
        ConfigError: with every problem.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(source, (f"{without_secrets(data)}: allowed a block of keys",))
    try:
        # As JSON, because strict validation of Python objects would ask for tuples and paths, which YAML has not.
        return Config.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigError(source, [problem_text(Config, e) for e in error.errors(include_url=False)]) from error


def _anchored(config: Config, folder: Path) -> Config:
    """The configuration with its relative paths made absolute."""

    def anchor(path: Path) -> Path:
        return folder / path.expanduser()

    def anchor_name(name: str) -> str:
        return str(anchor(Path(name))) if name.endswith((".yaml", ".yml")) or os.sep in name else name

    hrtf = config.monitor.hrtf
    anchored = hrtf if hrtf == EMBEDDED else str(anchor(Path(hrtf)))
    return config.model_copy(
        update={
            "monitor": config.monitor.model_copy(update={"hrtf": anchored}),
            "layout": str(anchor(Path(config.layout))) if is_layout_path(config.layout) else config.layout,
            "layout_folders": tuple(map(anchor, config.layout_folders)),
            "input": config.input and anchor(config.input),
            "model": config.model and anchor_name(config.model),
            "model_folders": tuple(map(anchor, config.model_folders)),
            "state_folder": anchor(config.state_folder),
        }
    )
