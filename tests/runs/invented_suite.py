"""A small suite of invented examples of every family, in two languages."""

from collections.abc import Iterable
from pathlib import Path

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.examples import Annotated, Labelled, Question, Rewriting, Sourced, TextPair
from apothecary.formats.example_rows import dumps

__all__ = ["SETS", "write_suite"]

YES_NO = ("yes", "no")
KINDS = ("diagnosis", "therapy")
SETS = ("drugs", "harms", "questions", "exams", "kinds", "pairs", "titles")


def document(number: int) -> Document:
    drug, harm = f"drug{number % 4}", f"harm{number % 3}"
    text = f"{drug} led to {harm}."
    start = len(drug) + 8
    return Document(
        id=f"d{number}",
        text=text,
        mentions=(
            Mention((Span(0, len(drug)),), drug, "Drug"),
            Mention((Span(start, start + len(harm)),), harm, "Harm"),
        ),
        concepts=(Concept("c1", "Drug", (0,), (drug,)), Concept("c2", "Harm", (1,), (harm,))),
        relations=(Relation("r1", "Causes", (Argument("head", "c1"), Argument("tail", "c2"))),),
    )


def _examples(split: str, numbers: range) -> Iterable[Sourced]:
    for n in numbers:
        yield Sourced("drugs", split, "en", "mentions", Annotated(document(n)), ("Drug", "Harm"))
        yield Sourced("harms", split, "en", "relations", Annotated(document(n)), ("Causes",))
        answer = YES_NO[n % 3 == 0]
        asked = Question(f"q{n}", f"Does drug{n} help?", "yesno", YES_NO, answers=(answer,))
        yield Sourced("questions", split, "en", "choice", asked)
        options = ("fever", "cough", "rash", "pain")
        exam = Question(f"e{n}", f"What is sign {n}?", "choice", options, answers=(options[n % 4],))
        yield Sourced("exams", split, "en", "choice", exam)
        labelled = Labelled(f"k{n}", f"第{n}个问题怎么治", (KINDS[n % 2],), KINDS)
        yield Sourced("kinds", split, "zh", "classification", labelled)
        pair = TextPair(f"p{n}", f"first {n}", f"second {n}", "similarity", YES_NO[n % 2], YES_NO)
        yield Sourced("pairs", split, "en", "text_pairs", pair)
        title = Rewriting(f"t{n}", f"文本{n}", (f"标题第{n}号",), "title", "zh", "zh")
        yield Sourced("titles", split, "zh", "generation", title)


def write_suite(folder: Path, *, items: int = 6, more: str = "", each: str = "") -> Path:
    """Write SETS as files of typed examples, 12 to train on and 12 to be asked, and a suite of them."""
    examples = [*_examples("train", range(100, 112)), *_examples("dev", range(12))]
    for name in SETS:
        lines = [dumps(example) for example in examples if example.dataset == name]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sets = "".join(
        f'[[set]]\nname = "{name}"\nfile = "{name}.jsonl"\nsplit = "dev"\n{each}\n' for name in SETS
    )
    suite = folder / "suite.toml"
    suite.write_text(f"items = {items}\nresamples = 100\n{more}\n{sets}", encoding="utf-8")
    return suite
