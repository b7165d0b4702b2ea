"""`stemfield layouts` and `stemfield gains`: loudspeaker layouts, and the gains of positions."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

from stemfield.control.cli.printing import print_entries, print_json, print_table
from stemfield.control.command_errors import BAD_INPUT, CommandError, write_errors
from stemfield.control.offline.inputs import check_target, usable_layout, user_config
from stemfield.layouts.foreign import name_of
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import UserError


def gains(options: argparse.Namespace) -> int:
    """Print the gains of positions: a table on a terminal, else JSON."""
    from stemfield.control.offline.positions import read_positions
    from stemfield.renderer.panning.extent import extent_gains
    from stemfield.renderer.panning.panner import Panner

    layout = load_layout(options.layout, user_config().layout_folders)
    name = options.positions
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        positions = read_positions(data.decode("utf-8-sig").splitlines(), name)
    except UnicodeDecodeError as error:
        raise CommandError([f"{name}: expected text in UTF-8"]) from error
    except OSError as error:
        raise CommandError([f"{name}: {error.strerror}"]) from error
    rows = extent_gains(Panner(layout), *positions).tolist()
    if options.json or not sys.stdout.isatty():
        print_json({"labels": list(layout.labels), "gains": rows})
    else:
        for row in rows:
            print("  ".join(f"{label} {gain:.4f}" for label, gain in zip(layout.labels, row, strict=True) if gain))
    return 0


def layouts_list(options: argparse.Namespace) -> int:
    """List all layouts by name; broken ones with their problems."""
    entries = available_layouts(user_config().layout_folders)
    print_entries(entries, "aliases", "has problems: stemfield layouts check", as_json=options.json)
    return 0


def layouts_show(options: argparse.Namespace) -> int:
    """Print the loudspeakers of a layout, in the order of ports and gains."""
    layout = load_layout(options.layout, user_config().layout_folders)
    if options.json:
        keys = ("label", "channel", "azimuth_deg", "elevation_deg", "radius_m", "lfe")
        speakers = [{key: getattr(speaker, key) for key in keys} for speaker in layout.speakers]
        print_json({"name": layout.name, "title": layout.title, "speakers": speakers})
        return 0
    rows = [("channel", "label", "azimuth", "elevation", "radius", "")]
    rows += [
        (str(s.channel), s.label, f"{s.azimuth_deg:g}°", f"{s.elevation_deg:g}°", f"{s.radius_m:g} m", "LFE" * s.lfe)
        for s in layout.speakers
    ]
    print(layout.title)
    print_table(rows)
    return 0


def layouts_check(options: argparse.Namespace) -> int:
    """Print the problems of layouts, and remarks on usable ones."""
    from stemfield.renderer.panning.review import review_layout

    config = user_config()
    checked: list[tuple[str, list[str], list[str], list[str]]] = []
    for name in options.names:
        try:
            remarks = review_layout(usable_layout(name, config))
        except UserError as error:
            checked.append((name, list(error.lines), [], []))
            continue
        problems, advice, notes = (
            [remark.text for remark in remarks if remark.severity == severity]
            for severity in ("problem", "advice", "note")
        )
        checked.append((name, [f"{name}: {problem}" for problem in problems], advice, notes))
    if options.json:
        print_json([{"name": n, "ok": not p, "problems": p, "advice": a, "notes": notes} for n, p, a, notes in checked])
        return BAD_INPUT if any(problems for _, problems, *_ in checked) else 0
    for name, problems, advice, notes in checked:
        if not problems:
            print(f"{name}: ok")
        for kind, lines in (("advice", advice), ("note", notes)):
            for line in lines:
                print(f"{name}: {kind}: {line}")
    if every := [line for _, problems, *_ in checked for line in problems]:
        raise CommandError(every)
    return 0


def layouts_plot(options: argparse.Namespace) -> int:
    """Draw a layout."""
    from stemfield.renderer.panning.plot import plot_layout

    layout = load_layout(options.layout, user_config().layout_folders)
    check_target(Path(options.target))
    with write_errors(options.target):
        plot_layout(layout, Path(options.target))
    print(options.target)
    return 0


def layouts_convert(options: argparse.Namespace) -> int:
    """Convert a layout file of another renderer, and print what was left out."""
    from stemfield.layouts.export import layout_yaml

    source, target = Path(options.source), _own_file(options.target)
    if target.exists() and source.exists() and target.samefile(source):
        raise CommandError([f"{target}: is the input itself"])
    layout = load_layout(str(source.absolute()))
    _write(target, layout, layout_yaml(layout, target.absolute().parent), as_json=options.json)
    return 0


def layouts_copy(options: argparse.Namespace) -> int:
    """Copy a layout under another name, with nominal positions beside the real ones."""
    from stemfield.layouts.export import layout_yaml

    target = _own_file(options.target)
    name = name_of(target.stem)
    if not name:
        raise CommandError([f"{target}: expected a file name that can be the name of a layout"])
    given = load_layout(options.layout, user_config().layout_folders)
    copy = replace(given, name=name, aliases=())
    _write(target, copy, layout_yaml(copy, target.absolute().parent, nominal=True), as_json=options.json, mode="x")
    if not options.json:
        print(f"{target}: enter the real positions of the loudspeakers; the nominal ones identify them")
    return 0


def _own_file(name: str) -> Path:
    if not name.endswith((".yaml", ".yml")):
        raise CommandError([f"{name}: expected a name that ends in .yaml"])
    return Path(name)


def _write(target: Path, layout: Layout, text: str, *, as_json: bool, mode: Literal["w", "x"] = "w") -> None:
    """Write a layout and print what it is; mode `x` refuses an existing file."""
    check_target(target)
    if mode == "x" and target.exists():
        raise CommandError([f"{target}: exists already"])
    with write_errors(target), target.open(mode, encoding="utf-8") as file:
        file.write(text)
    if as_json:
        print_json({"path": str(target), "name": layout.name, "labels": layout.labels, "notes": layout.notes})
        return
    print(f"{target}: {layout.name}, {len(layout.labels)} loudspeakers")
    for note in layout.notes:
        print(f"{target}: note: {note}")
