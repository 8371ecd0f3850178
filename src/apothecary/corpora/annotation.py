"""Counts of annotated documents of any kind: how many, how long, and what is annotated in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apothecary.corpora.conditions import ConditionStats, ConditionTally, is_instance
from apothecary.corpora.counting import count_name, words
from apothecary.documents import Document
from apothecary.vocab.dictionary import vocabulary_id

__all__ = ["AnnotationStats", "stats"]


@dataclass(frozen=True)
class AnnotationStats:
    """Counts of a set of documents; means and shares are None where there is nothing to divide by.

    `tokens` is the length of all texts (`counting.words`). `mentions`, `relations` and `conditions` map types
    to counts, `arities` the number of arguments of a relation to how many have it. A mention or concept is
    linked when one of its ids is no mark for "not linked" (``-1``), a mention also by its concept. Files such
    as PubTator have no concepts but linked ones: their share of mentions is to be read. `instances` counts
    documents that each stand for one pair of drug and disease: their pair is what is asked about, and counts
    as no annotation elsewhere; None where there is no such document.
    """

    documents: int
    tokens: int
    mentions: Mapping[str, int]
    linked_mentions: int
    concepts: int
    linked_concepts: int
    relations: Mapping[str, int]
    arities: Mapping[int, int]
    conditions: Mapping[str, int]
    instances: ConditionStats | None

    def figures(self) -> dict[str, object]:
        """Every figure by its name."""
        return {
            "documents": self.documents,
            "mean_tokens": self.tokens / self.documents if self.documents else None,
            "mentions": {
                **_with_sum(self.mentions),
                **_linked(self.linked_mentions, sum(self.mentions.values())),
            },
            "concepts": {"count": self.concepts, **_linked(self.linked_concepts, self.concepts)},
            "relations": {
                **_with_sum(self.relations),
                "by_arity": {str(arity): count for arity, count in self.arities.items()},
            },
            "conditions": _with_sum(self.conditions),
            "instances": self.instances.figures() if self.instances else None,
        }


def stats(documents: Iterable[Document]) -> AnnotationStats:
    """Count documents one by one: none is held, and of an instance only what its abstract is known by.

    Gold that a document holds as text (`formats.condition_rows`) must have been read.
    """
    count = tokens = concepts = linked_concepts = linked_mentions = 0
    mentions, relations, conditions = Counter[str](), Counter[str](), Counter[str]()
    arities = Counter[int]()
    instances = ConditionTally()
    for document in documents:
        length = words(document.text)
        count, tokens = count + 1, tokens + length
        if is_instance(document):
            instances.add(document, length)
            continue
        for mention in document.mentions:
            count_name(mentions, mention.type)
        for relation in document.relations:
            count_name(relations, relation.type)
            arities[len(relation.arguments)] += 1
        for condition in document.conditions:
            count_name(conditions, condition.type)
        linked = [concept for concept in document.concepts if _is_linked(concept.ids)]
        concepts += len(document.concepts)
        linked_concepts += len(linked)
        by_concept = {place for concept in linked for place in concept.mentions}
        linked_mentions += sum(
            place in by_concept or _is_linked(mention.ids) for place, mention in enumerate(document.mentions)
        )
    found = instances.result()
    return AnnotationStats(
        documents=count,
        tokens=tokens,
        mentions=dict(mentions.most_common()),
        linked_mentions=linked_mentions,
        concepts=concepts,
        linked_concepts=linked_concepts,
        relations=dict(relations.most_common()),
        arities=dict(sorted(arities.items())),
        conditions=dict(conditions.most_common()),
        instances=found if found.pairs else None,
    )


def _is_linked(ids: Sequence[str]) -> bool:
    return any(map(vocabulary_id, ids))


def _linked(linked: int, count: int) -> dict[str, object]:
    return {"linked": linked, "linked_share": linked / count if count else None}


def _with_sum(types: Mapping[str, int]) -> dict[str, object]:
    return {"count": sum(types.values()), "by_type": dict(types)}
