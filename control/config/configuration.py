"""The configuration: one strict YAML file, whose problems are all reported at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from stemfield.control.config.audio import (
    EMBEDDED,
    ClockConfig,
    InputConfig,
    JackConfig,
    MonitorConfig,
    Role,
    SeparationConfig,
)
from stemfield.control.config.device import LFE, DeviceConfig, object_name
from stemfield.control.config.network import (
    DiscoveryConfig,
    HandsConfig,
    HttpConfig,
    MirrorConfig,
    NetworkConfig,
    OscConfig,
    PeerConfig,
    S3aConfig,
    SpatGrisConfig,
)
from stemfield.control.config.playing import PlayingConfig
from stemfield.control.config.schema import LIVE, ConfigError
from stemfield.layouts.loader import is_layout_path
from stemfield.layouts.plain_data import PlainDataError
from stemfield.layouts.problems import RefusedError
from stemfield.layouts.schema import Strict, problems_in, without_secrets
from stemfield.layouts.strict_yaml import read_yaml
from stemfield.renderer.scene.scene import RESIDUAL, STEMS, Scene, default_scene
from stemfield.renderer.scene.units import position_of

MAX_INPUTS = 123
SURROUND_GROUP = 8
"""Group of the channels of a second sound device, to turn and to level them together."""


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "stemfield"


def _state_folder() -> Path:
    # systemd passes a list if the unit names several; the first is the main one.
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "stemfield"


class Config(Strict):
    """Everything that is set before the start. What is controlled during playback is in the scene."""

    layout: str = Field("22.2", min_length=1, description="Name of a loudspeaker layout, or the path of its YAML file.")
    layout_folders: tuple[Path, ...] = Field(
        default_factory=lambda: (_config_home() / "layouts",), description="Folders with your own layouts."
    )
    bass_crossover_hz: float | None = Field(
        None,
        ge=20.0,
        le=500.0,
        description="Below this frequency subwoofers (LFE) play the bass of the other loudspeakers, if the layout has "
        "no bass_management of its own; null leaves a subwoofer silent, since nothing is panned to it.",
    )
    role: Role = Field(
        "both",
        description="Role of this machine: separation outputs stems, renderer takes stems in and feeds the "
        "loudspeakers; see two-machines.md.",
    )
    driver: Literal["auto", "jack", "clock"] = Field(
        "auto", description="jack waits for a server; auto uses the clock, permanently, if none runs at the start."
    )
    input: Path | None = Field(None, description="Music file to play; null uses JACK's input ports.")
    loop: bool = Field(True, description="Repeat the music file.")
    model: str | None = Field(
        None,
        json_schema_extra=LIVE,
        description="Name of a model, a preset (default, light, studio, files), or the path of a card; null is the "
        "preset default. A model chosen during playback (/separation/model) is saved with the scene and takes "
        "precedence.",
    )
    model_folders: tuple[Path, ...] = Field(
        default_factory=lambda: (_config_home() / "models",), description="Folders with your own models."
    )
    jack: JackConfig = JackConfig()
    clock: ClockConfig = ClockConfig()
    separation: SeparationConfig = SeparationConfig()
    monitor: MonitorConfig = MonitorConfig()
    device: DeviceConfig = DeviceConfig()
    playing: PlayingConfig = PlayingConfig()
    inputs: tuple[InputConfig, ...] = Field((), max_length=MAX_INPUTS, description="Direct inputs, up to 123.")
    network: NetworkConfig = NetworkConfig()
    osc: OscConfig = OscConfig()
    s3a: S3aConfig = S3aConfig()
    spatgris: SpatGrisConfig = SpatGrisConfig()
    http: HttpConfig = HttpConfig()
    mirror: tuple[MirrorConfig, ...] = Field(
        (), json_schema_extra=LIVE, max_length=8, description="Other renderers that are sent the scene, up to 8."
    )
    peer: PeerConfig = PeerConfig()
    hands: HandsConfig = HandsConfig()
    discovery: DiscoveryConfig = DiscoveryConfig()
    state_folder: Path = Field(
        default_factory=_state_folder,
        description="Folder of the saved scene, for one daemon only; given by systemd, otherwise in the user's state "
        "folder.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", json_schema_extra=LIVE, description="Lowest level that is logged."
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
            raise RefusedError(f"expected unique names, got more than one object named {', '.join(twice)}")
        return inputs

    def with_objects(self, count: int) -> Config:
        """The same with more direct inputs of one channel each, `input1` and so on.

        Raises:
            ConfigError: there would be too many objects.
        """
        names = {given.name for given in self.inputs}
        free = (name for number in range(1, MAX_INPUTS + count + 1) if (name := f"input{number}") not in names)
        more = tuple(InputConfig(name=next(free)) for _ in range(count))
        if len(self.direct_inputs) + count > MAX_INPUTS:
            there = len(self.direct_inputs)
            problem = f"expected at most {MAX_INPUTS} inputs, got {count} besides {there} configured ones"
            raise ConfigError(f"--objects {count}", (problem,))
        return self.model_copy(update={"inputs": (*self.inputs, *more)})

    @model_validator(mode="after")
    def _check_surround(self) -> Config:
        taken = {given.name for given in self.inputs} & {given.name for given in self._surround}
        if taken:
            raise ValueError(f"inputs: {', '.join(sorted(taken))} belongs to device.surround: expected another name")
        if len(self.direct_inputs) > MAX_INPUTS:
            raise ValueError(f"inputs: expected at most {MAX_INPUTS} with those of device.surround")
        return self

    @property
    def _surround(self) -> tuple[InputConfig, ...]:
        angles = self.device.surround_deg.items() if self.role == "both" else ()
        return tuple(InputConfig(name=object_name(c), aed=(deg, 0.0, 1.0), with_stems=True) for c, deg in angles)

    @property
    def direct_inputs(self) -> tuple[InputConfig, ...]:
        """The configured direct inputs, and those of the second sound device."""
        return (*self.inputs, *self._surround)

    def default_scene(self, lfe: Sequence[str] = ()) -> Scene:
        """The scene to begin with: the stems, then the direct inputs, whose channels are counted from 0.

        Args:
            lfe: labels of the LFE loudspeakers, which play that channel of the second sound device.
        """
        channel = 0
        inputs = []
        for given in self.direct_inputs:
            inputs.append((given.name, tuple(range(channel, channel + given.channels))))
            channel += given.channels
        scene = default_scene(inputs)
        for given in self.direct_inputs:
            position = given.position or (position_of(*given.aed) if given.aed else None)
            placed = scene.find(given.name)
            if position and placed:
                scene = scene.with_object(replace(placed, position=position))
        for given in self._surround:
            if placed := scene.find(given.name):
                grouped = replace(placed, group=SURROUND_GROUP)
                if given.name == object_name(LFE):
                    grouped = replace(grouped, type="channel", outputs=(tuple(lfe),))
                scene = scene.with_object(grouped)
        return scene


def user_config_file() -> Path:
    """Path of the user's own configuration."""
    return _config_home() / "config.yaml"


def load_config(path: Path | None) -> Config:
    """Load the configuration of a file.

    Args:
        path: path of the file; None takes `$XDG_CONFIG_HOME/stemfield/config.yaml`, otherwise
            `/etc/stemfield/config.yaml`, or the defaults if neither exists. Paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or has problems (all of them are listed).
    """
    if path is None:
        places = (user_config_file(), Path("/etc/stemfield/config.yaml"))
        path = next((place for place in places if place.exists()), None)
        if path is None:
            return Config()
    try:
        data = read_yaml(path)
    except PlainDataError as error:
        raise ConfigError(str(path), (str(error),)) from error
    return _anchored(parse_config({} if data is None else data, str(path)), path.absolute().parent)


def parse_config(data: object, source: str) -> Config:
    """Make the configuration from plain data as YAML gives it, from a source that errors name.

    Raises:
        ConfigError: with every problem.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(source, (f"expected a block of keys, got {without_secrets(data)}",))
    try:
        # As JSON, because strict validation of Python objects would require tuples and paths, which YAML lacks.
        return Config.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigError(source, problems_in(Config, error)) from error


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
