"""Plain scalars of YAML: numbers as in YAML 1.2, where `030` is thirty and `1e-06` a number.

PyYAML implements 1.1, where `030` is octal, `1:30` is ninety, `2024-05-01` a date, and `1e-06` a text. Truth values are
those of 1.1, such as `yes` and `off`, for existing files.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_KEPT: Final = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
_WHOLE: Final = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_REAL: Final = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_BASES: Final = {"0o": 8, "0x": 16}
_FIRST: Final = "-+.0123456789"


class ScalarLoader(yaml.SafeLoader):
    """Reads numbers of YAML 1.2."""


class ScalarDumper(yaml.SafeDumper):
    """Writes texts that are texts in either version."""


ScalarLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _class in (ScalarLoader, ScalarDumper):
    _class.add_implicit_resolver(_INT, _WHOLE, list(_FIRST))
    _class.add_implicit_resolver(_FLOAT, _REAL, list(_FIRST))


def _whole(loader: ScalarLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, _BASES.get(text[:2], 10))


ScalarLoader.add_constructor(_INT, _whole)


def _real(loader: ScalarLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf") if text.endswith("inf") else text.replace(".nan", "nan"))


ScalarLoader.add_constructor(_FLOAT, _real)


def dump_yaml(data: Any, *, width: int = 200, flow: bool | None = False) -> str:
    """Plain data as YAML that both versions read alike.

    Args:
        data: mappings, lists, texts, numbers and truth values.
        width: maximum length of a line.
        flow: whether to use flow style (braces); None uses it for the innermost level.
    """
    text: str = yaml.dump(
        data, Dumper=ScalarDumper, sort_keys=False, allow_unicode=True, width=width, default_flow_style=flow
    )
    return text
