"""The pages of the manual that follow from the code: OSC addresses and configuration keys.

`python -m stemfield.control.manual docs` writes them again.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemfield.control.arguments import Argument
from stemfield.control.config import Config
from stemfield.control.parameters import TABLE
from stemfield.control.rows import Parameter

_UNITS = {
    "angle.degree": "degrees",
    "distance.m": "m",
    "frequency.hz": "Hz",
    "gain.db": "dB",
    "gain.linear": "linear",
    "time.second": "s",
}

_ENDLESS = 2.0**31 - 1
"""The largest OSC integer: a limit that nobody needs to be told."""

_OSC_HEAD = """\
# Steering by OSC

The daemon hears OSC over UDP, on port 4001 of this machine unless the [configuration](config.md) opens it to the
network. `{o}` is an object's id or its name: the stems of the shipped model are `0` `vocals`, `1` `bass`, `2` `drums`,
`3` `other`; `4` `residual` is what no stem claims; direct inputs follow from `5`. `{label}` is a loudspeaker's label,
`{stem}` an instrument of the model. Address patterns (`*` `?` `[a-z]` `{one,two}`) reach many at once.

- **Units.** Degrees, metres, seconds. Azimuth counts to the left, elevation upwards; x is front, y left, z up.
- **Questions.** An address without arguments is a question. The answer is the same address with the present value,
  sent to the port that asked. Rows marked *do* are no values: they act, and have no answer.
- **Types.** `i` `f` `d` `h` `T` `F` stand for one another wherever a number or a truth value is wanted.
- **Limits.** A number outside its range is clamped. NaN, infinity and wrong types change nothing and are reported to
  the sender on `/error` (address, reason), at most ten a second.
- **Time.** A bundle with a time tag is carried out at its time, a past one at once; one that lies more than 10 s ahead
  is refused.

```
oscsend localhost 4001 /object/vocals/aed fff 110 0 2     # the singer goes to the left and behind
oscsend localhost 4001 '/object/{drums,bass}/gain' f -6
oscsend localhost 4001 /object/bass/eq sfffsfff lowshelf 120 0.7 3 peak 800 2 -4
oscsend localhost 4001 /object/bass/eq s ""
oscsend localhost 4001 /speaker/M+110/identify            # which one is it?
```

| address | arguments | meaning | default |
|---|---|---|---|
"""

_CONFIG_HEAD = """\
# Configuration

`stemfield serve --config FILE` reads one YAML file; without `--config` it takes `~/.config/stemfield/config.yaml`,
else `/etc/stemfield/config.yaml`, else the defaults below. `stemfield check FILE` tells every problem at once: unknown
keys, wrong types, values out of range, a layout, model or music file that is not there. Relative paths are relative to
the file. What is steered while it plays (positions, gains, threshold) is not configuration: it belongs to the scene,
which the daemon keeps in `state_folder` from one run to the next.

```yaml
layout: 7.1.4
driver: jack
jack:
  connect_outputs: ["system:playback_*"]
inputs:
  - {name: narrator, aed: [0, 0, 2]}
osc:
  bind: 0.0.0.0
  allow: [192.168.1.0/24]
```

| key | value | meaning | default |
|---|---|---|---|
"""


def osc_page() -> str:
    """The page of OSC addresses, from the parameter table."""
    return _OSC_HEAD + "".join(_osc_row(parameter) for parameter in TABLE)


def config_page() -> str:
    """The page of configuration keys, from the model that checks them."""
    schema = Config.model_json_schema()
    return _CONFIG_HEAD + "".join(_config_rows("", schema, schema["$defs"]))


def main() -> None:
    """Write the pages into a folder."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m stemfield.control.manual FOLDER")
    for name, page in (("osc.md", osc_page()), ("config.md", config_page())):
        (Path(sys.argv[1]) / name).write_text(page, encoding="utf-8")


def _osc_row(parameter: Parameter) -> str:
    arguments = "; ".join(map(_argument, parameter.arguments)) or "any"
    if parameter.arguments and parameter.arguments[-1].repeated:
        arguments += "; and so on"
    act = "" if parameter.access == "value" else "*do* "
    default = " ".join(_value(value) for value in parameter.default)
    return _row(f"`{parameter.address}`", arguments, act + parameter.description, default)


def _argument(argument: Argument) -> str:
    text = f"`{argument.tag}` {argument.name}"
    notes = [_UNITS[argument.unit]] if argument.unit else []
    if argument.values:
        notes.append(argument.allowed())
    elif math.isfinite(argument.low):
        notes.append(f"{argument.low:g} to {argument.high:g}" if argument.high < _ENDLESS else f"from {argument.low:g}")
    notes += ["optional"] if argument.optional else []
    return text + (f" ({', '.join(notes)})" if notes else "")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value) or '`""`'


def _config_rows(above: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[str]:
    for key, field in schema["properties"].items():
        path = f"{above}{key}"
        block = field.get("$ref", field.get("items", {}).get("$ref", "")).rpartition("/")[2]
        if block:
            inside, opened = parts[block], path + ("[]." if "items" in field else ".")
            yield _row(f"`{path}`", "list of blocks" if "items" in field else "block", inside["description"], "")
            yield from _config_rows(opened, inside, parts)
            continue
        needed = key in schema.get("required", ())
        yield _row(f"`{path}`", _allowed(field), field["description"], "required" if needed else _default(path, field))


def _allowed(field: Mapping[str, Any]) -> str:
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    texts = []
    for option in options:
        words = ", ".join(str(value) for value in option.get("enum", ())) or str(option.get("type", "string"))
        if option.get("format") == "path":
            words = "path"
        if words == "array":
            items = option.get("items", {})
            inner = str(items.get("format", items.get("type", ""))).removeprefix("ipvany")
            words = f"list of {inner}s" if inner else f"list of {option.get('minItems')} numbers"
        if "minimum" in option:
            words += f", {option['minimum']:g} to {option['maximum']:g}"
        texts.append(words)
    return " or ".join(dict.fromkeys(texts)) + (" or null" if len(options) < len(field.get("anyOf", options)) else "")


def _default(path: str, field: Mapping[str, Any]) -> str:
    homes = {
        "layout_folders": "`[~/.config/stemfield/layouts]`",
        "model_folders": "`[~/.config/stemfield/models]`",
        "state_folder": "`~/.local/state/stemfield`",
    }
    return homes.get(path) or f"`{json.dumps(field['default'])}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    main()
