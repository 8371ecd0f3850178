"""What the Biolink model calls things, and the addresses behind ids: the table `biolink.toml`, read."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from urllib.parse import quote

__all__ = ["NAMESPACE", "aspect_of", "category_of", "curie_of", "iri_of", "predicate_of", "publication_of"]

NAMESPACE = "urn:apothecary:"
"""Of what has no address of its own: unlinked concepts, edges, documents."""

_CURIE = re.compile(r"([A-Za-z][\w.]*):([^\s|]+)")
_PMID = re.compile(r"[1-9]\d{0,8}")
_PMC = re.compile(r"PMC(\d+)")


def category_of(kind: str) -> str:
    """The category of a kind of concept."""
    return _table("categories").get(kind, "biolink:NamedThing")


def predicate_of(type: str) -> str:
    """The predicate of a relation type."""
    return _table("predicates").get(type, "biolink:related_to")


def aspect_of(type: str) -> tuple[str, str]:
    """What of the object a relation of this type changes, and which way; empty where it says neither."""
    aspect, direction = _aspects().get(type, ("", ""))
    return aspect, direction


def curie_of(concept: str) -> str:
    """A CURIE for a concept: its own, or one of this package for a name without an id.

    >>> curie_of("MESH:D017239"), curie_of("drug:vitamin c")
    ('MESH:D017239', 'apothecary:drug%3Avitamin%20c')
    """
    found = _CURIE.fullmatch(concept)
    return concept if found and found[1] in _table("prefixes") else f"apothecary:{quote(concept, safe='')}"


def publication_of(document: str) -> str:
    """A CURIE for a document: PMID of a number, PMC of such an id, else one of this package.

    >>> publication_of("8643973"), publication_of("PMC7654321"), publication_of("note 1")
    ('PMID:8643973', 'PMC:7654321', 'apothecary:document/note%201')
    """
    if _PMID.fullmatch(document):
        return f"PMID:{document}"
    found = _PMC.fullmatch(document)
    return f"PMC:{found[1]}" if found else f"apothecary:document/{quote(document, safe='')}"


def iri_of(curie: str) -> str:
    """The address behind a CURIE of `curie_of` or `publication_of`."""
    prefix, _, rest = curie.partition(":")
    return f"{_table('prefixes').get(prefix, NAMESPACE)}{quote(rest, safe='/%')}"


@cache
def _data() -> dict[str, dict[str, object]]:
    return tomllib.loads(files("apothecary.store").joinpath("biolink.toml").read_text(encoding="utf-8"))


@cache
def _table(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in _data()[name].items()}


@cache
def _aspects() -> dict[str, tuple[str, str]]:
    return {
        key: (str(value[0]), str(value[1]))
        for key, value in _data()["aspects"].items()
        if isinstance(value, list)
    }
