"""Python literals: what models write, and the scorers of some releases read, where JSON is meant.

It stands with the metrics as those that score such answers need it, and tasks may import it from here.
"""

from __future__ import annotations

import ast
import warnings

__all__ = ["LITERAL_LIMIT", "python_literal"]

LITERAL_LIMIT = 100_000
"""Characters of a literal that are read: long ones can exhaust the parser of the language."""


def python_literal(text: str, *, limit: int = LITERAL_LIMIT, otherwise: object = None) -> object:
    """The value of a Python literal; `otherwise` for a text that is none, or longer than `limit` characters.

    Nothing is evaluated but signs before numbers and sums of a real and an imaginary one. Never raises; time
    grows linearly with the text.

    >>> python_literal("['a', ('b', None)]"), python_literal("open('a')"), python_literal("None", otherwise=0)
    (['a', ('b', None)], None, None)
    """
    if len(text) > limit:
        return otherwise
    try:
        with warnings.catch_warnings():
            # A backslash before a wrong letter is a warning of the language, and nothing to the user.
            warnings.simplefilter("ignore")
            value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return otherwise
    return value
