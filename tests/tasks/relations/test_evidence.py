"""Evidence is the nearest sentence that names both, and excerpts keep what a question needs."""

from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Concept, Document, Mention, Span
from apothecary.tasks.relations.evidence import split

TEXT = "Title words. Foo was given. Then bar came. Foo caused bar again. The end."


def document(text: str = TEXT) -> Document:
    mentions = []
    for name in ("Foo", "bar"):
        at = text.find(name)
        while at >= 0:
            mentions.append(Mention((Span(at, at + 3),), name, "X"))
            at = text.find(name, at + 3)
    return Document("d", text, mentions=tuple(mentions))


def concept(doc: Document, name: str) -> Concept:
    return Concept(name, "X", tuple(i for i, m in enumerate(doc.mentions) if m.text == name), (name,))


def quotes(text: str) -> list[str]:
    doc = document(text)
    return [e.quote for e in split(doc).evidence(concept(doc, "Foo"), concept(doc, "bar"))]


def test_the_sentence_with_both_names_is_quoted() -> None:
    assert quotes(TEXT) == ["Foo caused bar again."]


def test_without_such_a_sentence_the_nearest_two_are_quoted() -> None:
    assert quotes("Foo was given. Much later. Foo stopped. It then was bar.") == [
        "Foo stopped.",
        "It then was bar.",
    ]


def test_a_concept_without_mentions_has_no_evidence() -> None:
    assert quotes("Foo was given.") == []


@given(st.lists(st.sampled_from(["Foo was here.", "It was bar.", "Nothing.", "Foo and bar."]), max_size=12))
def test_quotes_are_slices_that_hold_the_names(parts: list[str]) -> None:
    text = " ".join(parts)
    found = quotes(text)
    assert all(quote in text for quote in found)
    assert not found or ("Foo" in "".join(found) and "bar" in "".join(found))


def test_a_short_text_is_its_own_excerpt() -> None:
    doc = document()
    assert split(doc).excerpt([], 1000) == TEXT


def test_an_excerpt_keeps_the_title_and_the_sentences_of_the_pair() -> None:
    long = TEXT + " Filler sentence here." * 50
    doc = document(long)
    excerpt = split(doc).excerpt(concept(doc, "Foo").mentions + concept(doc, "bar").mentions, 120)
    assert excerpt == "Title words.\nFoo was given.\nThen bar came.\nFoo caused bar again."


@given(st.integers(1, 60))
def test_an_excerpt_never_exceeds_its_limit(limit: int) -> None:
    doc = document(TEXT * 20)
    assert len(split(doc).excerpt(concept(doc, "Foo").mentions, limit)) <= limit
