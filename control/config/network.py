"""The configuration of the network, and of precedence among senders."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, ValidationInfo, field_validator

from stemfield.control.config.host_names import check_name
from stemfield.control.config.schema import LIVE
from stemfield.layouts.problems import RefusedError
from stemfield.layouts.schema import Strict


def _numeric(host: str, examples: str = "192.168.1.7") -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise ValueError(f"expected a numeric address such as {examples}") from error
    return host


_Address = Annotated[str, AfterValidator(_numeric)]
_OwnAddress = Annotated[str, AfterValidator(partial(_numeric, examples="127.0.0.1, 0.0.0.0 or ::1"))]
_Name = Annotated[str, AfterValidator(check_name)]
_Networks = tuple[IPvAnyNetwork, ...]
_Port = Annotated[int, Field(ge=1, le=65_535)]


class NetworkConfig(Strict):
    """Access to the daemon: the same for every port."""

    bind: _OwnAddress = Field(
        "127.0.0.1",
        description="Address to listen on: 127.0.0.1 this machine only, 0.0.0.0 IPv4, :: IPv4 and IPv6.",
    )
    interfaces: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="Names of network interfaces, such as eth0: listen on their addresses and on the loopback address "
        "instead of `bind`.",
    )
    allow: _Networks = Field(
        (),
        json_schema_extra=LIVE,
        validate_default=True,
        description="Networks that may send, such as 192.168.1.0/24; this machine always may.",
    )
    read_only: _Networks = Field(
        (),
        json_schema_extra=LIVE,
        description="Networks that may query and subscribe, but change nothing; takes precedence over `allow`.",
    )
    token: str | None = Field(
        None,
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9._~-]*$",
        repr=False,
        json_schema_extra=LIVE,
        description="Token required from HTTP and WebSocket clients: `Authorization: Bearer TOKEN`, or `token=TOKEN` "
        "in the address.",
    )
    names: tuple[_Name, ...] = Field(
        (),
        json_schema_extra=LIVE,
        max_length=16,
        description="More host names by which browsers reach the daemon: from a router (`studio.lan`), or of a proxy "
        "in front, with a non-standard port (`studio.lan:8443`).",
    )
    max_messages_per_s: float = Field(
        20_000.0,
        json_schema_extra=LIVE,
        ge=10.0,
        le=1_000_000.0,
        description="Maximum message rate of each host over all ports; bursts may be as large.",
    )

    @field_validator("allow")
    @classmethod
    def _check_allow(cls, allow: _Networks, info: ValidationInfo) -> _Networks:
        bind, interfaces = info.data.get("bind", "127.0.0.1"), info.data.get("interfaces")
        if not allow and (interfaces or not ipaddress.ip_address(bind).is_loopback):
            opened_by = "network.interfaces" if interfaces else f"network.bind {bind}"
            raise RefusedError(f"expected at least one network, because {opened_by} opens the ports")
        return allow


class OscConfig(Strict):
    """OSC over UDP: native addresses, ADM-OSC and SpatGRIS."""

    port: _Port = Field(4001, description="UDP port.")
    adm_answer_port: _Port = Field(4002, description="Port of the sender that gets the answers to ADM-OSC queries.")


class S3aConfig(Strict):
    """Scene messages of S3A and VISR, JSON over UDP."""

    enabled: bool = Field(True, description="Whether they are received.")
    port: _Port = Field(4242, description="UDP port of scene messages.")
    listener_port: _Port = Field(8888, description="UDP port of listener positions.")


class SpatGrisConfig(Strict):
    """SpatGRIS on a port of its own; `/spat/serv` is always received on the OSC port."""

    enabled: bool = Field(False, description="Whether that port is open.")
    port: _Port = Field(18_032, description="UDP port.")


class HttpConfig(Strict):
    """The panner page and OSCQuery: addresses, values and ranges by HTTP, changes by WebSocket."""

    enabled: bool = Field(True, description="Whether they are served.")
    port: _Port = Field(8010, description="TCP port.")


class MirrorConfig(Strict):
    """Another renderer that is sent every change of the scene."""

    dialect: Literal["s3a", "adm"] = Field(description="s3a is JSON, adm is ADM-OSC.")
    host: _Address = Field(description="Numeric address of the other renderer.")
    port: int = Field(0, ge=0, le=65_535, description="Its UDP port; 0 is 4242 for s3a and 4001 for adm.")
    rate_hz: float = Field(20.0, ge=1.0, le=100.0, description="Maximum update rate.")
    ahead_ms: float = Field(
        0.0,
        ge=0.0,
        le=200.0,
        description="Delay of changes, there by a time tag and here too, so that both rooms change together; for adm, "
        "and at least a period of rate_hz and 20 ms. 0 is as soon as possible.",
    )

    @field_validator("ahead_ms")
    @classmethod
    def _check_ahead(cls, ahead_ms: float, info: ValidationInfo) -> float:
        least_ms = 1e3 / info.data.get("rate_hz", 100.0) + 20.0
        if ahead_ms and info.data.get("dialect") == "s3a":
            raise ValueError("expected 0 or dialect: adm, because s3a has no time tags")
        if 0.0 < ahead_ms < least_ms:
            raise ValueError(f"expected 0, or {least_ms:g} and more at this rate_hz, or changes arrive too late")
        return ahead_ms


def delay_of(mirrors: Iterable[MirrorConfig]) -> float:
    """Delay of all scenes in seconds, so that mirrors that get them ahead of time change together with this room."""
    return max((1e-3 * one.ahead_ms for one in mirrors), default=0.0)


class PeerConfig(Strict):
    """For `role: renderer`: the machine that separates, which gets the scene's separation settings."""

    host: _Address | None = Field(None, description="Its numeric address; null sends nothing.")
    port: _Port = Field(4001, description="Its OSC port.")
    bridge_ms: float = Field(
        0.0,
        json_schema_extra=LIVE,
        ge=0.0,
        le=5_000.0,
        description="Latency of the stems from there to here that JACK does not report; part of /status/latency.",
    )


_Rank = Annotated[int, Field(ge=0, le=100, json_schema_extra=LIVE)]


class HandsConfig(Strict):
    """Precedence when several senders move one object: the higher rank, among equals the latest."""

    hold_s: float = Field(
        1.0,
        json_schema_extra=LIVE,
        ge=0.0,
        le=60.0,
        description="Time that a change locks out senders of lower rank.",
    )
    osc: _Rank = Field(2, description="Rank of native OSC.")
    adm: _Rank = Field(2, description="Rank of ADM-OSC.")
    spatgris: _Rank = Field(2, description="Rank of SpatGRIS.")
    web: _Rank = Field(2, description="Rank of WebSocket clients.")
    s3a: _Rank = Field(1, description="Rank of S3A's scene messages.")
    playback: _Rank = Field(1, description="Rank of a recording during playback.")

    @property
    def ranks(self) -> dict[str, int]:
        """Rank of each dialect."""
        return self.model_dump(exclude={"hold_s"})


class DiscoveryConfig(Strict):
    """Announcement in the network by DNS-SD."""

    enabled: bool = Field(True, description="Announce the ports as _osc._udp and _oscjson._tcp.")
    name: str | None = Field(
        None,
        min_length=1,
        max_length=58,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Announced name; null is `stemfield on` and the host name.",
    )
