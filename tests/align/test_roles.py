"""The drug and the disease of a pair find their mentions."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.align.role_lemmas import noun_key
from apothecary.align.roles import DISEASE, DRUG, ROLES, RoleSpan, Tagger, count_roles, tag
from apothecary.errors import UsageError
from tests.strategies import texts

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS = DATA.parent / "vectors" / "condition_roles.json"

WORDS = st.sampled_from(["zinc", "Zinc", "deficiency", "deficiencies", "D", "in", "women", ".", "(", "5-FU"])
PHRASES = st.lists(WORDS, max_size=12).map(" ".join)
NAMES = st.lists(WORDS, max_size=3).map(" ".join)
TAGGERS: list[Tagger] = ["lemma", "reference"]


def found(text: str, drug: str, disease: str = "", **more: object) -> list[tuple[str, int]]:
    return [(text[s.start : s.end], s.role) for s in tag(text, drug, disease, **more)]  # type: ignore[arg-type]


def token_roles(offsets: Sequence[Sequence[int]], spans: Sequence[RoleSpan]) -> list[int]:
    """Any overlap counts, and the drug wins."""
    return [
        min((s.role for s in spans if s.start < end and start < s.end), default=0) for start, end in offsets
    ]


def test_the_reference_tagger_equals_the_published_code() -> None:
    if not VECTORS.is_file():
        pytest.skip("vectors absent: set APOTHECARY_DATA; condition_roles.json lies beside it in vectors/")
    cases = json.loads(VECTORS.read_text())["tagging"]
    assert cases
    for case in cases:
        spans = tag(case["text"], case["drug"], case["disease"], tagger="reference")
        assert token_roles(case["offsets"], spans) == case["role_ids"], case["name"]


def test_roles_have_their_numbers() -> None:
    assert (
        dict(ROLES) == {"none": 0, "drug": DRUG, "disease": DISEASE} == {"none": 0, "drug": 1, "disease": 2}
    )


@pytest.mark.parametrize(
    ("drug", "text", "expected"),
    [
        ("oxygen", "Oxygenation with Oxygen", ["Oxygen"]),
        ("men", "women and men", ["men"]),
        ("migraines", "Migraine, a migraine", ["Migraine", "migraine"]),
        ("metastasis", "bone metastases", ["metastases"]),
        ("sulfonylurea", "Sulfonylureas", ["Sulfonylureas"]),
        ("5-FU", "5-FU, 5 FU; 5-FUs, 15-FU", ["5-FU", "5 FU"]),
        ("RAD001", "RAD001 RAD0011", ["RAD001"]),
        ("AIDS", "AIDS aids aid", ["AIDS"]),
        ("ALL", "all with ALL", ["ALL"]),
        ("tuberculosis", "TUBERCULOSIS", ["TUBERCULOSIS"]),
        ("HEART DISEASE", "heart disease; HEART DISEASES", ["heart disease", "HEART DISEASES"]),
        ("dry eyes", "DRY EYES, dry eye", ["DRY EYES", "dry eye"]),
        ("vitamin D", "vitamin d, Vitamin\n D", ["vitamin d", "Vitamin\n D"]),
        ("valsartan-hydrochlorothiazide", "valsartan/hydrochlorothiazide", ["valsartan/hydrochlorothiazide"]),
        ("trimethoprim / sulfa", "Trimethoprim\u2013sulfa", ["Trimethoprim\u2013sulfa"]),
        (
            "Crohn's disease",
            "Crohn disease, Crohn\u2019s disease's",
            ["Crohn disease", "Crohn\u2019s disease"],
        ),
        ("quinine", "Quinine-induced", ["Quinine"]),
        ("TNF-alpha", "anti-TNF-\u03b1", ["TNF-\u03b1"]),
        ("aspirin", "\u0391spirin aspi\u00adrin", ["aspi\u00adrin"]),
        ("caf\u00e9", "cafe\u0301 cafe", ["cafe\u0301"]),
        ("1,25-D", "0,1,25-D 1,25-D", ["1,25-D"]),
        ("\u963f\u53f8", "\u670d\u7528\u963f\u53f8\u5339", ["\u963f\u53f8"]),
        ("zinc zinc", "zinc zinc zinc zinc", ["zinc zinc", "zinc zinc"]),
        (" ", "a b", []),
        ("-", "a-b", []),
        ("(", "(a)", []),
    ],
)
def test_a_name_is_found_as_whole_words(drug: str, text: str, expected: list[str]) -> None:
    assert found(text, drug) == [(piece, DRUG) for piece in expected]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("diseases", "disease"),
        ("carcinomata", "carcinoma"),
        ("women", "woman"),
        ("headaches", "headache"),
        ("biopsies", "biopsy"),
        ("doses", "dose"),
        ("viruses", "virus"),
        ("arthritides", "arthritis"),
        ("streptococci", "streptococcus"),
        ("vertebrae", "vertebra"),
        ("mice", "mouse"),
        ("abscesses", "abscess"),
        ("uses", "use"),
    ],
)
def test_the_forms_of_a_noun_share_a_key(plural: str, singular: str) -> None:
    assert noun_key(plural) == noun_key(singular)


def test_other_words_do_not_share_a_key() -> None:
    words = ["aid", "gas", "us", "use", "hypertensive", "lupus", "mania", "maniac", "mass", "man", "manic"]
    assert len({noun_key(word) for word in words}) == len(words)


@pytest.mark.parametrize(
    ("drug", "disease", "expected"),
    [
        ("vitamin D", "vitamin D deficiency", [("Vitamin D deficiency", DISEASE), ("vitamin D", DRUG)]),
        ("vitamin D deficiency", "vitamin D", [("Vitamin D deficiency", DRUG), ("vitamin D", DISEASE)]),
        ("vitamin D", "Vitamin-D", [("Vitamin D", DRUG), ("vitamin D", DRUG)]),
    ],
)
def test_the_longest_name_wins_and_then_the_drug(
    drug: str, disease: str, expected: list[tuple[str, int]]
) -> None:
    assert found("Vitamin D deficiency was treated with vitamin D.", drug, disease) == expected


def test_the_reference_cuts_a_disease_around_the_drug() -> None:
    text = "low vitamin D state"
    assert found(text, "vitamin d", text, tagger="reference") == [
        ("low ", DISEASE),
        ("vitamin D", DRUG),
        (" state", DISEASE),
    ]


def test_aliases_and_defined_short_forms_are_names_too() -> None:
    text = "Methotrexate (MTX) for rheumatoid arthritis (RA). MTX helped RA; mtx."
    assert [piece for piece, _ in found(text, "methotrexate", "RA")] == ["Methotrexate", "RA", "RA"]
    names = found(text, "MTX", "rheumatoid arthritis", short_forms=True)
    assert [piece for piece, role in names if role == DRUG] == ["Methotrexate", "MTX", "MTX"]
    assert [piece for piece, role in names if role == DISEASE] == ["rheumatoid arthritis", "RA", "RA"]
    assert ("helped", DISEASE) in found(text, "methotrexate", aliases=[("helped", DISEASE)])


def test_another_lemmatiser_can_be_given_and_is_not_asked_for_short_forms_or_digits() -> None:
    asked: list[str] = []

    def first_letters(word: str) -> str:
        asked.append(word)
        return word[:3]

    assert found("Aspidistra RAD001 AIDS", "aspirin", lemma=first_letters) == [("Aspidistra", DRUG)]
    assert sorted(asked) == ["aspidistra", "aspirin"]


def test_wrong_use_is_named() -> None:
    with pytest.raises(UsageError, match="no tagger 'spacy'"):
        tag("a", "b", "c", tagger="spacy")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown role 3"):
        tag("a", "b", "c", aliases=[("d", 3)])
    with pytest.raises(UsageError, match="two names and no others"):
        tag("a", "b", "c", tagger="reference", short_forms=True)


def test_texts_without_mentions_are_counted() -> None:
    counts = count_roles(tag(text, "zinc", "tremor") for text in ("zinc zinc", "Tremors: zinc.", "nothing"))
    assert counts.texts == 3
    assert counts.mentions == {"drug": 3, "disease": 1}
    assert counts.without == {"drug": 1, "disease": 2}
    assert counts.bare == 1


@pytest.mark.slow
@pytest.mark.parametrize("tagger", TAGGERS)
@settings(deadline=None)
@given(text=texts | PHRASES, drug=texts | NAMES, disease=texts | NAMES)
def test_mentions_are_in_order_inside_the_text_and_never_overlap(
    tagger: Tagger, text: str, drug: str, disease: str
) -> None:
    spans = tag(text, drug, disease, tagger=tagger)
    assert all(0 <= s.start < s.end <= len(text) and s.role in (DRUG, DISEASE) for s in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@settings(deadline=None)
@given(PHRASES, NAMES, NAMES)
def test_a_mention_is_never_cut(text: str, drug: str, disease: str) -> None:
    """What is tagged is the whole of a name: tagged alone it is found again, whole."""
    for start, end, role in tag(text, drug, disease):
        assert tag(text[start:end], drug, disease) == ((0, end - start, role),)
        assert not re.match(r"\w", text[end : end + 1])
        assert not re.search(r"\w\Z", text[:start])


@settings(deadline=None)
@given(PHRASES, NAMES, NAMES)
def test_no_longer_mention_is_passed_over(text: str, drug: str, disease: str) -> None:
    """Where one name alone has a mention, the pair has it too, or a longer or equal one across it."""
    both = tag(text, drug, disease)
    for alone in (tag(text, drug, ""), tag(text, "", disease)):
        for span in alone:
            across = [s for s in both if s.start < span.end and span.start < s.end]
            assert span in across or max(_length(text, s) for s in across) >= _length(text, span)


def _length(text: str, span: RoleSpan) -> int:
    words = re.findall(r"\w+|[^\w\s]", text[span.start : span.end])
    return sum(len(noun_key(word.lower())) + 1 for word in words if word != "-")


@settings(deadline=None)
@given(texts, texts, texts)
def test_tagging_by_what_was_tagged_changes_nothing(before: str, drug: str, after: str) -> None:
    text = f"{before} {drug} {after}"
    spans = tag(text, drug, "")
    for span in spans:
        assert tag(text, text[span.start : span.end], "") == spans


@pytest.mark.slow
@pytest.mark.parametrize("tagger", TAGGERS)
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zinc deficiency in women. " * 20_000, "zinc deficiency in men"),
        ("a " * 200_000, "a " * 200 + "b"),
        ("a " * 200_000, "a " * 200),
        ("- / " * 100_000, "x - y"),
        ("1,1." * 100_000, "1,1"),
        ("e\u0301" * 200_000, "e\u0301"),
    ],
    ids=["phrases", "near", "runs", "gaps", "numbers", "accents"],
)
def test_a_long_text_is_tagged_in_linear_time(tagger: Tagger, text: str, name: str) -> None:
    started = time.process_time()
    tag(text, name, "tremor", tagger=tagger)
    assert time.process_time() - started < 20, "an order of magnitude above the usual time"
