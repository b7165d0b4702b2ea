"""The examples in the docstrings are true: above all, which way is left."""

import doctest

import pytest

from stemfield.layouts import coordinates, model


@pytest.mark.parametrize("module", [coordinates, model], ids=lambda module: module.__name__)
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
