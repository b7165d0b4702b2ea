"""The dialects as the configuration and the table know them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from stemfield.control.config.configuration import Config
from stemfield.control.config.network import HandsConfig, MirrorConfig
from stemfield.control.dialects.osc import encode
from stemfield.control.dialects.registry import DIALECTS, decode
from stemfield.control.parameters.commands import SetParameter


def test_the_configuration_has_the_same_defaults() -> None:
    assert HandsConfig().ranks.keys() <= {dialect.name for dialect in DIALECTS} | {"web", "playback"}
    config: Any = Config()
    for port in (port for dialect in DIALECTS for port in dialect.ports):
        block, key = port.setting.split(".")
        assert getattr(getattr(config, block), key) == port.default
    mirrored = {dialect.name for dialect in DIALECTS if dialect.encode_objects}
    assert mirrored == set(get_args(MirrorConfig.model_fields["dialect"].annotation))


@pytest.mark.parametrize(
    ("address", "tags", "values", "dialect"),
    [
        ("/object/0/aed", "fff", (1.0, 2.0, 3.0), "osc"),
        ("/adm/obj/1/aed", "fff", (1.0, 2.0, 3.0), "adm"),
        ("/spat/serv", "sifffff", ("deg", 1, 1.0, 2.0, 1.0, 0.0, 0.0), "spatgris"),
    ],
)
def test_a_prefix_leads_to_its_dialect(address: str, tags: str, values: Any, dialect: str) -> None:
    commands = [timed.command for timed in decode(encode(address, tags, values), 0.0)]
    assert all(isinstance(command, SetParameter) and command.dialect == dialect for command in commands), commands
