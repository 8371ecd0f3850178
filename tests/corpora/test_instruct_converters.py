# ruff: noqa: RUF001 (the full-width characters are those of the formats)
"""Converters of instruction sets on invented files: what is kept, and what costs itself only."""

import json
from pathlib import Path

import pytest

from apothecary.corpora.instruct_prompt_frames import pair_of, text_of
from apothecary.corpora.instruct_set import Place, is_development
from apothecary.corpora.instruct_sets import SETS, named_sets
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.examples import Annotated, Dialogue, Labelled, Question, Rewriting, Sourced


def convert(name: str, tmp_path: Path, text: str, encoding: str = "utf-8") -> tuple[list[Sourced], list[str]]:
    """The examples of the first split's file, and the errors without the folder."""
    each = SETS[name]
    split, file = next(iter(each.splits.items()))
    (tmp_path / file).write_bytes(text.encode(encoding))
    found = list(each.read(tmp_path / file, Place(name, split, each.language)))
    errors = [str(item).replace(f"{tmp_path}/", "") for item in found if isinstance(item, DataError)]
    return [item for item in found if isinstance(item, Sourced)], errors


def lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_gold_outside_the_options_is_a_row_with_its_line(tmp_path: Path) -> None:
    good, bad = {"id": "s1", "query": "头疼", "label": "其他"}, {"id": "s2", "query": "牙疼", "label": "诗"}
    found, errors = convert("kuake_qic", tmp_path, json.dumps([good, bad, good | {"id": "s3"}], indent=0))
    assert [each.example.id for each in found] == ["s1", "s3"]
    assert len(errors) == 1
    assert errors[0].startswith("qic_train.json:7: '诗' is none of the options")


def test_inclusive_ends_become_exclusive(tmp_path: Path) -> None:
    entity = {"start_idx": 2, "end_idx": 3, "type": "dis", "entity": "肺炎"}
    inner = {"start_idx": 2, "end_idx": 2, "type": "bod", "entity": "肺"}
    outside = {"text": "短", "entities": [entity]}
    text = json.dumps([{"text": "患有肺炎。", "entities": [entity, inner]}, outside])
    (found,), errors = convert("cmeee", tmp_path, text)
    assert isinstance(found.example, Annotated)
    told = [(m.text, m.type, m.start, m.end, m.alignment) for m in found.example.document.mentions]
    assert told == [("肺炎", "疾病", 2, 4, "exact"), ("肺", "身体", 2, 3, "exact")]
    assert len(errors) == 1
    assert "2-3 lies outside the text of 1 characters" in errors[0]


def test_triples_are_found_in_the_text(tmp_path: Path) -> None:
    spo = {
        "predicate": "病因",
        "subject": "肺炎",
        "subject_type": "疾病",
        "object": {"@value": "病毒"},
        "object_type": {"@value": "微生物"},
    }
    absent = spo | {"object": {"@value": "细菌"}}
    (found,), _ = convert(
        "cmeie", tmp_path, lines({"text": "肺炎@肺炎由病毒引起", "spo_list": [spo, spo, absent]})
    )
    assert isinstance(found.example, Annotated)
    document = found.example.document
    assert len(document.relations) == 2
    assert {concept.names[0]: len(concept.mentions) for concept in document.concepts} == {
        "肺炎": 2,
        "病毒": 1,
        "细菌": 0,
    }


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese_questions_are_read_in_their_encoding(encoding: str, tmp_path: Path) -> None:
    rows = "department,title,ask,answer\n内科,头疼？,无,多休息。\n内科,牙疼？,两天了,看牙医。\n内科,少一列\n"
    found, errors = convert("toyhom", tmp_path, rows, encoding)
    questions = [each.example.question for each in found if isinstance(each.example, Question)]
    assert questions == ["头疼？", "牙疼？\n两天了"]
    assert errors == ["sample_gb18030.csv:4: 2 columns, not 4: department, title, ask, answer"]


def test_dialogues_are_taken_apart(tmp_path: Path) -> None:
    row = {"instruction": " <user>: 一？ <bot>: 二。 <user>: 三？", "output": "四。", "input": ""}
    broken = row | {"instruction": "<user>: 一？ <user>: 三？"}
    (found,), errors = convert("bentsao_liver_cancer", tmp_path, json.dumps([row, broken]))
    assert isinstance(found.example, Dialogue)
    assert [(turn.asked, turn.answered) for turn in found.example.turns] == [
        ("一？", "二。"),
        ("三？", "四。"),
    ]
    assert len(errors) == 1


def test_hallmarks_of_sentences_are_those_of_the_abstract(tmp_path: Path) -> None:
    identity = next(str(n) for n in range(100) if not is_development(str(n)))
    labels = "< <Resisting cell death--Apoptosis AND Inducing angiogenesis--<NULL< "
    row = {"file": f"{identity}.txt", "text": "a .\nb .\nc .\n", "labels": labels}
    (found,), errors = convert("hoc", tmp_path, lines(row, row | {"labels": "< <Poetry--"}))
    assert isinstance(found.example, Labelled)
    assert found.example.labels == ("Resisting cell death", "Inducing angiogenesis")
    assert "Poetry" in errors[0]


