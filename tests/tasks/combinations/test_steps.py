"""The steps by themselves: what they write they read, and their constraints hold what they should."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Passage, Span
from apothecary.errors import AnswerError
from apothecary.messages import Grammar, JsonSchema, Reply
from apothecary.tasks.combinations.answers import Combination
from apothecary.tasks.combinations.candidates import Candidate, drug_mentions, source_of
from apothecary.tasks.combinations.labels import DRUGCOMB, label_set
from apothecary.tasks.combinations.steps import Decided, Shown, answer_step, reason_step, sets_step

SHOWN = Shown(drugs=True, context=True, brief=False)
STEPS = (
    answer_step(SHOWN),
    reason_step(SHOWN, grammar=True),
    sets_step(0.5, SHOWN),
)
NAMES = ("Druga", 'drug "b"', "c<d\\e", "β-drug")


def candidate(*names: str, corpus: str = "drugcomb") -> Candidate:
    text = " with ".join(names)
    mentions, start = [], 0
    for name in names:
        start = text.index(name, start)
        mentions.append(Mention((Span(start, start + len(name)),), name, "Drug"))
    source = source_of(Document("d", text, (Passage("sentence", 0, len(text)),), tuple(mentions)))
    ((sentence, drugs),) = source.named(drug_mentions(source.document))
    return source.candidate(sentence, drugs, corpus, 6000)


ITEMS = st.lists(
    st.builds(
        Combination,
        st.sampled_from(sorted(DRUGCOMB.types)),
        st.lists(st.sampled_from(NAMES), min_size=2, unique=True).map(tuple),
    ),
    max_size=4,
    unique_by=lambda item: (item.type, frozenset(item.drugs)),
).map(tuple)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@given(items=ITEMS, think=st.sampled_from(["", "[1] a\n- b"]))
@settings(deadline=None, max_examples=40)
def test_what_a_step_writes_it_reads(step, items, think) -> None:  # type: ignore[no-untyped-def]
    value, asked = Decided(items, think), candidate(*NAMES)
    assert step.parse(Reply(step.render(value, asked)), asked).value == value


@given(text=st.text(max_size=60))
@settings(deadline=None)
def test_any_reply_is_an_answer_or_an_answer_error(text: str) -> None:
    try:
        parsed = STEPS[1].parse(Reply(text), candidate("Druga", "drugb"))
    except AnswerError:
        return
    assert isinstance(parsed.value, Decided)


@pytest.mark.parametrize("corpus", ["drugcomb", "ddi"])
def test_a_perfect_answer_follows_the_schema_and_others_do_not(corpus: str) -> None:
    asked = candidate("Druga", "drugb", corpus=corpus)
    constraint = STEPS[0].prompt(asked).constraint
    assert isinstance(constraint, JsonSchema)
    check = jsonschema.Draft202012Validator(json.loads(constraint.schema)).is_valid
    first = next(iter(label_set(corpus).types))
    for items in ((), (Combination(first, ("Druga", "drugb")),)):
        assert check(json.loads(STEPS[0].render(Decided(items), asked)))
    wrong: list[tuple[str, list[str]]] = [
        (first, ["Druga"]),
        (first, ["Druga", "ghostol"]),
        ("NO_COMB", ["Druga", "drugb"]),
        ("MAYBE", []),
    ]
    assert not any(check([{"type": type_, "drugs": drugs}]) for type_, drugs in wrong)
    assert not check([])


@pytest.mark.parametrize("names", [NAMES, ()])
def test_a_perfect_chain_is_a_sentence_of_the_grammar(names: tuple[str, ...]) -> None:
    llguidance = pytest.importorskip("llguidance", reason="needs llguidance, of the extra 'train'")
    step = reason_step(Shown(drugs=bool(names), context=True, brief=False), grammar=True)
    constraint = step.prompt(candidate(*(names or NAMES))).constraint
    assert isinstance(constraint, Grammar)
    assert "<think>\\n" in constraint.gbnf
    grammar = llguidance.grammar_from("gbnf", constraint.gbnf)
    tokenizer = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(tokenizer, grammar)
    think = "\n".join(
        f"[{n}] {head}\n- quoted words of the text"
        for n, head in enumerate(
            (
                "Clinical setting",
                "Candidate drugs and regimen",
                "Joint use and its outcome",
                "What to extract",
            ),
            1,
        )
    )
    drugs = names or ("Druga", "drugb")
    text = step.render(
        Decided((Combination("NEG", drugs), Combination("POS", drugs[:2])), think), candidate(*NAMES)
    )
    assert matcher.try_consume_tokens(tokenizer.tokenize_str(text)) == len(tokenizer.tokenize_str(text))
    assert matcher.is_accepting()
