# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""What every instruction task keeps: templates, and answers that read back as they were written."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import AnswerError, ApothecaryError, UsageError
from apothecary.examples import (
    LANGUAGES,
    TASKS,
    Annotated,
    Dialogue,
    Example,
    Labelled,
    Language,
    Question,
    Rewriting,
    Sourced,
    TaskName,
    TextPair,
    Turn,
)
from apothecary.tasks.instruct_answers import Gold, Labels, Names, gold_from_row, gold_to_row
from apothecary.tasks.instruct_records import Policy, gold_of, instructions, parse_reply
from apothecary.tasks.instruct_task import instruct_names, load_instruct, serving
from apothecary.tasks.instruct_templates import templates
from apothecary.tasks.prompting import SLOT

EACH = pytest.mark.parametrize("name", instruct_names())
IN_BOTH = pytest.mark.parametrize("language", LANGUAGES)

# Separators, brackets, quotes and breaks of both scripts, words that mean nothing, and bullets.
_ODD = ";；,，、:：[]【】()（）\"“”'‘「」|\\*_`#-.。\n\t\u2028\r 1A{}<>"
_LETTERS = st.sampled_from(_ODD) | st.sampled_from("abcXYZ血压é\U0001d4b3")
names = st.text(_LETTERS, min_size=1, max_size=12).filter(str.strip) | st.sampled_from(
    ["none", "None", "无", "NO", "1. x", "- x", "a, b", "a; b", "[3H]x", '"x"', '"x" y', "**x**", "x.", "{}"]
)
LABELS = st.lists(names, min_size=1, max_size=5, unique_by=lambda x: x.strip().casefold()).map(tuple)
# A type may hold anything but what would make it another type behind a colon.
TYPES = st.lists(
    st.text(st.sampled_from("abXY血压 -_/()'.1"), min_size=1, max_size=8).filter(str.strip)
    | st.sampled_from(["CPR:3", "a: b", "a", "- a", "1. a", "“a”", "<think>", "{a}", "x\ny", '"a"']),
    min_size=1,
    max_size=4,
    unique_by=lambda x: x.strip().casefold(),
).map(tuple)


@EACH
@IN_BOTH
def test_there_are_ten_wordings_of_each_kind_with_all_their_slots(name: str, language: Language) -> None:
    task = load_instruct(name)
    found = templates(f"apothecary.tasks.{name}", language)
    assert found.keys() == task.kinds.keys()
    for kind, group in found.items():
        assert len(group) >= 10
        assert all(template.slots == task.kinds[kind] for template in group)


@EACH
@IN_BOTH
def test_no_wording_is_another_with_a_few_letters_changed(name: str, language: Language) -> None:
    for group in templates(f"apothecary.tasks.{name}", language).values():
        for one, other in combinations(group, 2):
            assert alike(one.text, other.text) < 0.8, (one.id, other.id)


def alike(one: str, other: str) -> float:
    """One less the edit distance over the longer length, of what is around the slots; or a bound above."""
    a, b = (" ".join(SLOT.sub("_", text).casefold().split()) for text in (one, other))
    longest = max(len(a), len(b))
    bound = (Counter(a) & Counter(b)).total() / longest
    if bound < 0.8:
        return bound
    row = list(range(len(b) + 1))
    for place, letter in enumerate(a, 1):
        before, row = row, [place]
        for at, against in enumerate(b, 1):
            row.append(min(before[at] + 1, row[-1] + 1, before[at - 1] + (letter != against)))
    return 1 - row[-1] / longest


def test_every_task_of_examples_is_served_once() -> None:
    serves = [served for name in instruct_names() for served in load_instruct(name).serves]
    assert sorted(serves) == sorted(TASKS)
    assert all(serving(task).name in instruct_names() for task in TASKS)


@st.composite
def documents(draw: st.DrawFn, types: tuple[str, ...]) -> Document:
    parts = draw(st.lists(names, min_size=1, max_size=5))
    text, mentions = "", []
    for part in parts:
        start = len(text) + 2
        text += f". {part}"
        mentions.append(Mention((Span(start, len(text)),), part, draw(st.sampled_from(types))))
    return Document("d", text, mentions=tuple(mentions))


@st.composite
def related(draw: st.DrawFn, types: tuple[str, ...], arity: tuple[int, int], event: bool) -> Document:
    document = draw(documents(("T",)))
    places = range(len(document.mentions))
    concepts = [Concept(f"c{p}", "T", (p,), (document.mentions[p].text,)) for p in places]
    relations = []
    for number in range(draw(st.integers(0, 3))):
        type_ = draw(st.sampled_from(types))
        size = draw(st.integers(*arity))
        roles = [type_] if event else []
        roles += [draw(names) if event else "r" for _ in range(size - len(roles))]
        arguments = [Argument(role, f"c{draw(st.sampled_from(places))}") for role in roles]
        relations.append(Relation(f"r{number}", type_, tuple(arguments)))
    return replace(document, concepts=tuple(concepts), relations=tuple(relations))


