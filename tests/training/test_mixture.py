# ruff: noqa: RUF001 (full-width characters are what is folded)
"""Mixtures: what is drawn and in which order, what is the same as a judging text, what is written."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from apothecary.errors import ApothecaryError, DataError, FormatError, UsageError
from apothecary.formats import instruction_rows
from apothecary.formats.example_rows import from_record
from apothecary.training.chat_data import read_conversations
from apothecary.training.mixture_settings import check_mixture_settings, policy_of
from tests.training.mixture_toy import WORDS, labelled, mixed, rows, write

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
LONG = " ".join(f"{a} {b}" for a, b in zip(WORDS, reversed(WORDS), strict=True))


def ids(folder: Path, out: str = "out") -> list[str]:
    return [str(row["source_id"]) for row in rows(folder, out=out)]


def why(folder: Path) -> list[tuple[object, object]]:
    return [(row["id"], row["why"]) for row in rows(folder, "left_out")]


def test_every_training_example_is_drawn_once_and_no_other(tmp_path: Path) -> None:
    given = [*map(labelled, range(20)), labelled(30, split="dev"), labelled(31, split="test")]
    write(tmp_path / "d.jsonl", given)
    found = mixed(tmp_path, {})
    assert sorted(ids(tmp_path), key=int) == [str(n) for n in range(20)]
    assert [row["conversation_id"] for row in rows(tmp_path)] == list(range(20))
    assert found.instructions == 20
    assert {each["split"] for each in found.evaluated} == {"dev", "test"}


def test_both_forms_are_read_by_those_they_are_for(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(3)))
    mixed(tmp_path, {})
    read = list(instruction_rows.read(tmp_path / "out" / "mixture.jsonl"))
    taught = read_conversations([tmp_path / "out" / "sft.jsonl"], answered=True)
    assert [each.conversation[0].answered for each in read] == [each.answer for each in taught]  # type: ignore[union-attr]
    assert taught[0].columns["task"] == "classification"
    assert "gold" not in taught[0].columns


def test_neither_the_order_of_lines_nor_another_set_changes_what_is_drawn(tmp_path: Path) -> None:
    given = [labelled(n) for n in range(50)]
    write(tmp_path / "d.jsonl", given)
    mixed(tmp_path, {"set": [{"file": "d.jsonl", "cap": 9}]})
    write(tmp_path / "d.jsonl", reversed(given))
    write(tmp_path / "e.jsonl", [labelled(n, f"Other {n}.", dataset="e") for n in range(40)])
    mixed(tmp_path, {"set": [{"file": "e.jsonl"}, {"file": "d.jsonl", "cap": 9}]}, "more")
    own = [str(row["source_id"]) for row in rows(tmp_path, out="more") if row["dataset"] == "d"]
    assert len(own) == 9
    assert own == ids(tmp_path)


def test_a_larger_total_holds_the_smaller_and_another_seed_draws_others(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(60)))
    drawn = {}
    for total, seed in ((10, 1), (30, 1), (10, 2)):
        mixed(tmp_path, {"total": total, "seed": seed})
        drawn[total, seed] = ids(tmp_path)
    assert [len(each) for each in drawn.values()] == [10, 30, 10]
    assert [each for each in drawn[30, 1] if each in drawn[10, 1]] == drawn[10, 1]
    assert set(drawn[10, 1]) != set(drawn[10, 2])


@pytest.mark.slow
def test_expansion_asks_a_share_again_in_other_words(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(400)))
    found = mixed(tmp_path, {"set": [{"file": "d.jsonl", "expand": 1.3}]})
    assert 495 < found.instructions < 545
    twice = [each for each, count in Counter(ids(tmp_path)).items() if count == 2]
    asked = {(row["source_id"], row["template_id"]) for row in rows(tmp_path)}
    assert len(asked) == len(rows(tmp_path)) == 400 + len(twice)


def test_a_cap_is_of_examples_and_a_total_of_instructions(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(40)))
    found = mixed(tmp_path, {"set": [{"file": "d.jsonl", "expand": 2.0, "cap": 10}]})
    assert (found.groups[0][1].examples, found.instructions) == (10, 20)
    found = mixed(tmp_path, {"set": [{"file": "d.jsonl", "expand": 2.0}], "total": 15})
    assert (found.groups[0][1].examples, found.instructions) == (8, 15)


@pytest.mark.parametrize(
    ("weights", "counts"), [("proportional", (32, 8)), ("equal", (20, 20)), ("temperature", (27, 13))]
)
def test_weights_share_the_total(weights: str, counts: tuple[int, int], tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(80)))
    write(tmp_path / "e.jsonl", [labelled(n, f"Other {n}.", dataset="e") for n in range(20)])
    sets = [{"file": "d.jsonl"}, {"file": "e.jsonl"}]
    found = mixed(tmp_path, {"set": sets, "total": 40, "weights": weights})
    assert tuple(each.instructions for _, each in found.groups) == counts


def test_a_floor_is_reached_or_told(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(90)))
    write(tmp_path / "e.jsonl", [labelled(n, f"文本{n}。", dataset="e", language="zh") for n in range(10)])
    sets = [{"file": "d.jsonl"}, {"file": "e.jsonl"}]
    found = mixed(tmp_path, {"set": sets, "total": 20, "floor": [{"language": "zh", "least": 8}]})
    assert [each.instructions for _, each in found.groups] == [12, 8]
    found = mixed(tmp_path, {"set": sets, "total": 20, "floor": [{"language": "zh", "least": 15}]})
    assert found.lacking == ("any task zh: 10 of 15",)


def test_the_same_text_in_another_dress_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1, "It  HURTS（a lot）"), labelled(2, "It does not.")])
    write(tmp_path / "e.jsonl", [labelled(9, "it hurts(a lot)", dataset="e", split="dev")])
    found = mixed(tmp_path, {"against": [{"file": "e.jsonl"}]})
    assert ids(tmp_path) == ["2"]
    assert why(tmp_path) == [("1", "same text")]
    assert found.left_out == {"same text": 1}
    assert "hurts" not in (tmp_path / "out" / "left_out.jsonl").read_text().casefold()


def test_a_sentence_of_a_judging_abstract_is_found_and_a_phrase_is_not(tmp_path: Path) -> None:
    words = LONG.split()
    sentence, phrase = " ".join(words[5:25]), " ".join(words[5:14]) + " " + " ".join(sorted(words))
    write(tmp_path / "d.jsonl", [labelled(1, sentence), labelled(2, phrase), labelled(3, "Short.")])
    write(tmp_path / "e.jsonl", [labelled(9, LONG, dataset="e", split="test")])
    mixed(tmp_path, {"against": [{"file": "e.jsonl"}]})
    assert why(tmp_path) == [("1", "contained")]
    assert sorted(ids(tmp_path)) == ["2", "3"]


def test_chinese_is_compared_by_characters(tmp_path: Path) -> None:
    text = "患者三天前出现发热咳嗽并伴有胸闷气短等症状来院就诊"
    write(
        tmp_path / "d.jsonl",
        [labelled(1, f"{text}了。", language="zh"), labelled(2, "没有。", language="zh")],
    )
    write(tmp_path / "e.jsonl", [labelled(9, f"今天，{text}。", dataset="e", split="dev", language="zh")])
    mixed(tmp_path, {"against": [{"file": "e.jsonl"}]})
    assert why(tmp_path) == [("1", "contained")]


def test_other_splits_of_the_file_are_compared_with_unless_told(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1, LONG), labelled(2), labelled(1, LONG, split="dev")])
    mixed(tmp_path, {})
    assert why(tmp_path) == [("1", "same text")]
    mixed(tmp_path, {"own_splits": False})
    assert len(ids(tmp_path)) == 2


@pytest.mark.parametrize("split", ["dev", "train"])
def test_questions_of_a_test_part_judge_and_are_never_learnt_from(split: str, tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1, LONG), labelled(2)])
    write(tmp_path / "medqa.jsonl", [labelled(1, LONG.upper(), dataset="medqa", split=split)])
    both = [{"file": "d.jsonl"}, {"file": "medqa.jsonl"}]
    with pytest.raises(UsageError, match=r"medqa.jsonl:1: medqa holds questions of a published test part"):
        mixed(tmp_path, {"set": both})
    mixed(tmp_path, {"against": [{"file": "medqa.jsonl", "splits": [split]}]})
    assert ids(tmp_path) == ["2"]


def test_what_is_kept_is_listed_but_what_is_held_out_is_never_kept(tmp_path: Path) -> None:
    document = {"id": "77", "text": "Druga.", "mentions": []}
    row = {"dataset": "own", "split": "train", "language": "en", "task": "mentions", "family": "annotated"}
    write(
        tmp_path / "d.jsonl",
        [labelled(1), labelled(1, split="dev"), row | {"document": document, "types": ["X"]}],
    )
    (tmp_path / "held.tsv").write_text("set\tid\ncdr_test\t77\n")
    found = mixed(tmp_path, {"contamination": "keep", "held_out": "held.tsv"})
    assert ids(tmp_path) == ["1"]
    assert [(row["why"], row["dropped"]) for row in rows(tmp_path, "left_out")] == [
        ("same text", False),
        ("held out", True),
    ]
    assert found.left_out == {"held out": 1}


def test_duplicates_keep_the_first_set_and_name_it(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1, "Once."), labelled(2, "ONCE.")])
    write(tmp_path / "e.jsonl", [labelled(5, "once.", dataset="e"), labelled(6, dataset="e")])
    sets = [{"file": "e.jsonl"}, {"file": "d.jsonl"}]
    mixed(tmp_path, {"set": sets})
    assert sorted(ids(tmp_path)) == ["5", "6"]
    assert {row["like"] for row in rows(tmp_path, "left_out")} == {f"{tmp_path}/e.jsonl:1"}
    found = mixed(tmp_path, {"set": sets, "duplicates": "keep"})
    assert (found.instructions, found.left_out.total()) == (4, 0)


def test_a_text_with_other_types_of_names_is_no_duplicate(tmp_path: Path) -> None:
    def named(dataset: str, *types: str) -> dict[str, object]:
        document = {"id": "1", "text": "Druga.", "mentions": []}
        row = {
            "dataset": dataset,
            "split": "train",
            "language": "en",
            "task": "mentions",
            "family": "annotated",
        }
        return row | {"document": document, "types": list(types)}

    packs = [named("cdr", "Chemical", "Disease"), named("chem", "chemical"), named("genes", "Gene")]
    write(tmp_path / "d.jsonl", packs)
    mixed(tmp_path, {})
    assert [row["dataset"] for row in rows(tmp_path, "left_out")] == ["chem"]


def test_bad_rows_and_repeated_ids_are_told_with_their_lines(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1), labelled(2, labels=["c"]), labelled(1, "Again.")])
    with (tmp_path / "d.jsonl").open("a") as stream:
        stream.write("{\n[]\n")
    found = mixed(tmp_path, {})
    assert (found.bad, found.instructions) == (4, 1)
    told = {str(row["where"]).rpartition(":")[2] for row in rows(tmp_path, "errors")}
    assert told == {"2", "3", "4", "5"}


def test_the_counts_are_those_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", map(labelled, range(12)))
    found = mixed(tmp_path, {"preset": "taiyi", "total": 7})
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert counts["instructions"] == len(rows(tmp_path)) == found.instructions == 7
    assert found.by_task()[-1] == ["all", "1 / 7", "7"]
    assert counts["settings"]["preset"] == "taiyi"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"set": []}, "set: Tuple should have at least 1"),
        ({"splits": ["train", "Dev"]}, "split Dev is kept to judge"),
        ({"set": [{"file": "d.jsonl", "splits": ["test"]}]}, "split test is kept to judge"),
        ({"weights": "equal"}, "weights without a total"),
        ({"floor": [{"least": 3}]}, "floors without a total"),
        ({"total": 2, "floor": [{"least": 3}]}, "floors are more than the total"),
        ({"set": [{"file": "d.jsonl", "expand": 0.5}]}, "set.0.expand"),
        ({"colour": "red"}, "colour: Unexpected keyword"),
        ({"set": [{"file": "none.jsonl"}]}, "none.jsonl: cannot be read"),
        ({"against": [{"file": "none.jsonl"}]}, "none.jsonl: cannot be read"),
        ({"splits": ["spare"], "own_splits": False}, "no example to learn from"),
    ],
)
def test_wrong_settings_are_one_clear_error(table: dict[str, object], message: str, tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [labelled(1)])
    with pytest.raises((UsageError, FormatError, DataError), match=message):
        mixed(tmp_path, table)
    assert not (tmp_path / "out" / "mixture.jsonl").exists()


def test_a_file_that_is_no_data_is_told_by_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(b"\xff\xfe\n\0\n")
    with pytest.raises(ApothecaryError, match=r"2 bad rows, the first: .*d.jsonl:1"):
        mixed(tmp_path, {})


def test_the_published_rule_repeats_what_has_several_types() -> None:
    settings = check_mixture_settings(
        {"preset": "taiyi", "set": [{"file": "d"}, {"file": "e", "expand": 2.0}]}, ""
    )
    one = from_record(labelled(1), where="")
    assert policy_of(settings, settings.set[0], one).expand == 1.1
    assert policy_of(settings, settings.set[1], one).expand == 2.0


@pytest.mark.slow
def test_abstracts_that_two_corpora_share_are_found(tmp_path: Path) -> None:
    if not (DATA / "cdr").is_dir():
        pytest.skip(f"{DATA} holds no cdr")
    from apothecary.corpora.instruct_build import build
    from apothecary.corpora.instruct_sets import named_sets

    sets = named_sets(["cdr", "biored"])
    build(sets, DATA, tmp_path, accepted=["cdr", "biored"])
    given: dict[str, object] = {
        "set": [{"file": "biored.jsonl", "tasks": ["mentions"]}],
        "against": [{"file": "cdr.jsonl", "splits": ["dev"]}],
    }
    found = mixed(tmp_path, given)
    shared = {str(row["id"]) for row in rows(tmp_path, "left_out")}
    assert len(shared) == found.left_out.total() > 20
    assert not shared & set(ids(tmp_path))
