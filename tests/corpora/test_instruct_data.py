"""What the data sets for instruction tuning hold, converted: counts of every set at hand."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from apothecary.corpora.instruct_set import Item, Place
from apothecary.corpora.instruct_sets import SETS
from apothecary.examples import Annotated, Dialogue, Labelled, Question, Sourced, TextPair

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
on_disk = pytest.mark.skipif(
    not (DATA / "instruct").is_dir(), reason="no data sets: set APOTHECARY_DATA to the folder with instruct/"
)

COUNTS = [
    ("ncbi_disease", "train", {"mentions": 592}, 0),
    ("ncbi_disease", "dev", {"mentions": 100}, 0),
    ("cdr", "train", {"mentions": 500, "relations": 500}, 0),
    ("cdr", "dev", {"mentions": 500, "relations": 500}, 0),
    ("biored", "train", {"mentions": 400, "relations": 400}, 0),
    ("biored", "dev", {"mentions": 100, "relations": 100}, 0),
    ("drugprot", "dev", {"mentions": 750, "relations": 750}, 0),
    ("chemdisgene", "dev", {"mentions": 150, "relations": 150}, 0),
    ("drugcomb", "train", {"relations": 1148}, 0),
    ("drugcomb", "dev", {"relations": 214}, 0),
    ("ddi2013", "dev", {"mentions": 894, "relations": 894}, 0),
    ("seth", "train", {"mentions": 630, "relations": 630}, 0),
    ("hoc", "train", {"classification": 914}, 0),
    ("hoc", "dev", {"classification": 170}, 0),
    ("chemprot", "train", {"classification": 4169}, 0),
    ("chemprot", "dev", {"classification": 2427}, 0),
    ("scicite", "train", {"classification": 7320}, 0),
    ("scicite", "dev", {"classification": 916}, 0),
    ("mqp", "train", {"text_pairs": 2378}, 0),
    ("pubmedqa", "train", {"choice": 500}, 0),
    ("medqa", "dev", {"choice": 628}, 0),
    ("medmcqa", "dev", {"choice": 1411}, 7),
    ("toyhom", "train", {"generation": 7644}, 0),
    ("bentsao", "train", {"generation": 8658}, 0),
    ("bentsao_liver_cancer", "train", {"dialogue": 1000}, 0),
    ("kuake_qic", "train", {"classification": 6931}, 0),
    ("kuake_qic", "dev", {"classification": 1009}, 0),
    ("chip_ctc", "dev", {"classification": 3791}, 0),
    ("chip_sts", "dev", {"text_pairs": 1973}, 0),
    ("cmeee", "dev", {"mentions": 2521}, 0),
    ("cmeie", "dev", {"triples": 1746}, 0),
]
_TOY = {
    "classification": 20,
    "text_pairs": 20,
    "mentions": 10,
    "triples": 5,
    "events": 5,
    "generation": 15,
    "dialogue": 5,
}
COUNTS += [("promptcblue_toy", split, _TOY, 0) for split in ("train", "dev")]


def items(name: str, split: str) -> Iterator[Item]:
    each = SETS[name]
    return each.read(each.locate(DATA) / each.splits[split], Place(name, split, each.language))


def examples(name: str, split: str) -> list[Sourced]:
    return [item for item in items(name, split) if isinstance(item, Sourced)]


@pytest.mark.slow
@on_disk
@pytest.mark.parametrize(("name", "split", "tasks", "bad"), COUNTS, ids=[f"{c[0]}-{c[1]}" for c in COUNTS])
def test_every_set_gives_what_it_holds(name: str, split: str, tasks: dict[str, int], bad: int) -> None:
    good, errors, ids = Counter[str](), 0, set()
    for item in items(name, split):
        if not isinstance(item, Sourced):
            errors += 1
            continue
        good[item.task] += 1
        ids.add((item.task, item.example.id))
        if isinstance(item.example, Annotated):
            text = item.example.document.text
            for mention in item.example.document.mentions:
                if mention.alignment == "exact" and len(mention.spans) == 1:
                    assert text[mention.start : mention.end] == mention.text
    assert (good, errors) == (tasks, bad)
    assert len(ids) == sum(good.values())


def test_every_set_with_a_file_at_hand_is_counted() -> None:
    assert {name for name, *_ in COUNTS} == SETS.keys()


@on_disk
def test_pubmedqa_says_yes_to_most() -> None:
    found = Counter(
        answer
        for e in examples("pubmedqa", "train")
        if isinstance(e.example, Question)
        for answer in e.example.answers
    )
    assert found == {"yes": 276, "no": 169, "maybe": 55}


@on_disk
def test_question_pairs_are_balanced() -> None:
    found = Counter(e.example.label for e in examples("mqp", "train") if isinstance(e.example, TextPair))
    assert found == {"similar": 1189, "different": 1189}


@on_disk
def test_chinese_mentions_end_where_they_say_and_nest() -> None:
    documents = [e.example.document for e in examples("cmeee", "dev") if isinstance(e.example, Annotated)]
    mentions = [mention for document in documents for mention in document.mentions]
    assert (len(mentions), Counter(m.alignment for m in mentions)) == (10167, {"exact": 10167})
    assert any(
        a is not b and a.start <= b.start and b.end <= a.end
        for document in documents[:200]
        for a in document.mentions
        for b in document.mentions
    )


@on_disk
def test_chinese_triples_are_all_in_their_texts() -> None:
    documents = [e.example.document for e in examples("cmeie", "dev") if isinstance(e.example, Annotated)]
    assert sum(len(document.relations) for document in documents) == 5118 - 3
    assert all(concept.mentions for document in documents for concept in document.concepts)


@on_disk
def test_flattened_dialogues_have_their_turns_again() -> None:
    turns = Counter(
        len(e.example.turns)
        for e in examples("bentsao_liver_cancer", "train")
        if isinstance(e.example, Dialogue)
    )
    assert turns == {1: 292, 2: 285, 3: 272, 4: 126, 5: 22, 6: 3}


@on_disk
def test_an_abstract_may_have_no_hallmark_or_several() -> None:
    counts = {len(e.example.labels) for e in examples("hoc", "train") if isinstance(e.example, Labelled)}
    assert {0, 1, 2} <= counts


@on_disk
def test_no_instruction_is_left_in_the_texts_of_promptcblue() -> None:
    for split in ("train", "dev"):
        for each in examples("promptcblue_toy", split):
            if isinstance(each.example, Labelled):
                assert "\n" not in each.example.text
                assert "选项" not in each.example.text
