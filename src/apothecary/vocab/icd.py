"""What stands above a code of the ICD: its category, and its chapter.

The chapters of the ninth and the tenth revision share their names where they share their matter, so that
codes of both say something in common. Only what the form of a code tells is used; no table of codes.
"""

from __future__ import annotations

from bisect import bisect_right

__all__ = ["chapter", "plain_code", "stems"]

_NINTH = (
    (1, "infections"),
    (140, "neoplasms"),
    (240, "endocrine and metabolic"),
    (280, "blood"),
    (290, "mental"),
    (320, "nervous system and senses"),
    (390, "circulatory"),
    (460, "respiratory"),
    (520, "digestive"),
    (580, "genitourinary"),
    (630, "pregnancy and birth"),
    (680, "skin"),
    (710, "musculoskeletal"),
    (740, "congenital"),
    (760, "perinatal"),
    (780, "symptoms and signs"),
    (800, "injury and poisoning"),
)
_STARTS = [start for start, _ in _NINTH]
_TENTH = {
    **dict.fromkeys("AB", "infections"),
    "C": "neoplasms",
    "E": "endocrine and metabolic",
    "F": "mental",
    **dict.fromkeys("GH", "nervous system and senses"),
    "I": "circulatory",
    "J": "respiratory",
    "K": "digestive",
    "L": "skin",
    "M": "musculoskeletal",
    "N": "genitourinary",
    "O": "pregnancy and birth",
    "P": "perinatal",
    "Q": "congenital",
    "R": "symptoms and signs",
    **dict.fromkeys("ST", "injury and poisoning"),
    **dict.fromkeys("VWXY", "external causes"),
    "Z": "factors and contacts",
}
_STEMS = {"icd9": (3,), "icd10": (3,), "icd9proc": (2,), "icd10pcs": (2, 3)}


def plain_code(code: str) -> str:
    """A code without its point, in capitals.

    >>> plain_code("i50.9 ")
    'I509'
    """
    return code.replace(".", "").strip().upper()


def stems(system: str, code: str) -> tuple[str, ...]:
    """The beginnings of a code that are categories of their own, the shortest first; () for other systems.

    Three characters of a diagnosis (of an external cause of the ninth revision, E..., four), two of a
    procedure of the ninth revision, and section with body system and operation of ICD-10-PCS. A code
    that is a category is its own beginning.

    >>> stems("icd9", "4280"), stems("icd9", "E8889"), stems("icd10pcs", "02703DZ")
    (('428',), ('E888',), ('02', '027'))
    """
    code = plain_code(code)
    lengths = (4,) if system == "icd9" and code.startswith("E") else _STEMS.get(system, ())
    return tuple(code[:length] for length in lengths if len(code) >= length)


def chapter(system: str, code: str) -> str:
    """The chapter of a diagnosis in our own short words; "" where it has none that is known.

    >>> chapter("icd9", "4280"), chapter("icd10", "I50.9"), chapter("icd9", "V5861")
    ('circulatory', 'circulatory', 'factors and contacts')
    """
    code = plain_code(code)
    if system == "icd9":
        if code[:1] in ("E", "V"):
            return "external causes" if code[0] == "E" else "factors and contacts"
        number = code[:3]
        return _ninth(int(number)) if number.isascii() and number.isdigit() and len(number) == 3 else ""
    if system != "icd10" or not code:
        return ""
    if code[0] == "D":
        return "neoplasms" if code[1:2] < "5" else "blood"
    return _TENTH.get(code[0], "")


def _ninth(number: int) -> str:
    place = bisect_right(_STARTS, number) - 1
    return _NINTH[place][1] if place >= 0 else ""
