"""The examples in the docstrings of panning and gains are true."""

import doctest

import pytest

from stemfield.renderer.panning import distance, panner
from stemfield.renderer.scene import gains, scene


@pytest.mark.parametrize("module", [distance, gains, panner, scene], ids=lambda module: module.__name__)
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
