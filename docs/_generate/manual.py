"""Generated parts of the manual: OSC addresses, configuration, commands, drawings of the loudspeaker chain.

`python -m docs._generate.manual docs` writes them.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docs._generate.manual_cli import cli_page
from docs._generate.manual_figures import bass_svg, chain_svg
from stemfield.control.config.configuration import Config
from stemfield.control.parameters.adm_rows import ADM_ROWS
from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.rows import Parameter
from stemfield.control.parameters.table import TABLE

_UNITS = {
    "angle.degree": "degrees",
    "distance.m": "m",
    "frequency.hz": "Hz",
    "gain.db": "dB",
    "gain.linear": "linear",
    "time.second": "s",
    "time.millisecond": "ms",
}

_ENDLESS = 2.0**31 - 1
"""The largest OSC integer, not worth printing as a limit."""

_OSC_HEAD = """\
# Control by OSC

The daemon listens for OSC on UDP port 4001 of this machine, or of the network if the [configuration](config.md) opens
it. [ADM-OSC](adm.md), [SpatGRIS and S3A](dialects.md) control the same scene. `{o}` is an object's id or name: the
stems of the included models are `0` `vocals`, `1` `bass`, `2` `drums`, `3` `other`; `4` `residual` is what no stem
claims; direct inputs start at `5`. `{group}` is a number, `{label}` a loudspeaker's label, `{stem}` an instrument of
the model. Address patterns (`*` `?` `[a-z]` `{one,two}`) match many at once.

- **Units.** Degrees, metres, seconds. Azimuth is positive to the left, elevation upwards; x is front, y left, z up.
- **Queries.** An address without arguments is a query. The answer is the same address with the current value, sent to
  the port that asked. Rows marked *do* are actions, without a value to query. Rows marked *ask* can be queried and
  subscribed to, but not set.
- **Types.** `i` `f` `d` `h` `T` `F` are interchangeable for numbers and truth values, `s` and `S` for strings. Brackets
  of arrays and surplus arguments are ignored. A gain of minus infinity is silence.
- **Limits.** A number out of range is clamped. NaN, infinity and wrong types change nothing and are reported to the
  sender on `/error` (address, reason), at most ten per second.
- **Time.** A bundle with a time tag takes effect at its time, a past one at once; one more than 10 s ahead is refused.
  Changes of positions, gains, filters and scenes start in the outputs at the exact frame that is due at that time, if
  the bundle arrives a period and 20 ms earlier; the delay from outputs to loudspeakers is the server's playback
  latency. `/scene/undo` and the like start with the next block.

```
oscsend localhost 4001 /object/vocals/aed fff 110 0 2     # move the singer to the left and behind
oscsend localhost 4001 '/object/{drums,bass}/gain' f -6
oscsend localhost 4001 /object/bass/eq sfffsfff lowshelf 120 0.7 3 peak 800 2 -4
oscsend localhost 4001 /object/bass/eq s ""
oscsend localhost 4001 /speaker/M+110/identify            # it says its name
```

| address | arguments | meaning | default |
|---|---|---|---|
"""

_ADM_HEAD = """\
# ADM-OSC

