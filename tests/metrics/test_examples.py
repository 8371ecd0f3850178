"""The examples in the docstrings hold."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from apothecary.metrics import counts, literals, spans, thresholds


@pytest.mark.parametrize("module", [counts, literals, spans, thresholds], ids=lambda each: each.__name__)
def test_docstring_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