def test_answers_are_texts_and_not_letters(tmp_path: Path) -> None:
    row = {"realidx": 7, "question": "Q?", "options": {"A": "x", "B": "y"}, "answer_idx": "B", "answer": "y"}
    wrong = [row | {"answer_idx": "C"}, row | {"answer": "x"}, row | {"options": {"A": "y", "B": "y"}}]
    (found,), errors = convert("medqa", tmp_path, lines(row, *wrong))
    assert isinstance(found.example, Question)
    assert (found.example.id, found.example.answers) == ("7", ("y",))
    assert [error.split(":")[1] for error in errors] == ["2", "3", "4"]


def test_standoff_beside_a_table_of_texts(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "7.ann").write_text(
        "T1\tGene 0 2\tAB\nT2\tSNP 5 8\tC1D\nR1\tAssociatedTo Arg1:T2 Arg2:T1\t\n"
    )
    (tmp_path / "annotations" / "8.ann").write_text("T1\tGene 0 99\tAB\n")
    found, errors = convert("seth", tmp_path, "7\tAB hasC1D.\n7\tAB and C1D\n8\tshort\n9\tno file\nx\n")
    assert [each.task for each in found[:2]] == ["mentions", "relations"]
    assert len(errors) == 3


def prompt(task: str, text: str, target: str, options: list[str] | None = None) -> dict[str, object]:
    return {
        "input": text,
        "target": target,
        "answer_choices": options,
        "task_dataset": task,
        "sample_id": task,
    }


def test_prompts_become_texts_and_labels(tmp_path: Path) -> None:
    row = prompt(
        "CHIP-CDN",
        "诊断归一化：\n左侧甲\n选项：甲，乙，丙，丁\n说明：任选\n答：",
        "甲，乙，丁",
        ["甲，乙", "丙", "丁"],
    )
    none = prompt("KUAKE-QIC", "怎么办\n这个搜索是什么意图？\n类型选项：甲，乙", "非上述类型", ["甲", "乙"])
    found, errors = convert("promptcblue_toy", tmp_path, lines(row, none, prompt("Poems", "a", "b")))
    labelled = [each.example for each in found if isinstance(each.example, Labelled)]
    assert [(each.text, each.labels) for each in labelled] == [("左侧甲", ("甲，乙", "丁")), ("怎么办", ())]
    assert "'Poems', none of" in errors[0]


def test_events_have_a_trigger_and_arguments(tmp_path: Path) -> None:
    target = "如下：\n主体词：痛；发生状态：否定；描述词：轻，钝；解剖部位：腹\n"
    (found,), _ = convert(
        "promptcblue_toy", tmp_path, lines(prompt("CHIP-CDEE", "临床发现事件抽取：无腹痛。", target))
    )
    assert isinstance(found.example, Annotated)
    (event,) = found.example.events
    roles = [(a.role, found.example.document.concept(a.concept).names[0]) for a in event.arguments]
    assert roles == [
        ("临床发现事件", "痛"),
        ("发生状态", "否定"),
        ("描述词", "轻"),
        ("描述词", "钝"),
        ("解剖部位", "腹"),
    ]


def test_reports_have_sections_and_dialogues_turns(tmp_path: Path) -> None:
    report = prompt("IMCS-V2-MRG", "问诊对话历史：\n患者：咳\n医生：好", "如下：\n主诉：咳\n诊断：感冒")
    said = prompt("MedDG", "患者：咳\n医生：多久\n患者：三天\n有痰\n答：", "吃药。")
    first, second = convert("promptcblue_toy", tmp_path, lines(report, said))[0]
    assert isinstance(first.example, Rewriting)
    assert first.example.sections == {"主诉": "咳", "诊断": "感冒"}
    assert isinstance(second.example, Dialogue)
    assert [(t.asked, t.answered) for t in second.example.turns] == [("咳", "多久"), ("三天\n有痰", "吃药。")]


def test_a_prompt_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(FormatError, match="unknown form"):
        text_of("请写诗\n一句\n选项：甲")
    with pytest.raises(FormatError, match="two texts"):
        pair_of("一和二\n选项：甲")


@pytest.mark.parametrize("name", [name for name, each in SETS.items() if each.terms])
def test_terms_must_be_accepted_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="terms must be accepted"):
        SETS[name].check_terms({"another"})
    SETS[name].check_terms({name})


def test_a_folder_stands_for_its_sets() -> None:
    assert [each.name for each in named_sets(["med_mcq_en", "medqa"])] == ["medqa", "medmcqa"]


@pytest.mark.parametrize("name", SETS)
def test_any_bytes_give_rows_or_one_error(name: str, tmp_path: Path) -> None:
    each = SETS[name]
    for content in (b"", b"\xff\xfe\x00", b"[1, {}]", b"{}\n{", b'"', b"a\tb\n\n1,2,3\n", b"PK\x03\x04"):
        file = tmp_path / next(iter(each.splits.values()))
        file.write_bytes(content)
        try:
            found = list(each.read(file, Place(name, next(iter(each.splits)), each.language)))
        except DataError as error:
            assert str(error)
        else:
            assert all(isinstance(item, DataError) for item in found)
