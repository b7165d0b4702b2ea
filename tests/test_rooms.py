"""The rooms of the source: what each offers, what it may not reach, and how large it may grow."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("control", "separation", "renderer", "layouts", "systemd")
MAX_ROOM_LINES = 3000
MAX_MODULE_LINES = 400
MAX_MEDIAN_LINES = 150


def modules() -> dict[str, Path]:
    """Every module by its dotted name without `stemfield.`."""
    files = [
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts
    ]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in files}


MODULES = modules()
PARTS = sorted(name for name, path in MODULES.items() if path.name == "__init__.py" and "." in name)
"""Rooms, and the packages within them."""
ROOMS = [name for name in PARTS if name.count(".") == 1]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """The module and the name of each import from stemfield."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stemfield."):
            yield from [(node.module.removeprefix("stemfield."), alias.name) for alias in node.names]


def room_of(module: str) -> str:
    """`control.hub` of `control.hub.reports`; the package of a module that stands beside rooms."""
    room = ".".join(module.split(".")[:2])
    return room if room in ROOMS else module.split(".")[0]


def target_of(module: str, name: str) -> str:
    """The module that `from stemfield.module import name` imports or reads."""
    return f"{module}.{name}" if f"{module}.{name}" in MODULES else module


@pytest.mark.parametrize("room", PARTS)
def test_a_room_says_what_it_is_for_and_what_it_offers(room: str) -> None:
    tree = ast.parse(MODULES[room].read_text(encoding="utf-8"))
    assert len((ast.get_docstring(tree) or "").split()) >= 9
    offered = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    offered |= {name.removeprefix(f"{room}.") for name in MODULES}
    assert set(public(room)) <= offered


def public(room: str) -> list[str]:
    """What a room offers to others, its `__all__`: modules, or names that it imports from them."""
    for node in ast.parse(MODULES[room].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def test_rooms_use_only_what_others_offer() -> None:
    wrong = []
    for name, path in MODULES.items():
        for module, what in imports(path):
            target = target_of(module, what)
            if room_of(target) == room_of(name):
                continue
            package, _, last = target.rpartition(".")
            if what.startswith("_") or (package in PARTS and last not in public(package)):
                wrong.append(f"{name}: {target} ({what})")
    assert not wrong


def test_control_holds_rooms_and_at_most_three_loose_modules() -> None:
    loose = [name for name in MODULES if name.startswith("control.") and name.count(".") == 1 and name not in ROOMS]
    assert len(loose) <= 3, loose


def test_no_room_of_control_and_no_module_is_too_large() -> None:
    sizes = {name: lines(path) for name, path in MODULES.items()}
    rooms = {r: sum(n for name, n in sizes.items() if room_of(name) == r) for r in ROOMS if r.startswith("control.")}
    assert {room: n for room, n in rooms.items() if n > MAX_ROOM_LINES} == {}
    assert {name: n for name, n in sizes.items() if n > MAX_MODULE_LINES} == {}
    assert statistics.median(n for name, n in sizes.items() if MODULES[name].name != "__init__.py") <= MAX_MEDIAN_LINES


def test_no_circle_of_modules() -> None:
    ahead = {
        name: {target_of(*found) for found in imports(path)} & MODULES.keys() - {name} for name, path in MODULES.items()
    }
    while free := {name for name, targets in ahead.items() if not targets & ahead.keys()}:
        ahead = {name: targets for name, targets in ahead.items() if name not in free}
    assert not ahead
