"""The audit of dependencies never takes silence for safety."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

GOOD: dict[str, Any] = {"name": "numpy", "version": "2.4.0", "vulns": []}
BAD = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
UNKNOWN = {"name": "scipy", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def audit(repository: Path) -> Any:
    loader = SourceFileLoader("audit", str(repository / ".ci" / "audit"))
    spec = importlib.util.spec_from_loader("audit", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "wrong", "line"),
    [
        ([GOOD, UNKNOWN], False, "Python packages: 0 known vulnerabilities; 1 of 2 checked"),
        ([GOOD, BAD], True, "  jinja2 2.4.1: PYSEC-2019-217, fixed in 2.10.1"),
        ([UNKNOWN], False, "Python packages: NOT AUDITED: the index in use has no database"),
        ([], False, "Python packages: NOT AUDITED: the index in use has no database"),
    ],
)
def test_python_packages(
    audit: Any, capsys: Any, monkeypatch: Any, packages: list[Any], wrong: bool, line: str
) -> None:
    monkeypatch.setattr(audit, "json_of", lambda *_: {"dependencies": packages})
    assert audit.python_packages() is wrong
    assert line in capsys.readouterr().out.splitlines()


def test_packages_of_the_page(audit: Any, capsys: Any, monkeypatch: Any) -> None:
    counts = {"vulnerabilities": {"total": 1}, "dependencies": {"total": 300}}
    found = {"vulnerabilities": {"vite": {"range": "<5", "severity": "high"}}, "metadata": counts}
    monkeypatch.setattr(audit, "json_of", lambda *_: found)
    assert audit.page_packages()
    assert capsys.readouterr().out.splitlines() == [
        "  vite <5: high",
        "the page's packages: 1 known vulnerabilities; 300 of 300 checked",
    ]


def test_a_program_that_fails_has_audited_nothing(audit: Any, capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    answer = audit.json_of(["sh", "-c", "echo no route to host >&2; exit 1"], tmp_path)
    monkeypatch.setattr(audit, "json_of", lambda *_: answer)
    assert not audit.page_packages()
    assert capsys.readouterr().out == "the page's packages: NOT AUDITED: no route to host\n"