@st.composite
def sourced(draw: st.DrawFn, task: TaskName, language: Language) -> Sourced:
    labels = draw(TYPES)
    plain = st.text(st.sampled_from("ab血 ;：\n\"'."), min_size=1, max_size=20).filter(str.strip)
    choices: dict[str, st.SearchStrategy[Example]] = {
        "mentions": documents(labels).map(Annotated),
        # An event would be a relation whose first role is its type.
        "relations": related(labels, (2, 4), False).map(Annotated),
        "triples": related(labels, (2, 2), False).map(Annotated),
        "events": related(labels, (1, 4), True).map(Annotated),
        "classification": LABELS.flatmap(
            lambda o: st.builds(
                Labelled,
                st.just("1"),
                plain,
                st.lists(st.sampled_from(o), unique=True).map(tuple),
                st.just(o),
            )
        ),
        "choice": LABELS.filter(lambda o: len(o) > 1).flatmap(
            lambda o: st.builds(
                Question,
                id=st.just("1"),
                question=plain,
                kind=st.sampled_from(["choice", "yesno"]),
                options=st.just(o),
                context=st.sampled_from(["", "Before."]),
                answers=st.lists(st.sampled_from(o), unique=True, min_size=1, max_size=3).map(tuple),
            )
        ),
        "text_pairs": LABELS.flatmap(
            lambda o: st.builds(
                TextPair,
                id=st.just("1"),
                first=plain,
                second=plain,
                kind=st.sampled_from(["similarity", "entailment"]),
                label=st.sampled_from([*o, ""]),
                options=st.just(o),
                score=st.floats(-1e9, 1e9),
            )
        ),
        "generation": st.builds(
            Rewriting,
            id=st.just("1"),
            source=plain,
            outputs=st.lists(plain, min_size=1, max_size=2).map(tuple),
            kind=st.sampled_from(["summary", "title", "report", "tree", "question", "reply", "translation"]),
            from_language=st.just("en"),
            to_language=st.just("zh"),
            sections=st.dictionaries(st.sampled_from(["Plan", "主诉", "a b"]), names, max_size=3),
        ),
        "dialogue": st.builds(
            Dialogue, st.just("1"), st.lists(st.builds(Turn, plain, plain), min_size=1, max_size=3).map(tuple)
        ),
    }
    annotated = task in ("mentions", "relations", "triples", "events")
    return Sourced("set", "train", language, task, draw(choices[task]), labels if annotated else ())


@pytest.mark.parametrize("task", TASKS)
@IN_BOTH
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_an_answer_reads_back_as_it_was_written(
    task: TaskName, language: Language, data: st.DataObject
) -> None:
    example = data.draw(sourced(task, language))
    made = list(instructions(example, 7, Policy(2.0, data.draw(st.sampled_from(["never", "extra", "each"])))))
    for instruction in made:
        gold = gold_of(instruction)
        parsed = parse_reply(gold, instruction.conversation[-1].answered)
        assert parsed.value == gold.answer
        assert parsed.repairs == ()
        assert gold_from_row(gold_to_row(gold), where="") == gold


@EACH
@settings(deadline=None, max_examples=60)
@given(
    reply=st.text(max_size=80)
    | st.text(_LETTERS, max_size=60)
    | st.lists(
        st.sampled_from(["a", "B", ":", "[", "(", '"', "\n", "; ", "- ", "{", "}", "1.", "Trigger:"])
    ).map("".join),
    kind=st.integers(0, 20),
)
def test_no_reply_brings_a_reader_down(name: str, reply: str, kind: int) -> None:
    task = load_instruct(name)
    kinds = sorted(task.kinds)
    options = ("a", "B", "a: b", "血")
    gold = Gold(name, kinds[kind % len(kinds)], options, Names(()))
    try:
        answer = task.parse(reply, gold).value
    except AnswerError:
        return
    again = task.parse(task.render(answer, gold, "en"), gold) if answer != Labels(()) else None
    assert again is None or again.value == answer


def test_an_unknown_task_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="mentions"):
        load_instruct("parsing")


def test_gold_that_is_none_of_the_options_is_refused() -> None:
    row = {"task": "classification", "kind": "classification", "options": ["a"], "answer": {"labels": ["b"]}}
    with pytest.raises(ApothecaryError, match="none of the options"):
        gold_from_row(row, where="x")
