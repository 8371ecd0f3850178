"""Examples hold what they say: labels within options, references that resolve, nothing blank."""

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import DataError
from apothecary.examples import (
    Annotated,
    Causal,
    Dialogue,
    Labelled,
    Question,
    Reference,
    Rewriting,
    Sourced,
    TextPair,
    Turn,
)

DOCUMENT = Document(
    id="1",
    text="Druga causes rash.",
    mentions=(Mention((Span(0, 5),), "Druga", "Chemical"), Mention((Span(13, 17),), "rash", "Disease")),
    concepts=(Concept("c1", "Chemical", (0,), ("Druga",)), Concept("c2", "Disease", (1,), ("rash",))),
    relations=(
        Relation("r1", "CID", (Argument("head", "c1"), Argument("tail", "c2"))),
        Relation("e1", "Cause", (Argument("Cause", "c1"), Argument("Theme", "c2"))),
    ),
)


def test_a_label_outside_the_options_is_refused() -> None:
    with pytest.raises(DataError, match="'c' is none of the options"):
        Labelled("1", "text", ("c",), ("a", "b"))


def test_no_label_is_an_answer() -> None:
    assert Labelled("1", "text", (), ("a", "b")).labels == ()


@pytest.mark.parametrize("options", [("a", "a"), ("a", " "), ()])
def test_options_are_told_apart(options: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        Labelled("1", "text", (), options)


def test_an_answer_is_the_text_of_an_option() -> None:
    with pytest.raises(DataError, match="none of the options"):
        Question("1", "What?", "choice", ("aspirin", "ibuprofen"), answers=("A",))


def test_a_question_on_a_text_has_one() -> None:
    with pytest.raises(DataError, match="a text that is not there"):
        Question("1", "What?", "context", answers=("x",))


def test_a_question_without_any_answer_is_refused() -> None:
    with pytest.raises(DataError, match="no answer"):
        Question("1", "What?", "short", answers=())


def test_only_the_first_turn_may_follow_from_the_context() -> None:
    assert Dialogue("1", (Turn("", "Hello."),), context="A cough.")
    with pytest.raises(DataError, match="turn 2 asks nothing"):
        Dialogue("1", (Turn("a", "b"), Turn("", "c")), context="A cough.")


def test_a_pair_has_a_label_or_a_score() -> None:
    assert TextPair("1", "a", "b", "similarity", "", (), score=2.5).score == 2.5
    with pytest.raises(DataError):
        TextPair("1", "a", "b", "similarity", "", ("yes", "no"))


def test_a_translation_changes_the_language() -> None:
    with pytest.raises(DataError, match="language of its source"):
        Rewriting("1", "a", ("b",), "translation", "en", "en")


def test_an_event_is_a_relation_that_begins_with_its_trigger() -> None:
    assert [event.id for event in Annotated(DOCUMENT).events] == ["e1"]


def test_the_sides_of_a_causal_relation_are_there() -> None:
    known = Causal("k1", "cause", Reference("concept", "c1"), Reference("relation", "r1"))
    assert Annotated(DOCUMENT, causal=(known,)).causal == (known,)
    with pytest.raises(DataError, match="unknown relation c1"):
        Annotated(DOCUMENT, causal=(Causal("k1", "cause", Reference("relation", "c1"), known.effect),))


@pytest.mark.parametrize("chain", [(0,), (0, 0), (0, 2)])
def test_a_chain_joins_mentions_that_are_there(chain: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="chain of mentions"):
        Annotated(DOCUMENT, coreferences=(chain,))


def test_types_are_those_the_task_asks_for() -> None:
    example = Annotated(DOCUMENT)
    Sourced("d", "train", "en", "mentions", example, ("Chemical", "Disease"))
    Sourced("d", "train", "en", "relations", example, ("CID",))
    Sourced("d", "train", "en", "events", example, ("Cause",))
    with pytest.raises(DataError, match="'Disease' is none of the options"):
        Sourced("d", "train", "en", "mentions", example, ("Chemical",))


def test_a_task_takes_its_own_family_only() -> None:
    with pytest.raises(DataError, match="no example of the task choice"):
        Sourced("d", "train", "en", "choice", Labelled("1", "t", (), ("a",)))
