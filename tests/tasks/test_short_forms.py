"""Short forms agree with their long forms."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Span
from apothecary.tasks.short_forms import with_short_forms

TEXT = "Tardive dyskinesia (TD) is feared. TD and non-TDX follow lithium (Li). TD stays."


def mention(text: str, kind: str, at: int = 0, confidence: float | None = 0.9) -> Mention:
    start = TEXT.index(text, at)
    return Mention((Span(start, start + len(text)),), text, kind, confidence=confidence)


def told(*mentions: Mention) -> list[tuple[str, str]]:
    return [(m.text, m.type) for m in with_short_forms(Document("1", TEXT), mentions)]


def test_a_short_form_is_what_its_long_form_is_wherever_it_stands_as_a_word() -> None:
    found = told(mention("Tardive dyskinesia", "Disease"))
    assert found == [("Tardive dyskinesia", "Disease"), *[("TD", "Disease")] * 3]


def test_a_short_form_of_another_type_follows_its_long_form() -> None:
    found = told(mention("Tardive dyskinesia", "Disease"), mention("TD", "Chemical", 30))
    assert ("TD", "Chemical") not in found


def test_a_short_form_whose_long_form_the_tagger_passed_over_is_dropped() -> None:
    assert told(mention("TD", "Chemical", 30)) == []
    assert told(mention("TD", "Chemical", 30), mention("dyskinesia", "Disease")) != []


def test_a_name_that_a_language_model_gave_is_never_dropped() -> None:
    assert told(mention("TD", "Disease", 30, confidence=None)) == [("TD", "Disease")]


def test_other_mentions_keep_their_places() -> None:
    found = told(mention("Tardive dyskinesia", "Disease"), mention("TD and non-TDX", "Disease"))
    assert found.count(("TD", "Disease")) == 2


@given(st.sets(st.integers(0, len(TEXT.split()) - 1)), st.sampled_from(["Chemical", "Disease"]))
def test_mentions_never_overlap_and_come_in_order(words: set[int], kind: str) -> None:
    starts = [0] + [i + 1 for i, c in enumerate(TEXT) if c == " "]
    given_mentions = [
        Mention((Span(starts[w], starts[w] + len(TEXT.split()[w])),), TEXT.split()[w], kind, confidence=0.9)
        for w in sorted(words)
    ]
    found = with_short_forms(Document("1", TEXT), given_mentions)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(TEXT[m.start : m.end] == m.text for m in found)
