"""A set of one's own: a description and files of any form become examples, or one clear error."""

import json
from pathlib import Path

import pytest

from apothecary.corpora.instruct_described import described_set
from apothecary.corpora.instruct_set import Item, Place
from apothecary.errors import DataError, FormatError
from apothecary.examples import Annotated, Labelled, Question, Rewriting, Sourced, TextPair


def convert(tmp_path: Path, description: str, name: str, content: str) -> list[Item]:
    (tmp_path / "d.toml").write_text(f'name = "mine"\nlanguage = "zh"\n{description}', encoding="utf-8")
    (tmp_path / name).write_text(content, encoding="utf-8")
    each = described_set(tmp_path / "d.toml")
    return list(each.read(each.locate(tmp_path) / name, Place(each.name, "train", each.language)))


def first(items: list[Item]) -> Sourced:
    assert isinstance(items[0], Sourced), items[0]
    return items[0]


def test_a_table_of_labelled_texts(tmp_path: Path) -> None:
    description = (
        'task = "classification"\nformat = "table"\nlabels = ["甲", "乙"]\nseparator = ";"\n'
        '[splits]\ntrain = "a.csv"\n[fields]\ntext = "t"\nlabels = "l"\n'
    )
    items = convert(tmp_path, description, "a.csv", "t,l\n咳,甲; 乙\n痛,丙\n热\n")
    assert first(items).example == Labelled("2", "咳", ("甲", "乙"), ("甲", "乙"))
    errors = [str(item) for item in items if isinstance(item, DataError)]
    assert ["a.csv:3" in errors[0], "a.csv:4" in errors[1], len(errors)] == [True, True, 2]


def test_choices_of_several_columns_with_a_letter(tmp_path: Path) -> None:
    description = (
        'task = "choice"\nformat = "table"\ndelimiter = "\\t"\n[splits]\ntrain = "a.tsv"\n'
        '[fields]\nid = "n"\nquestion = "q"\noptions = ["A", "B"]\nanswer_letter = "k"\n'
    )
    items = convert(tmp_path, description, "a.tsv", "n\tq\tA\tB\tk\n9\t何?\tx\ty\tB\n8\t何?\tx\ty\tC\n")
    assert first(items).example == Question("9", "何?", "choice", ("x", "y"), answers=("y",))
    assert "letter of none of 2 options" in str(items[1])


def test_pairs_with_a_score_of_json(tmp_path: Path) -> None:
    description = (
        'task = "text_pairs"\nformat = "json"\n[splits]\ntrain = "a.jsonl"\n'
        '[fields]\nfirst = "a"\nsecond = "b"\nscore = "s"\n'
    )
    rows = "".join(json.dumps({"a": "x", "b": "y", "s": s}) + "\n" for s in (2.5, "3", "much"))
    items = convert(tmp_path, description, "a.jsonl", rows)
    assert first(items).example == TextPair("1", "x", "y", "similarity", "", (), 2.5)
    assert "'much' is no number" in str(items[2])


def test_translations(tmp_path: Path) -> None:
    description = (
        'task = "generation"\nformat = "json"\nkind = "translation"\nto = "en"\n[splits]\ntrain = "a.json"\n'
        '[fields]\nsource = "zh"\noutput = "en"\n'
    )
    items = convert(tmp_path, description, "a.json", '[{"zh": "咳嗽", "en": "cough"}]')
    assert first(items).example == Rewriting("1", "咳嗽", ("cough",), "translation", "zh", "en")


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        ("conll", "a.conll", "Druga\tB-Chemical\nhelps\tO\n"),
        ("documents", "a.pubtator", "1|t|Druga helps\n1\t0\t5\tDruga\tChemical\tC1\n"),
    ],
)
def test_mentions_of_files_in_known_formats(form: str, name: str, content: str, tmp_path: Path) -> None:
    description = f'task = "mentions"\nformat = "{form}"\nlabels = ["Chemical"]\n[splits]\ntrain = "{name}"\n'
    found = first(convert(tmp_path, description, name, content))
    assert isinstance(found.example, Annotated)
    assert [mention.text for mention in found.example.document.mentions] == ["Druga"]


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("", "field task is missing"),
        ('task = "poems"', "field task is 'poems'"),
        ('task = "mentions"\nformat = "table"\n[splits]\ntrain = "a"', "does not serve"),
        ('task = "mentions"\nformat = "conll"\n[splits]\ntrain = "a"', "field labels is missing"),
        ('task = "choice"\nformat = "json"\n[splits]\ntrain = "a"', "field fields is missing"),
        ('task = "choice"\nformat = "json"\n[splits]\ntrain = "a"\n[fields]\nquestion = "q"', "must name"),
        ('task = "choice"\nformat = "json"', "names no file"),
    ],
)
def test_a_description_that_does_not_hold_is_one_error(description: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text(f'name = "mine"\nlanguage = "en"\n{description}\n')
    with pytest.raises(FormatError, match=words):
        described_set(tmp_path / "d.toml")
