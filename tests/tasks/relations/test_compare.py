"""Two runs compared over the same gold."""

from dataclasses import replace

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import DataError
from apothecary.tasks.flow import ScoreOptions
from apothecary.tasks.relations.compare import compare

OPTIONS = ScoreOptions(resamples=100)
RIGHT = {"relations": [{"type": "CID", "head": {"ids": ["A"]}, "tail": {"ids": ["B"]}}]}


def gold(name: str) -> Document:
    mentions = tuple(Mention((Span(i, i + 1),), "ab"[i], "X", ("AB"[i],)) for i in range(2))
    concepts = tuple(Concept(c, "X", (i,), (c.lower(),), (c,)) for i, c in enumerate("AB"))
    relation = Relation("r1", "CID", (Argument("head", "A"), Argument("tail", "B")))
    return Document(name, "ab", (), mentions, concepts, (relation,))


def test_every_evaluator_tells_the_difference() -> None:
    documents = [gold(str(place)) for place in range(8)]
    found = compare([(d, RIGHT) for d in documents], [(d, None) for d in documents], OPTIONS)
    assert set(found) == {"concept", "concept_mapped", "string_pair", "cluster_overlap"}
    assert found["concept"]["f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_record_may_say_that_order_means_nothing() -> None:
    document = gold("1")
    turned = replace(document, relations=(replace(document.relations[0], type="near"),))
    row = {"type": "near", "head": {"ids": ["B"]}, "tail": {"ids": ["A"]}}
    ordered, unordered = {"relations": [row]}, {"relations": [row], "undirected": ["near"]}
    found = compare([(turned, unordered)], [(turned, ordered)], OPTIONS)
    assert found["concept"]["f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_other_documents_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="other documents"):
        compare([(gold("1"), RIGHT)], [(gold("2"), RIGHT)], OPTIONS)


def test_broader_predictions_are_dropped_for_both_or_for_none() -> None:
    head, tail = {"ids": ["A"], "broader": True}, {"ids": ["B"]}
    flagged = {"relations": [{"type": "CID", "head": head, "tail": tail}]}
    options = ScoreOptions(resamples=10, broader="drop")
    found = compare([(gold("1"), flagged)], [(gold("1"), None)], options)
    assert found["concept"]["f1"] == {"value": 0.0, "low": 0.0, "high": 0.0}
