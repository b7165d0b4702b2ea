"""The configuration of the audio: drivers, separation, headphones and direct inputs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from stemfield.control.config.object_names import check_name
from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import RefusedError, shown
from stemfield.layouts.schema import Strict
from stemfield.renderer.scene.units import FARTHEST_M, NEAREST_M

MAX_CLIENT_BYTES = 63
MAX_PORT_BYTES = 200
"""JACK's limit is 255, less the client's name before the port's name and a number behind it."""
EMBEDDED = "default"
"""Name of the built-in HRTF."""

Role = Literal["both", "separation", "renderer"]

_Metres = Annotated[float, Field(ge=-FARTHEST_M, le=FARTHEST_M)]
_Azimuth = Annotated[float, Field(ge=-360, le=360)]
_Elevation = Annotated[float, Field(ge=-90, le=90)]
_Distance = Annotated[float, Field(ge=NEAREST_M, le=FARTHEST_M)]


def _within(name: str, most: int) -> str:
    """Check that JACK takes a name unchanged: it cuts longer ones, even inside a character."""
    if (size := len(name.encode())) > most:
        raise RefusedError(f"expected at most {most} bytes, the limit of JACK, got {size} in {shown(name)}")
    return name


_ClientName = Annotated[str, AfterValidator(partial(_within, most=MAX_CLIENT_BYTES))]
_InputName = Annotated[str, AfterValidator(check_name), AfterValidator(partial(_within, most=MAX_PORT_BYTES))]


class JackConfig(Strict):
    """The JACK driver."""

    client_name: _ClientName = Field("stemfield", min_length=1, max_length=63, description="Name of the JACK client.")
    server_name: str | None = Field(None, description="JACK server to join; null is the default one.")
    channels: Literal[1, 2] = Field(2, description="Input ports for the music: 2 is stereo, 1 is mono.")
    connect_inputs: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect to the inputs, left and right by channel name or else in order: names, or "
        "patterns with * and ?, such as system:capture_*.",
    )
    connect_outputs: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect the outputs to. Loudspeakers are matched by channel name (FL, FC, LFE...); where "
        "ports have none, or are listed in another order than the server's, the n-th takes channel n of the layout.",
    )
    connect_speakers: dict[str, str] = Field(
        {},
        json_schema_extra=LIVE,
        description="Ports of single loudspeakers by their labels; they take precedence over connect_outputs. "
        "`stemfield connect` finds them by ear.",
    )
    connect_monitor: tuple[str, ...] = Field(
        (),
        json_schema_extra=LIVE,
        description="Ports to connect the binaural monitor to, left and right; patterns as above.",
    )
    start_server: bool = Field(False, description="Start a JACK server if none runs.")

    @field_validator("connect_speakers")
    @classmethod
    def _check_speakers(cls, speakers: dict[str, str]) -> dict[str, str]:
        ports = list(speakers.values())
        if twice := sorted({port for port in ports if ports.count(port) > 1}):
            raise RefusedError(f"expected one loudspeaker per port, got two for {', '.join(twice)}")
        return speakers


class ClockConfig(Strict):
    """The clock driver, for machines without JACK."""

    sample_rate_hz: int = Field(48_000, ge=8_000, le=192_000, description="Sample rate.")
    period_frames: int = Field(512, ge=16, le=8_192, description="Frames per block.")
    freewheel: bool = Field(
        False, description="Render as fast as the separation allows instead of in real time, for long tests."
    )


class SeparationConfig(Strict):
    """Separation of the music into instruments."""

    enabled: bool = Field(True, description="Whether a separation worker runs; without one the mixture plays.")
    margin_ms: float = Field(
        15.0, ge=5.0, le=500.0, description="Time by which the worker may be late, added to the latency."
    )
    providers: tuple[str, ...] = Field(
        ("cpu",),
        min_length=1,
        description="Execution providers of ONNX Runtime, best first: cpu, cuda, tensorrt, openvino, coreml, migraphx "
        "or any other of the installed build. A missing one is logged, and the next one is used.",
    )
    rule: Literal["soft", "surrey"] = Field(
        "soft",
        description="How stems share a frequency bin: soft gives each its share where it reaches the threshold, surrey "
        "gives all to the largest, smoothed over 20 hops.",
    )


class MonitorConfig(Strict):
    """The binaural monitor: all loudspeakers on headphones."""

    binaural: bool = Field(False, description="Whether it plays, on two more ports, monitor_left and monitor_right.")
    hrtf: str = Field(
        EMBEDDED,
        min_length=1,
        description="HRTF: default is the built-in one, otherwise the path of a SOFA file (SimpleFreeFieldHRIR), which "
        "requires stemfield[sofa].",
    )


class InputConfig(Strict):
    """A direct input: an object that another JACK client plays into a port of its own."""

    name: _InputName = Field(description="Unique name, used in its OSC address.")
    channels: Literal[1, 2] = Field(1, description="Input ports of this object.")
    with_stems: bool = Field(
        False, description="Whether it is as late as the instruments, so that it stays in time with the music."
    )
    position: tuple[_Metres, _Metres, _Metres] | None = Field(
        None, description="Initial position: [x, y, z] in metres; front, left and up are positive."
    )
    aed: tuple[_Azimuth, _Elevation, _Distance] | None = Field(
        None, description="The same as [azimuth, elevation, distance], degrees and metres; left and up are positive."
    )

    @field_validator("aed")
    @classmethod
    def _check_aed(cls, aed: object, info: ValidationInfo) -> object:
        if aed is not None and info.data.get("position") is not None:
            raise RefusedError("expected either aed or position, got both")
        return aed
