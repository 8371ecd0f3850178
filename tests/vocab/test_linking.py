"""Names find their ids, the strictest way first."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import UsageError
from apothecary.vocab.dictionary import Entry, make_dictionary
from apothecary.vocab.linking import Linker, link_document
from apothecary.vocab.names import exact_key, joined_key, name_words, sorted_key
from apothecary.vocab.similar import SimilarNames
from tests.strategies import documents, texts

ENTRIES = [
    Entry("Chemical", "beta-Imaginol", ("D1",)),
    Entry("Chemical", "imaginol-2", ("D2",)),
    Entry("Chemical", "TD", ("D3",)),
    Entry("Chemical", "TDXYZ", ("D8",)),
    Entry("Chemical", "1,2-imaginol", ("D9",)),
    Entry("Disease", "Tardive Dyskinesia", ("D4",)),
    Entry("Disease", "td", ("D5",)),
    Entry("Disease", "Kidney Failure", ("D6",)),
    Entry("Disease", "liver and kidney failure", ("D6", "D7")),
    Entry("Disease", "pulmonary hypertension", ("D10",)),
    Entry("Disease", "---", ("D11",)),
]
LINKER = Linker(make_dictionary(ENTRIES))
WORDS = st.text(st.sampled_from("abcdefghijk"), min_size=7, max_size=20)


def document(*names: str, concepts: tuple[Concept, ...] = (), ids: tuple[str, ...] = ()) -> Document:
    mentions = tuple(Mention((Span(0, 1),), name, "Disease", ids) for name in names)
    return Document("1", "x", mentions=mentions, concepts=concepts)


@pytest.mark.parametrize(
    ("name", "type", "how", "ids"),
    [
        ("BETA-imaginol", "Chemical", "exact", ("D1",)),
        ("\u03b2 Imaginols", "Chemical", "normalised", ("D1",)),
        ("im\u00e1ginol 2", "Chemical", "normalised", ("D2",)),
        ("12-imaginol", "Chemical", "not_found", ()),
        ("failure of the kidneys", "Disease", "normalised", ("D6",)),
        ("Kidney and liver failures", "Disease", "normalised", ("D6", "D7")),
        ("tardive dyskinesa", "Disease", "fuzzy", ("D4",)),
        ("imaginol-3", "Chemical", "not_found", ()),
        ("pulmonary hypotension", "Disease", "not_found", ()),
        ("Kidney Failure X", "Disease", "not_found", ()),
        ("TD", "Gene", "not_tried", ()),
        ("+++", "Disease", "not_found", ()),
        ("", "Disease", "not_found", ()),
        ("x" * (1 << 20), "Disease", "not_found", ()),
    ],
)
def test_names_are_linked_by_the_strictest_key_that_fits(
    name: str, type: str, how: str, ids: tuple[str, ...]
) -> None:
    link = LINKER.link(name, type)
    assert (link.how, link.ids) == (how, ids)


def test_the_long_form_outranks_a_short_name_of_the_dictionary() -> None:
    assert LINKER.link("TD", "Disease").ids == ("D5",)
    link = LINKER.link("TD", "Disease", "tardive dyskinesia")
    assert (link.ids, link.how, link.name) == (("D4",), "abbreviation", "Tardive Dyskinesia")


def test_a_longer_name_is_looked_up_before_its_long_form() -> None:
    assert LINKER.link("TDXYZ", "Chemical", "beta imaginol").ids == ("D8",)
    assert LINKER.link("TDXYW", "Chemical", "beta imaginol").how == "abbreviation"


def test_an_unknown_long_form_leaves_the_name_to_speak_for_itself() -> None:
    link = LINKER.link("TD", "Disease", "something else entirely")
    assert (link.ids, link.how) == (("D5",), "exact")


def test_the_most_frequent_ids_win_then_the_smallest() -> None:
    entries = [Entry("Drug", "x1", (each,), "s", count) for each, count in [("A", 1), ("C", 2), ("B", 2)]]
    link = Linker(make_dictionary(entries)).link("X1", "Drug")
    assert link.ids == ("B",)
    assert link.ambiguous
    more = Linker(make_dictionary([*entries, Entry("Drug", "x1", ("C",), "t")])).link("x1", "Drug")
    assert more.ids == ("C",)


def test_counts_of_several_sources_add_up_and_one_meaning_is_not_ambiguous() -> None:
    entries = [Entry("Drug", "x1", ("A",), source) for source in "st"]
    assert not Linker(make_dictionary(entries)).link("x1", "Drug").ambiguous


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=8), texts, st.integers())
def test_links_do_not_depend_on_the_order_of_entries(
    pairs: list[tuple[str, str]], name: str, seed: int
) -> None:
    entries = [Entry("Drug", each, (identifier,)) for each, identifier in pairs]
    shuffled = random.Random(seed).sample(entries, len(entries))  # noqa: S311
    one, other = Linker(make_dictionary(entries)), Linker(make_dictionary(shuffled))
    for asked in [name, *(each for each, _ in pairs)]:
        assert one.link(asked, "Drug") == other.link(asked, "Drug")


@settings(deadline=None)
@given(texts)
def test_every_name_of_a_dictionary_is_linked_exactly(name: str) -> None:
    dictionary = make_dictionary([Entry("Drug", name, ("A",))])
    how = Linker(dictionary).link(name, "Drug").how
    assert how == ("exact" if dictionary.entries else "not_tried")


@given(texts)
def test_each_key_is_looser_than_the_one_before(name: str) -> None:
    words = name_words(name)
    assert name_words(exact_key(name)) == words
    assert sorted_key(words[::-1]) == sorted_key(words)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Parkinson's disease", "Parkinson Disease"),
        ("metastases", "metastasis"),
        ("neuropathies", "neuropathy"),
        ("headaches", "headache"),
        ("psychoses", "psychosis"),
        ("drug overdoses", "drug overdose"),
        ("abscesses", "abscess"),
        ("haemorrhages", "hemorrhage"),
        ("oedema", "edema"),
        ("tumours", "tumor"),
        ("\u00b5-opioid", "mu opioid"),
        ("TNF\u03b1", "TNF-alpha"),
        ("Ca(2+)", "Ca2+"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert joined_key(name_words(one)) == joined_key(name_words(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,2-dichloroethane", "12-dichloroethane"),
        ("2'-deoxyuridine", "2-deoxyuridine"),
        ("(+)-MK-801", "(-)-MK-801"),
        ("factor II", "factor III"),
        ("hepatitis A", "hepatitis B"),
    ],
)
def test_names_of_different_things_keep_different_keys(one: str, other: str) -> None:
    assert sorted_key(name_words(one)) != sorted_key(name_words(other))


@settings(deadline=None)
@given(WORDS, st.lists(WORDS, max_size=5), st.integers(0, 19), st.sampled_from("xyz"))
def test_a_name_with_one_letter_too_many_is_found(
    name: str, others: list[str], place: int, letter: str
) -> None:
    wrong = name[: place % len(name)] + letter + name[place % len(name) :]
    score, found = SimilarNames([name, *others]).best(wrong, 90)
    assert name in found
    assert score >= 90


def test_a_fuzzy_link_among_many_names_is_fast() -> None:
    draw = random.Random(7)  # noqa: S311
    names = {"".join(draw.choices("abcdefghilmnoprstuy", k=draw.randint(6, 24))) for _ in range(50_000)}
    similar = SimilarNames(names)
    asked = [name[:3] + name[4:] for name in sorted(names)[::500]]
    start = time.process_time()
    for name in asked:
        similar.best(name, 90)
    assert (time.process_time() - start) / len(asked) < 0.02


def test_a_senseless_bound_is_refused() -> None:
    for bound in (0.9, 101.0, float("nan")):
        with pytest.raises(UsageError, match="50 to 100"):
            Linker(make_dictionary([]), bound=bound)


def test_a_document_gets_ids_for_mentions_and_concepts() -> None:
    concept = Concept("c1", "Disease", (0, 1), ("TDs", "kidney failure"))
    linked = link_document(
        document("TDs", "nothing", concepts=(concept,)), LINKER, long_forms={"TD": "tardive dyskinesia"}
    )
    assert [each.ids for each in linked.mentions] == [("D4",), ()]
    assert linked.concepts[0].ids == ("D4",)


def test_the_ids_of_most_names_become_those_of_the_concept() -> None:
    concept = Concept("c1", "Disease", (0, 1, 2), ("td", "kidney failure"))
    linked = link_document(document("kidney failure", "td", "td", concepts=(concept,)), LINKER)
    assert linked.concepts[0].ids == ("D5",)


def test_ids_that_are_there_stay() -> None:
    concept = Concept("c1", "Disease", (0,), ("td",), ids=("X2",))
    before = document("td", concepts=(concept,), ids=("X1",))
    assert link_document(before, LINKER) == before


def test_a_concept_without_mentions_is_linked_by_its_names() -> None:
    concept = Concept("c1", "Disease", (), ("kidney failures",))
    assert link_document(document(concepts=(concept,)), LINKER).concepts[0].ids == ("D6",)


@settings(deadline=None)
@given(documents())
def test_linking_changes_nothing_but_ids_and_twice_is_once(given_document: Document) -> None:
    linked = link_document(given_document, LINKER)
    assert link_document(linked, LINKER) == linked
    assert linked.relations == given_document.relations
    assert [each.spans for each in linked.mentions] == [each.spans for each in given_document.mentions]


def test_relations_keep_their_concepts() -> None:
    concept = Concept("c1", "Disease", (0,), ("td",))
    relation = Relation("r1", "CID", (Argument("tail", "c1"),))
    before = Document("1", "x", mentions=document("td").mentions, concepts=(concept,), relations=(relation,))
    assert link_document(before, LINKER).relations == (relation,)
