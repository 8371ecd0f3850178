"""Sets of questions and consultations: PubMedQA, MedQA, MedMCQA, Toyhom, BenTsao.

1. PubMedQA (Jin et al. 2019, EMNLP; github.com/pubmedqa/pubmedqa; MIT): a title that asks, the abstract
   without its conclusion, yes, no or maybe. Ids are PubMed ids; 500 of the 1,000 are the official test.
2. MedQA (Jin et al. 2021, four options) and MedMCQA (Pal et al. 2022), as in the MedAgents benchmark (MIT):
   options have letters, answers here are their texts. Seven questions of MedMCQA have two equal options and
   are told as errors: which of the two is right cannot be said in words.
3. Toyhom (github.com/Toyhom/Chinese-medical-dialogue-data; MIT): questions to doctors, GB18030, header
   department, title, ask, answer. A question that is "无" (none) has its title alone. 378 of 7,644 rows of
   the sample repeat another one.
4. BenTsao (Wang et al. 2023; github.com/SCIR-HI/Huatuo-Llama-Med-Chinese; Apache-2.0): 8,658 questions made
   from a knowledge graph (JSON Lines under the name .json), and 1,000 dialogues on liver cancer (an array)
   whose turns are flattened into one text, ``<user>: ... <bot>: ...``; 292 have one turn. Both were written
   by a language model: right answers in form, not by a clinician.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.instruct_set import InstructSet, Item, Place, from_cells, from_members, objects
from apothecary.errors import FormatError
from apothecary.examples import Dialogue, Question, Sourced, Turn
from apothecary.formats.fields import Fields
from apothecary.formats.json_members import read_members

__all__ = ["QUESTION_SETS"]

_DECISIONS = ("yes", "no", "maybe")
_HEADER = ["department", "title", "ask", "answer"]
_NOTHING = "无"
_SPEAKER = re.compile(r"\s*<(user|bot)>\s*[:\uff1a]\s*")


def _pubmedqa(file: Path, place: Place) -> Iterator[Item]:
    def question(fields: Fields, key: str) -> tuple[Sourced, ...]:
        example = Question(
            id=key,
            question=fields.text("QUESTION"),
            kind="yesno",
            options=_DECISIONS,
            context="\n".join(fields.texts("CONTEXTS")),
            answers=(fields.text("final_decision"),),
            long_answers=(fields.text("LONG_ANSWER"),) if fields.has("LONG_ANSWER") else (),
        )
        return (place.sourced("choice", example),)

    return from_members(read_members(file), file, question)


def _choices(file: Path, place: Place) -> Iterator[Item]:
    def question(fields: Fields, key: str) -> Sourced:
        options = fields.strings("options")
        letter = fields.text("answer_idx")
        if letter not in options:
            raise fields.error("answer_idx", f"is {letter!r}, none of the options {', '.join(options)}")
        if fields.text("answer", options[letter]) != options[letter]:
            raise fields.error("answer", "is another text than its option")
        identity = fields.values.get("realidx")
        example = Question(
            id=str(identity) if isinstance(identity, int | str) else key,
            question=fields.text("question"),
            kind="choice",
            options=tuple(options.values()),
            answers=(options[letter],),
        )
        return place.sourced("choice", example)

    return objects(file, question)


def _toyhom(file: Path, place: Place) -> Iterator[Item]:
    def question(cells: list[str], line: int) -> Sourced:
        if len(cells) != len(_HEADER):
            raise FormatError(f"{len(cells)} columns, not {len(_HEADER)}: {', '.join(_HEADER)}")
        _, title, asked, answer = (cell.strip() for cell in cells)
        text = title if asked in ("", _NOTHING) else f"{title}\n{asked}"
        return place.sourced("generation", Question(str(line), text, "short", answers=(answer,)))

    items = from_cells(file, ",", question)
    return (item for item in items if not _is_header(item))


def _is_header(item: Item) -> bool:
    """The first row of the file, which names the columns."""
    return (
        isinstance(item, Sourced)
        and isinstance(item.example, Question)
        and item.example.id == "1"
        and item.example.answers == ("answer",)
    )


def _bentsao(file: Path, place: Place) -> Iterator[Item]:
    def question(fields: Fields, key: str) -> Sourced:
        asked = "\n".join(
            filter(None, (fields.text("instruction").strip(), fields.text("input", "").strip()))
        )
        answer = fields.text("output").strip()
        return place.sourced("generation", Question(key, asked, "short", answers=(answer,)))

    return objects(file, question)


def _liver_cancer(file: Path, place: Place) -> Iterator[Item]:
    def dialogue(fields: Fields, key: str) -> Sourced:
        parts = _SPEAKER.split(fields.text("instruction"))
        speakers, texts = parts[1::2], [text.strip() for text in parts[2::2]]
        turns = len(speakers) // 2
        if parts[0].strip() or speakers != ["user", "bot"] * turns + ["user"]:
            raise fields.error("instruction", "is not <user>: ... <bot>: ... and a last <user>: ...")
        answers = [*texts[1::2], fields.text("output").strip()]
        pairs = zip(texts[0::2], answers, strict=True)
        return place.sourced("dialogue", Dialogue(key, tuple(Turn(asked, told) for asked, told in pairs)))

    return objects(file, dialogue)


QUESTION_SETS: tuple[InstructSet, ...] = (
    InstructSet(
        name="pubmedqa",
        title="PubMedQA, labelled by experts",
        language="en",
        tasks=("choice",),
        licence="MIT",
        source="Jin et al. 2019, EMNLP; github.com/pubmedqa/pubmedqa",
        folders=("pubmedqa",),
        splits={"train": "pqal_train.json"},
        traps=("276 of 500 answers are yes: a model that always says yes is right in 55.2 %.",),
        read=_pubmedqa,
        listed_ids=True,
    ),
    InstructSet(
        name="medqa",
        title="MedQA (USMLE), four options",
        language="en",
        tasks=("choice",),
        licence="MIT",
        source="Jin et al. 2021, Applied Sciences 11(14); github.com/xk-huang/medagents-benchmark, data",
        folders=("med_mcq_en",),
        splits={"dev": "medqa_dev.jsonl"},
        traps=("These are questions of the published test part: train on none of them.",),
        read=_choices,
        judges=True,
    ),
    InstructSet(
        name="medmcqa",
        title="MedMCQA",
        language="en",
        tasks=("choice",),
        licence="MIT",
        source="Pal et al. 2022, CHIL; github.com/xk-huang/medagents-benchmark, data",
        folders=("med_mcq_en",),
        splits={"dev": "medmcqa_dev.jsonl"},
        traps=("Seven questions have two equal options.",),
        read=_choices,
    ),
    InstructSet(
        name="toyhom",
        title="Questions to Chinese doctors",
        language="zh",
        tasks=("generation",),
        licence="MIT",
        source="github.com/Toyhom/Chinese-medical-dialogue-data, sample",
        folders=("toyhom",),
        splits={"train": "sample_gb18030.csv"},
        traps=("GB18030. Rows repeat: 378 of 7,644.",),
        read=_toyhom,
    ),
    InstructSet(
        name="bentsao",
        title="BenTsao, questions from a knowledge graph",
        language="zh",
        tasks=("generation",),
        licence="Apache-2.0",
        source="Wang et al. 2023, arXiv 2304.06975; github.com/SCIR-HI/Huatuo-Llama-Med-Chinese, data",
        folders=("bentsao",),
        splits={"train": "llama_data.json"},
        traps=("Written by a language model. JSON Lines under the name .json.",),
        read=_bentsao,
    ),
    InstructSet(
        name="bentsao_liver_cancer",
        title="BenTsao, dialogues on liver cancer",
        language="zh",
        tasks=("dialogue",),
        licence="Apache-2.0",
        source="github.com/SCIR-HI/Huatuo-Llama-Med-Chinese, data-literature",
        folders=("bentsao",),
        splits={"train": "liver_cancer.json"},
        traps=("Written by a language model. Turns are flattened into one text.",),
        read=_liver_cancer,
    ),
)
