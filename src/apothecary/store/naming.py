"""What a thing is called in the base: its kind, its CURIE where an id is known, else a key of its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from apothecary.store.keys import digest_of
from apothecary.vocab.drug_words import BRANDS, IONS, SALTS
from apothecary.vocab.names import exact_key, joined_key, name_words

__all__ = ["KINDS", "curie", "kind_of", "lookup_key", "own_concept"]

KINDS: Mapping[str, str] = {
    label: kind
    for kind, labels in {
        "drug": "drug chemical chemicals chemicalentity compound brand group drug_n drug_group drugclass",
        "disease": "disease diseaseorphenotypicfeature diseaseclass phenotype symptom adverseevent disorder",
        "gene": "gene geneorgeneproduct geneproduct protein rna familyname domainmotif",
        "variant": "variant sequencevariant mutation dnamutation proteinmutation snp allele",
        "species": "species organism organismtaxon taxon strain",
        "cell": "cell cellline celltype cellortissue",
    }.items()
    for label in labels.split()
}
"""Types of mentions, in lower case, by the kind of concept they name; all others are of kind "other"."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LONGEST = 200
_PREFIXES = {
    each.casefold(): each
    for each in _words("MESH OMIM CHEBI DRUGBANK NCIT DOID HP MONDO UMLS ATC HGNC PR GO EFO UNII")
} | {
    "rxnorm": "RXCUI", "rxcui": "RXCUI",
    "ncbigene": "NCBIGene", "entrezgene": "NCBIGene", "entrez": "NCBIGene", "gene": "NCBIGene",
    "taxonomy": "NCBITaxon", "ncbitaxon": "NCBITaxon", "species": "NCBITaxon",
    "dbsnp": "dbSNP", "rs": "dbSNP", "cellosaurus": "Cellosaurus", "cvcl": "Cellosaurus",
    "up": "UniProtKB", "uniprot": "UniProtKB", "uniprotkb": "UniProtKB",
    "pubchem.compound": "PUBCHEM.COMPOUND",
}  # fmt: skip
_CURIE = re.compile(r"([A-Za-z][\w.]*):\s*(\S.*)")
# Ids that stand bare in annotations, and whose they are.
_BARE = (
    (re.compile(r"[CD]\d{4,10}"), "MESH"),
    (re.compile(r"rs\d+"), "dbSNP"),
    (re.compile(r"CVCL_\w+"), "Cellosaurus"),
)
_BARE_NUMBERS = {"gene": "NCBIGene", "species": "NCBITaxon"}
_UNLINKED = frozenset({"", "-", "-1"})
# "Nitric oxide" and "methyl bromide" are no salts of "nitric" and "methyl": only such words go that make a
# salt of a drug in literature, too.
_SALTS = SALTS - _words(
    """
    oxide hydroxide chloride bromide fluoride nitrate carbonate oxalate lactate base modified salt micronized
    macrocrystals nap na k ca mg mag sod pot chl so hydrogen calcium-ion iron zinc copper silver
    """
)


def kind_of(type: str) -> str:
    """The kind of concept that a type of mention names.

    >>> kind_of("ChemicalEntity"), kind_of("Procedure")
    ('drug', 'other')
    """
    return KINDS.get(re.sub(r"[\s-]", "", type).casefold(), "other")


def curie(identifier: str, kind: str) -> str:
    """An id as a CURIE in one spelling; "" for a mark that says "not linked".

    >>> curie("D017239", "drug"), curie("mesh:D017239", "drug"), curie("7157", "gene"), curie("-1", "gene")
    ('MESH:D017239', 'MESH:D017239', 'NCBIGene:7157', '')
    """
    bare = " ".join(identifier.split())
    found = _CURIE.fullmatch(bare)
    prefix = _PREFIXES.get(found[1].casefold(), found[1]) if found else ""
    while found and (again := _CURIE.fullmatch(found[2])) and again[1].casefold() == found[1].casefold():
        found = again  # some files write the prefix twice
    if prefix in KINDS.values():
        found, prefix = None, ""  # such a prefix is that of a name
    rest = found[2] if found else bare
    if rest in _UNLINKED:
        return ""
    if not prefix:
        prefix = next((known for pattern, known in _BARE if pattern.fullmatch(rest)), "")
    if not prefix and rest.isdigit():
        prefix = _BARE_NUMBERS.get(kind, "")
    return _bounded(f"{prefix or 'LOCAL'}:{rest}")


def own_concept(kind: str, ids: Iterable[str], names: Iterable[str]) -> tuple[str, bool]:
    """The concept that ids name, or else the first usable name; and whether ids did.

    A composite mention ("hepatic and renal failure") is a concept of its own: its CURIEs in order, with "|"
    between them.

    >>> own_concept("drug", [], ["Morphine sulfate"]), own_concept("drug", ["D009020"], ["Morphine sulfate"])
    (('drug:morphine', False), ('MESH:D009020', True))
    """
    curies = sorted({curie(each, kind) for each in ids} - {""})
    if curies:
        return _bounded("|".join(curies)), True
    name = next((each for each in names if each.strip()), "")
    return f"{kind}:{_bounded(_name_key(name, kind))}", False


@lru_cache(maxsize=1 << 17)
def lookup_key(name: str) -> str:
    """What a name is looked up by: letters and digits, without regard to case, blanks and plurals."""
    return _bounded(joined_key(name_words(name)) or exact_key(name))


@lru_cache(maxsize=1 << 17)
def _name_key(name: str, kind: str) -> str:
    return lookup_key(_ingredient(name) if kind == "drug" else name)


def _ingredient(name: str) -> str:
    """A drug without its salt, a brand by what is in it: "morphine sulfate" is "morphine", "Lasix"
    "furosemide".

    The rules for hospital lists (`vocab.drug_strings`) would drop numbers and Greek letters, which tell the
    chemicals of literature apart: here a salt goes from the end alone, and a brand is the whole name.
    """
    words = name.split()
    if len(words) == 1 and len(contents := BRANDS.get(name.strip().casefold(), ())) == 1:
        return contents[0]
    end = len(words)
    while end > 1 and words[end - 1].casefold() in _SALTS and not _is_ion(words[: end - 1]):
        end -= 1
    return " ".join(words[:end])


def _is_ion(words: list[str]) -> bool:
    return {word.casefold() for word in words} <= IONS


def _bounded(key: str) -> str:
    """No name is longer; what is longer is damage, and is told apart by its digest."""
    return key if len(key) <= _LONGEST else f"{key[:_LONGEST]}~{digest_of(key)[:16]}"
