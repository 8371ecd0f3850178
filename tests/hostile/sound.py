"""What may come out of a reader, whatever went in."""

import json
from collections.abc import Sequence

from apothecary.documents import Document
from apothecary.errors import ApothecaryError
from apothecary.formats import records
from apothecary.formats.medline import Withdrawn

__all__ = ["check"]


def check(items: Sequence[object], *, documents: bool) -> None:
    """Every value is of the contract; a document can be written and read again; an error is one line.

    `documents` tells readers of documents from those of other files. Raises AssertionError.
    """
    for item in items:
        if isinstance(item, ApothecaryError):
            line = str(item)
            assert line.strip()
            assert "\n" not in line
        elif isinstance(item, Document):
            text = json.dumps(records.to_record(item), ensure_ascii=False, allow_nan=False)
            assert records.from_record(json.loads(text.encode()), where="again") == item
        else:
            assert not documents or isinstance(item, Withdrawn)