The OSC port (UDP 4001) accepts [ADM-OSC 1.0](https://immersive-audio-live.github.io/ADM-OSC/) beside native OSC. `{n}`
is an object's number: its id plus one. `*`, `?` and the other patterns match many at once, and bundles work.

- **Axes.** x right, y front, z up; azimuth to the left, elevation up, in degrees. Distances run from 0 to 1, where 1 is
  the object's `dmax` in metres (initially 1 m).
- **Representations.** `aed` and `xyz` set all three at once; a single component changes the last position, polar or
  Cartesian, and keeps the others of its kind. A distance of 0 keeps the direction.
- **Queries.** An address without arguments is a query; one with a wildcard gets an answer per object. Answers go to
  port 4002 of the sender's address (`osc.adm_answer_port`).
- **Limits.** Numbers out of range are clamped. Messages that cannot be understood are counted (`/status/problems`) and
  never answered, because ADM-OSC has no errors.
- **Touch.** `touch` and `release`, after the values or instead of them, hold the object and release it
  ([several controllers](dialects.md)).

| address | arguments | meaning |
|---|---|---|
"""

_CONFIG_HEAD = """\
# Configuration

`stemfield serve --config FILE` reads one YAML file; without `--config` it takes `~/.config/stemfield/config.yaml`,
otherwise `/etc/stemfield/config.yaml`, otherwise the defaults below. `stemfield check FILE` reports every problem at
once: unknown keys, wrong types, values out of range, a layout, model or music file that does not exist. Relative paths
are relative to the file. What is controlled during playback (positions, gains, threshold) is not configuration: it
belongs to the scene, which the daemon keeps in `state_folder` between runs.

SIGHUP (`systemctl reload stemfield`) reads the file again during playback. Keys marked *live* apply at once; changes to
others are logged and apply at the next start. A file with problems changes nothing, and all problems are logged. If
access rules change, pages and other WebSocket clients have to reconnect. JACK connections that are no longer configured
stay until someone disconnects them.

```yaml
layout: 7.1.4
driver: jack
jack:
  connect_outputs: ["system:playback_*"]
inputs:
  - {name: narrator, aed: [0, 0, 2]}
network:
  bind: 0.0.0.0
  allow: [192.168.1.0/24]
```

| key | value | meaning | default |
|---|---|---|---|
"""


def osc_page() -> str:
    """Page of OSC addresses, from the parameter table."""
    return _OSC_HEAD + "".join(_osc_row(parameter) for parameter in TABLE)


def adm_page() -> str:
    """Page of ADM-OSC addresses, from their table."""
    rows = (
        _row(f"`{p.address}`", "; ".join(map(_argument, p.arguments)) or "any", _act(p) + p.description)
        for p in ADM_ROWS
    )
    return _ADM_HEAD + "".join(rows)


def config_page() -> str:
    """Page of configuration keys, from the model that validates them."""
    schema = Config.model_json_schema()
    return _CONFIG_HEAD + "".join(_config_rows("", schema, schema["$defs"]))


PARTS: Mapping[str, Callable[[], str]] = {
    "osc.md": osc_page,
    "adm.md": adm_page,
    "config.md": config_page,
    "cli.md": cli_page,
    "loudspeaker-chain.svg": chain_svg,
    "bass-management.svg": bass_svg,
}
"""File names, each with the function that makes its text."""


def main() -> None:
    """Write the generated pages into a folder."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m docs._generate.manual FOLDER")
    for name, make in PARTS.items():
        (Path(sys.argv[1]) / name).write_text(make(), encoding="utf-8")


def _osc_row(parameter: Parameter) -> str:
    arguments = "; ".join(map(_argument, parameter.arguments)) or "any"
    if parameter.arguments and parameter.arguments[-1].repeated:
        arguments += "; and so on"
    default = " ".join(_value(value) for value in parameter.default)
    return _row(f"`{parameter.address}`", arguments, _act(parameter) + parameter.description, default)


def _act(parameter: Parameter) -> str:
    return {"value": "", "status": "*ask* "}.get(parameter.access, "*do* ")


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
        path, live = f"{above}{key}", "*live* " if field.get("live") else ""
        block = field.get("$ref", field.get("items", {}).get("$ref", "")).rpartition("/")[2]
        if block:
            inside, opened = parts[block], path + ("[]." if "items" in field else ".")
            meaning = live + inside["description"]
            yield _row(f"`{path}`", "list of blocks" if "items" in field else "block", meaning, "")
            yield from _config_rows(opened, inside, parts)
            continue
        needed = key in schema.get("required", ())
        meaning = live + field["description"]
        yield _row(f"`{path}`", _allowed(field), meaning, "required" if needed else _default(path, field))


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
        if words == "object":
            words = f"block of {option['additionalProperties']['type']}s"
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
