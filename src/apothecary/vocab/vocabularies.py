"""Vocabularies of any form that is read here, entry by entry: RxNorm, Gilda, OBO; MeSH and tables whole.

A form is told by how the file begins; gzip and bzip2 by theirs. None of these vocabularies ships.

| form | what is taken |
|---|---|
| RxNorm ``RXNCONSO.RRF`` | English names of ingredients, salts, sets and brands, unless suppressed |
| Gilda ``grounding_terms.tsv`` | names of human things and of those without organism; by database |
| OBO (ChEBI, MONDO, HPO, ...) | names and exact synonyms of terms that are not obsolete; by prefix |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.dictionary import Entry, check_name
from apothecary.vocab.files import content_start, numbered_lines, printable
from apothecary.vocab.mesh import read_vocabulary

__all__ = ["vocabulary_entries"]

_SNIFFED_BYTES = 4096
_RRF_COLUMNS = 18
_RRF_TYPES = frozenset({"IN", "PIN", "MIN", "BN"})
_GILDA_COLUMNS = ("norm_text", "text", "db", "id", "entry_name", "status")
_HUMAN = ("", "9606")
_TYPES = {
    prefix: types
    for types, prefixes in {
        ("Chemical",): "CHEBI DRUGBANK PUBCHEM CHEMBL HMDB RXCUI UNII LNCRNADB.CHEMICAL",
        ("Disease",): "DOID MONDO HP EFO OMIM ORPHANET MEDDRA SYMP",
        ("Gene",): "HGNC UP UNIPROT PR FPLX NCBIGENE EGID ENSEMBL",
        ("Species",): "NCBITAXON TAXONOMY",
        ("CellLine",): "CL CLO CVCL CELLOSAURUS",
        # The id does not say which: a name is looked up by its kind, so both do no harm.
        ("Chemical", "Disease"): "MESH NCIT UMLS",
    }.items()
    for prefix in prefixes.split()
}
_OTHER = ("Other",)
_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"\s+EXACT\b')
_OBO_START = ("format-version:", "[Term]", "! ", "ontology:")


def vocabulary_entries(path: Path) -> Iterator[Entry]:
    """The names of a vocabulary with their ids, as CURIEs or as the vocabulary writes them.

    Raises FormatError, naming the line, for a file of another form or without a name.
    """
    start = content_start(path, _SNIFFED_BYTES).decode("utf-8", "replace").lstrip("\ufeff")
    first = start.split("\n", 1)[0].rstrip("\r")
    if first.count("|") == _RRF_COLUMNS and first.endswith("|"):
        found = _rxnorm(path)
    elif tuple(first.split("\t")[: len(_GILDA_COLUMNS)]) == _GILDA_COLUMNS:
        found = _gilda(path)
    elif start.startswith(_OBO_START):
        found = _obo(path)
    else:
        found = iter(read_vocabulary(path).entries)
    empty = True
    for entry in found:
        empty = False
        yield entry
    if empty:
        raise FormatError("no name in it", where=printable(path), hint="name a vocabulary")


def _rxnorm(path: Path) -> Iterator[Entry]:
    source = printable(Path(path.name))
    for number, line in numbered_lines(path):
        cells = line.split("|")
        if len(cells) != _RRF_COLUMNS + 1:
            raise FormatError(
                f"expected {_RRF_COLUMNS} columns",
                where=f"{printable(path)}:{number}",
                hint="give RXNCONSO.RRF",
            )
        concept, language, kind, name, suppressed = (cells[place] for place in (0, 1, 12, 14, 16))
        if language == "ENG" and kind in _RRF_TYPES and suppressed in ("", "N"):
            # Of two concepts of one name the ingredient is meant.
            count = 2 if kind == "IN" else 1
            name = check_name(name, f"{printable(path)}:{number}")
            yield Entry("Drug", name, (f"RXCUI:{concept}",), source, count)


def _gilda(path: Path) -> Iterator[Entry]:
    source = printable(Path(path.name))
    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        cells = line.split("\t")
        if len(cells) < len(_GILDA_COLUMNS):
            raise FormatError("expected the columns of Gilda", where=where, hint="give grounding_terms.tsv")
        if number == 1:
            continue
        _, name, database, identity, _, status, *more = cells
        if (more[1] if len(more) > 1 else "") not in _HUMAN:
            continue
        prefixed = identity if ":" in identity else f"{database}:{identity}"
        count = 2 if status in ("name", "curated") else 1
        for type_ in _TYPES.get(database.upper(), _OTHER):
            yield Entry(type_, check_name(name, where), (prefixed,), source, count)


def _obo(path: Path) -> Iterator[Entry]:
    """A stanza is given when the next one begins: what says that it is obsolete may stand at its end."""
    source = printable(Path(path.name))
    identity, names, obsolete, in_term = "", list[tuple[str, int]](), False, False

    def told() -> Iterator[Entry]:
        if in_term and identity and not obsolete:
            for type_ in _TYPES.get(identity.partition(":")[0].upper(), _OTHER):
                for name, count in names:
                    yield Entry(type_, name, (identity,), source, count)

    for number, line in numbered_lines(path):
        where = f"{printable(path)}:{number}"
        tag, _, value = line.partition(":")
        value = value.strip()
        if line.startswith("["):
            yield from told()
            identity, names, obsolete, in_term = "", [], False, line.strip() == "[Term]"
        elif tag == "id":
            identity = value
        elif tag == "name":
            names.append((check_name(value, where), 2))
        elif tag == "synonym" and (synonym := _SYNONYM.match(value)):
            names.append((check_name(re.sub(r"\\(.)", r"\1", synonym[1]), where), 1))
        elif tag == "is_obsolete":
            obsolete = value == "true"
    yield from told()
