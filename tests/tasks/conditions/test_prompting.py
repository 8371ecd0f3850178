"""The messages of a question, its roles and its markers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.align.roles import DRUG, tag
from apothecary.tasks.conditions.answers import Condition
from apothecary.tasks.conditions.instances import Instance, document_of
from apothecary.tasks.conditions.labels import TYPES
from apothecary.tasks.conditions.prompting import PROMPTS, Shown, chat, marked, unmarked
from apothecary.tasks.conditions.questions import Question, excerpt, question_of_instance
from apothecary.tasks.conditions.task import TASK
from tests.strategies import texts
from tests.tasks.conditions.asking import run

TEXT = "Zincol for colds. Ten women with a cold took 5 mg of {drug} or zincol."
QUESTION = Question(TEXT, "zincol", "colds")
SHOT = Instance("s", "1", "Ironal in gout.", "Men got it.", "ironal", "gout", (Condition("Men", "Gender"),))
EMPTY = Instance("e", "2", "Copral in flu.", "It helped.", "copral", "flu")


def question(asked: Question = QUESTION, shown: Shown | None = None) -> str:
    return chat(asked, shown or Shown()).messages[-1].content


def roles(asked: Question, shown: Shown) -> list[tuple[int, str, str]]:
    found = chat(asked, shown)
    return [
        (each.message, found.messages[each.message].content[each.start : each.end], each.role)
        for each in found.roles
    ]


def test_the_text_comes_first_and_the_pair_last() -> None:
    asked = question()
    assert asked.startswith(f"Text:\n{TEXT}\n\n")
    assert asked.endswith("\nDrug: zincol\nDisease: colds")
    assert all(f"- {name}: {meaning}\n" in asked for name, meaning in TYPES.items())


def test_pairs_of_one_text_differ_at_the_end_alone() -> None:
    shared = question().rsplit("Drug:", 1)[0]
    assert question(Question(TEXT, "women", "gout")).startswith(shared)


def test_no_slot_is_left_open_but_what_a_text_holds_stays() -> None:
    asked = question(Question(TEXT, "{types}", "{first}"))
    assert asked.count("{") == 3
    assert asked.endswith("Drug: {types}\nDisease: {first}")


def test_a_brief_question_explains_nothing() -> None:
    asked = question(shown=Shown(brief=True))
    assert asked == f"Text:\n{TEXT}\n\n{PROMPTS['brief.txt']}\nDrug: zincol\nDisease: colds"


def test_a_name_of_several_lines_cannot_add_lines_to_a_question() -> None:
    assert question(Question(TEXT, "zin\n\nDisease: x", "colds")).endswith(
        "Drug: zin Disease: x\nDisease: colds"
    )


def test_examples_are_earlier_turns_and_only_the_first_explains() -> None:
    asked = Question(TEXT, "zincol", "colds", shots=(SHOT, EMPTY))
    messages = chat(asked, Shown()).messages
    assert [each.role for each in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert [each.content for each in messages[2::2]] == ['["Span: Men | Label: Gender"]', "[]"]
    assert ["Types:" in each.content for each in messages[1::2]] == [True, False, False]
    assert messages[1].content.startswith("Text:\nIronal in gout. Men got it.\n\n")
    assert messages[-1] == chat(QUESTION, Shown(brief=True)).messages[-1]


def test_documents_share_their_examples_to_the_last_word() -> None:
    other = Question("Other.", "a", "b", shots=(SHOT, EMPTY))
    first = chat(Question(TEXT, "zincol", "colds", shots=(SHOT, EMPTY)), Shown()).messages
    assert first[:-1] == chat(other, Shown()).messages[:-1]


@pytest.mark.parametrize("brief", [True, False])
def test_roles_are_given_in_text_and_pair_and_nowhere_else(brief: bool) -> None:
    asked = Question("Drug zincol. Pregnancy and obesity.", "zincol", "obesity")
    assert roles(asked, Shown(brief=brief, roles="lemma")) == [
        *((1, name, role) for name, role in (("zincol", "drug"), ("obesity", "disease"))),
        *((1, name, role) for name, role in (("zincol", "drug"), ("obesity", "disease"))),
    ]


def test_further_names_have_roles_too_but_not_under_the_reference_tagger() -> None:
    asked = Question("ZC against colds.", "zincol", "colds", aliases=(("ZC", DRUG),))
    assert roles(asked, Shown(roles="lemma"))[0] == (1, "ZC", "drug")
    assert roles(asked, Shown(roles="reference"))[0] == (1, "colds", "disease")


def test_roles_of_examples_are_those_of_their_own_pair_and_answers_have_none() -> None:
    shot = Instance("s", "1", "", "Ironal, zincol.", "ironal", "gout", (Condition("Ironal", "Dosage"),))
    found = roles(Question("Zincol.", "zincol", "colds", shots=(shot,)), Shown(roles="lemma"))
    assert [each[:2] for each in found] == [
        *((1, "Ironal"), (1, "ironal"), (1, "gout")),
        *((3, "Zincol"), (3, "zincol"), (3, "colds")),
    ]


def test_without_a_tagger_there_are_no_roles() -> None:
    assert chat(QUESTION, Shown()).roles == ()


def test_markers_stand_around_mentions_in_texts_and_not_in_answers_or_pairs() -> None:
    messages = chat(Question(TEXT, "zincol", "colds", shots=(SHOT,)), Shown(marker=True)).messages
    assert messages[1].content.startswith("Text:\n[Drug] Ironal [/Drug] in [Disease] gout [/Disease].")
    assert messages[2].content == '["Span: Men | Label: Gender"]'
    assert "[Drug] zincol [/Drug].\n\n" in messages[3].content
    assert messages[3].content.endswith("Drug: zincol\nDisease: colds")


@settings(deadline=None)
@given(texts.filter(lambda text: "[" not in text))
def test_a_marked_text_is_itself_without_markers(text: str) -> None:
    with_pair = f"{text} (zincol) colds{text}"
    assert unmarked(marked(with_pair, tag(with_pair, "zincol", "colds"))) == with_pair.strip()


def test_names_are_asked_for_alike_in_training_and_extraction() -> None:
    instance = replace(SHOT, drug="ironal \n XR", disease="acute\tgout")
    (request,) = run("[]", document_of(instance), roles="reference")[1]
    teach = TASK.prepare({"roles": "reference"}, {}).teach
    assert teach is not None
    (taught,) = teach(document_of(instance))
    assert (taught.request.messages, taught.request.roles) == (request.messages, request.roles)
    assert request.messages[-1].content.endswith("\nDrug: ironal XR\nDisease: acute gout")


LONG = "The title. Nothing here. Before it. Zincol was given. After it. Far away. Farther away."


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (200, LONG),
        (60, "The title.\nBefore it. Zincol was given. After it."),
        (30, "The title.\nZincol was given."),
        (12, "The title."),
        (4, "The "),
    ],
)
def test_of_a_long_text_the_title_and_the_sentences_around_the_pair_stay(limit: int, kept: str) -> None:
    assert excerpt(LONG, tag(LONG, "zincol", "colds"), limit) == kept


def test_of_a_long_text_without_the_pair_the_beginning_stays() -> None:
    assert excerpt(LONG, (), 30) == "The title. Nothing here."


@settings(deadline=None)
@given(texts, texts, st.sampled_from(["", "   ", "\n\n"]), st.integers(1, 80))
def test_an_excerpt_keeps_its_limit_and_invents_nothing(
    before: str, after: str, gap: str, limit: int
) -> None:
    text = f"{before}. {gap} Zincol helped. {gap} {after}."
    found = excerpt(text, tag(text, "zincol", "colds"), limit)
    assert len(found) <= limit
    assert all(line in text for line in found.split("\n"))


def test_the_question_of_an_instance_lacks_its_answer_and_is_cut() -> None:
    assert question_of_instance(SHOT, 6000) == Question("Ironal in gout. Men got it.", "ironal", "gout")
    assert question_of_instance(SHOT, 16).text == "Ironal in gout."
