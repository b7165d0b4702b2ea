"""Compiled code is kept for as long as the files that it is made of say the same."""

import importlib
import shutil

import pytest

from stemfield.renderer.native import code_cache
from stemfield.renderer.native.code_cache import cache_folder, compiled_sources


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the renderer's files that may be changed."""
    here = tmp_path / "renderer"
    shutil.copytree(code_cache.HERE, here, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_cache, "HERE", here)
    return here


@pytest.mark.parametrize(
    "name", ["engine/processor.py", "engine/memory.py", "dsp/chain.py", "simd/vectors.py", "panning/kernel.py"]
)
def test_a_change_of_what_compiled_code_is_made_of_makes_another_folder(copied, name):
    before = cache_folder()
    with (copied / name).open("a") as file:
        file.write("# changed\n")
    assert cache_folder() != before


@pytest.mark.parametrize("name", ["engine/engine.py", "scene/gains.py", "drivers/jack.py"])
def test_other_changes_do_not(copied, name):
    before = cache_folder()
    with (copied / name).open("a") as file:
        file.write("# changed\n")
    assert cache_folder() == before


def test_no_compiled_function_is_in_another_file():
    found = compiled_sources()
    for path in code_cache.HERE.rglob("*.py"):
        name = ".".join(["stemfield.renderer", *path.relative_to(code_cache.HERE).with_suffix("").parts])
        compiled = [v for v in vars(importlib.import_module(name.removesuffix(".__init__"))).values()
                    if hasattr(v, "py_func") and v.py_func.__module__ == name]  # fmt: skip
        assert path in found or not compiled
