"""Which ids were met already: millions of them in little memory."""

from __future__ import annotations

import hashlib
from array import array

__all__ = ["Seen"]

_EMPTY = 0
_FIRST_SIZE = 1024


class Seen:
    """Remembers of each id a number (of its file, of its line; below 2**32), in 12 to 24 bytes.

    Ids are kept as 64-bit digests: of ten million ids, two share one with a chance of about one in
    400,000. (A dict of strings takes some 150 bytes for each.)
    """

    def __init__(self) -> None:
        self._digests = array("Q", bytes(8 * _FIRST_SIZE))
        self._numbers = array("I", bytes(4 * _FIRST_SIZE))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, identity: str, number: int) -> int | None:
        """The number that an id was first met with; None for a new one, which is now known."""
        digest = int.from_bytes(
            hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        )
        place = self._place(digest or 1)
        if self._digests[place] != _EMPTY:
            return self._numbers[place]
        self._digests[place], self._numbers[place] = digest or 1, number
        self._count += 1
        if 2 * self._count > len(self._digests):
            self._grow()
        return None

    def _place(self, digest: int) -> int:
        """Where a digest stands, or would (open addressing, linear probing)."""
        digests, last = self._digests, len(self._digests) - 1
        place = digest & last
        while digests[place] not in (_EMPTY, digest):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        digests, numbers = self._digests, self._numbers
        self._digests = array("Q", bytes(16 * len(self._digests)))
        self._numbers = array("I", bytes(8 * len(self._numbers)))
        for digest, number in ((d, n) for d, n in zip(digests, numbers, strict=True) if d != _EMPTY):
            place = self._place(digest)
            self._digests[place], self._numbers[place] = digest, number
