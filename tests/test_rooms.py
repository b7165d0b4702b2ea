"""Each room offers modules in `__all__` of its `__init__.py`; others import no other modules, and no private names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("control", "layouts", "renderer", "separation", "systemd")
ROOMS = {
    "stemfield." + ".".join(path.parent.relative_to(ROOT).parts): path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("__init__.py"))
    if "node_modules" not in path.parts
}
"""The `__init__.py` of each package, by the package's name."""


def offered(init: Path) -> set[str] | None:
    """Names of modules in `__all__`; None without one."""
    for node in ast.parse(init.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each `from stemfield... import ...`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stemfield."):
            yield from ((str(node.module), alias.name) for alias in node.names)


def imports_of_others(room: str) -> Iterator[tuple[Path, str, str]]:
    """Imports in a room of what another room has; a room is not another one to the packages inside it."""
    for path in sorted(ROOMS[room].parent.glob("*.py")):
        for module, name in imports(path):
            there = module if f"{module}.{name}" in ROOMS or module not in ROOMS else f"{module}.{name}"
            if not f"{room}.".startswith(f"{there.rpartition('.')[0]}."):
                yield path, there, name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_offers_modules_that_are_there_and_loads_none(room: str) -> None:
    tree = ast.parse(ROOMS[room].read_text())
    assert ast.get_docstring(tree)
    assert not list(imports(ROOMS[room]))
    for name in offered(ROOMS[room]) or ():
        assert (ROOMS[room].parent / f"{name}.py").is_file() or f"{room}.{name}" in ROOMS, name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_only_what_others_offer(room: str) -> None:
    for path, module, name in imports_of_others(room):
        package, _, part = module.rpartition(".")
        names = offered(ROOMS[package]) if package in ROOMS else None
        assert names is None or part in names, f"{path.name} imports {module}, which {package} does not offer"
        assert not name.startswith("_"), f"{path.name} imports the private {name} of {module}"


def test_what_is_checked_is_most_of_the_source() -> None:
    assert sum(offered(init) is not None for init in ROOMS.values()) >= 30
    assert sum(1 for room in ROOMS for _ in imports_of_others(room)) > 500
