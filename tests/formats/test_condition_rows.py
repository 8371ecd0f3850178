"""Rows of applicability conditions in their three forms and three kinds of file; places of quotations."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats import condition_rows, records
from apothecary.formats.condition_files import Values, looks_like_rows
from apothecary.formats.condition_rows import document_of, row_of, row_of_document
from apothecary.formats.condition_text import pair_of, place_of, split_text, text_key
from apothecary.formats.inputs import read_gold, read_inputs
from tests.strategies import texts as any_texts

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
VECTORS = DATA.parent / "vectors" / "condition_roles.json"
CANDIDATES = DATA / "conditions" / "candidates.jsonl"

texts = any_texts.map(lambda text: text.replace("\0", "0"))

TARGET = '["Span: 20 mg | Label: Dosage"]'
FIELDS: dict[str, object] = {
    "id": "i1",
    "pmid": 12,
    "title": "Zinc for colds.",
    "abstract": "Women took 20 mg of\nzinc.",
    "drug": "zinc",
    "disease": "colds",
    "conditions": [
        {"span": "old men", "type": "Age"},
        {"span": "20 mg", "type": "Dosage"},
        {"span": "of zinc", "type": "dosage"},
        {"span": "women", "type": "Gender", "note": "x"},
    ],
    "rater": "A",
}
TABLE: dict[str, object] = {
    "Title": "Zinc for colds.",
    "Abstract": "Women took 20 mg, all.",
    "Drug": "zinc",
    "Disease": "colds",
    "Target": TARGET,
    "batch": "7",
}
TEXT: dict[str, object] = {
    "text": "Zinc for colds.\nWomen took 20 mg.\n[Drug-Disease]: zinc - colds - severe",
    "target": TARGET,
}


def document(row: dict[str, object], number: int = 0) -> Document:
    return document_of(row_of(Values(row, "f:1", number)))


def items(folder: Path, name: str, content: str) -> list[Document | DataError]:
    (folder / name).write_text(content, encoding="utf-8", newline="")
    return list(read_inputs([folder / name]))


def table(folder: Path, name: str, *rows: dict[str, object]) -> list[Document | DataError]:
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if name.endswith("tsv") else ",")
        writer.writeheader()
        writer.writerows(rows)
    return list(read_inputs([folder / name]))


def test_an_instance_is_one_document_with_its_pair_as_a_relation() -> None:
    found = document(FIELDS)
    assert (found.id, found.text) == ("i1", "Zinc for colds. Women took 20 mg of\nzinc.")
    assert [(p.section, found.passage_text(p)) for p in found.passages] == [
        ("title", FIELDS["title"]),
        ("abstract", FIELDS["abstract"]),
    ]
    (relation,) = found.relations
    assert relation.type == "therapeutic"
    assert [found.concept(relation.argument(role)).names for role in ("drug", "disease")] == [
        ("zinc",),
        ("colds",),
    ]
    assert dict(found.attributes) == {
        "corpus": "conditions",
        "annotated": "true",
        "pmid": "12",
        "unlocated": "0",
        "extra": '{"rater": "A"}',
    }


def test_conditions_have_their_places_and_none_is_dropped() -> None:
    found = document(FIELDS)
    assert [
        (c.type, c.text, found.text[c.span.start : c.span.end], c.alignment) for c in found.conditions
    ] == [
        ("Dosage", "20 mg", "20 mg", "exact"),
        ("dosage", "of zinc", "of\nzinc", "normalised"),
        ("Gender", "women", "Women", "normalised"),
    ]
    assert {condition.relation for condition in found.conditions} == {found.relations[0].id}
    assert [(each.text, each.type) for each in found.unlocated] == [("old men", "Age")]


def test_a_target_stays_text() -> None:
    for row in (TABLE, TEXT, FIELDS | {"conditions": None, "target": [json.loads(TARGET)[0]]}):
        found = document(row)
        assert found.attributes["target"] == TARGET
        assert found.attributes["annotated"] == "true"
        assert not found.conditions


def test_absent_is_not_empty() -> None:
    bare = {key: value for key, value in FIELDS.items() if key != "conditions"}
    assert document(bare).attributes["annotated"] == "false"
    assert document(bare | {"target": " "}).attributes["annotated"] == "false"
    assert document(bare | {"conditions": []}).attributes["annotated"] == "true"
    assert document(bare | {"target": []}).attributes["annotated"] == "true"


def test_the_text_of_the_authors_gives_title_abstract_and_pair() -> None:
    row = row_of(Values(TEXT, "f:1", 4))
    assert (row.id, row.title, row.abstract) == ("4", "Zinc for colds.", "Women took 20 mg.")
    assert (row.drug, row.disease) == ("zinc", "colds - severe")


def test_the_pair_line_equals_the_vectors() -> None:
    if not VECTORS.is_file():
        pytest.skip("vectors absent: set APOTHECARY_DATA; condition_roles.json lies beside it in vectors/")
    for case in json.loads(VECTORS.read_text())["pair_line"]:
        assert list(pair_of(case["text"]) or (None, None)) == case["parsed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One line.", ("", "One line.")),
        ("A title\nand\nmore [drug-disease]: a - b", ("A title", "and\nmore")),
        ("[Title]: T\n[Abstract]: A\n[Drug-Disease]: a - b", ("T", "A")),
        ("ABSTRACT: A\nB\ntitle : T", ("T", "A\nB")),
        ("[Drug-Disease]: a - b\nT\nA", ("T", "A")),
    ],
)
def test_title_and_abstract_are_told_apart(text: str, expected: tuple[str, str]) -> None:
    assert split_text(text) == expected


@pytest.mark.parametrize(
    "text", ["[Drug-Disease]: a-b", "[Drug-Disease]: - b", "[Drug-Disease]:\na - b", "a - b"]
)
def test_a_line_without_two_names_is_no_pair(text: str) -> None:
    assert pair_of(text) is None


@pytest.mark.parametrize("row", [FIELDS, TABLE, TEXT, {"text": "T", "drug": "a", "disease": "b"}])
def test_a_row_survives_its_document_and_our_own_format(row: dict[str, object]) -> None:
    known = row_of(Values(row, "f:1", 0))
    found = document_of(known)
    assert row_of_document(found) == known
    assert records.from_record(records.to_record(found), where="x") == found


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["zinc", "Zinc", "z i", "gold", "  x"]), texts.filter(str.strip)),
        max_size=5,
    ),
    texts,
    texts.filter(str.strip),
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.none() | texts, max_size=2),
)
def test_every_row_survives_its_document(
    conditions: list[tuple[str, str]], title: str, abstract: str, extra: dict[str, object]
) -> None:
    given_ = [{"span": span, "type": type_} for span, type_ in conditions]
    row = row_of(
        Values(FIELDS | {"title": title, "abstract": abstract, "conditions": given_} | extra, "f", 0)
    )
    assert row_of_document(document_of(row)) == row
    assert row.extra == {"rater": "A"} | extra


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"drug": None}, "field drug is missing"),
        ({"disease": " "}, "field disease is empty"),
        ({"title": " ", "abstract": ""}, "field abstract is missing, and so is title"),
        ({"abstract": 3}, "field abstract is not a string"),
        ({"pmid": [1]}, "field pmid is neither"),
        ({"id": True}, "field id is neither"),
        ({"conditions": 3}, "field conditions is not a list"),
        ({"conditions": [3, 4]}, r"field conditions\[0\] is not an object"),
        ({"conditions": ["a", 3]}, "field conditions holds texts and other values"),
        ({"conditions": [{"span": "", "type": "Age"}]}, r"field conditions\[0\].span is empty"),
        ({"conditions": [{"span": "a"}]}, r"field conditions\[0\].type is missing"),
        ({"conditions": [{"span": "a", "label": " "}]}, r"field conditions\[0\].label is empty"),
        ({"Drug": "tin"}, "the field drug occurs twice"),
        ({"abstract": "Women\0"}, "field abstract holds a NUL"),
        ({"id": "\0"}, "field id holds a NUL"),
        ({"conditions": None, "target": ["a", "b\0"]}, "field target holds a NUL"),
        ({"conditions": [{"span": "a", "type": "A\0"}]}, r"field conditions\[0\].type holds a NUL"),
    ],
)
def test_a_bad_row_is_one_error_with_its_place(change: dict[str, object], problem: str) -> None:
    with pytest.raises(FormatError, match=f"^f:1: .*{problem}"):
        document(FIELDS | change)


@pytest.mark.parametrize(
    ("change", "abstract"),
    [
        ({"text": "Men."}, "Men."),
        ({"text": "Zinc. Men."}, "Men."),
        ({"text": "Iron.", "abstract": "Men."}, "Men."),
        ({"text": ""}, ""),
    ],
)
def test_with_a_title_a_text_is_the_abstract(change: dict[str, object], abstract: str) -> None:
    found = row_of(Values({"title": "Zinc.", "drug": "zinc", "disease": "colds"} | change, "f:1", 0))
    assert (found.title, found.abstract) == ("Zinc.", abstract)


def test_a_title_beside_a_text_with_its_pair_is_a_further_field() -> None:
    found = row_of(Values(TEXT | {"title": "Other"}, "f:1", 0))
    assert (found.title, found.drug, found.extra) == ("Zinc for colds.", "zinc", {"title": "Other"})


def test_a_text_without_its_pair_is_an_error() -> None:
    with pytest.raises(FormatError, match="field text has no line"):
        document(TEXT | {"text": "Zinc for colds."})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"corpus": "cdr"}, "is no instance"),
        ({"unlocated": ""}, "does not say the positions of 1 condition"),
        ({"unlocated": "x"}, "does not say the positions of 1 condition"),
        ({"extra": "["}, "extra is no JSON object"),
    ],
)
def test_a_document_that_was_tampered_with_is_refused(change: dict[str, str], problem: str) -> None:
    record = records.to_record(document(FIELDS))
    record["attributes"] = {**document(FIELDS).attributes, **change}
    with pytest.raises(DataError, match=f"^document i1: .*{problem}"):
        row_of_document(records.from_record(record, where="x"))


@pytest.mark.parametrize("row", [FIELDS, TABLE, TEXT])
@pytest.mark.parametrize("indent", [None, 1])
def test_lines_and_arrays_hold_the_same_rows(
    tmp_path: Path, row: dict[str, object], indent: int | None
) -> None:
    lines = items(tmp_path, "a.jsonl", "\ufeff\n" + json.dumps(row) + "\n")
    array = items(tmp_path, "a.json", "\ufeff [" + json.dumps(row, indent=indent) + "]\n")
    assert [each.text for each in lines if isinstance(each, Document)] == [document(row).text]
    assert array == [document(row)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "table"])
def test_a_table_is_known_by_its_headings(tmp_path: Path, name: str) -> None:
    first, second = table(tmp_path, name, TABLE, TABLE | {"Abstract": "Two\nlines.", "batch": ""})
    assert first == document(TABLE)
    assert isinstance(second, Document)
    assert (second.id, second.text) == ("1", "Zinc for colds. Two\nlines.")
    assert "extra" not in second.attributes


def test_a_bad_row_of_a_table_costs_itself_only(tmp_path: Path) -> None:
    heading = "title,abstract,drug,disease,target\n"
    content = (
        f'{heading}T,A,zinc,colds,[]\n\nT,A,zinc\n"T"x,A,zinc,colds,[]\nT,A,,colds,[]\nT,B,tin,colds,[]\n'
    )
    found = items(tmp_path, "a.csv", content)
    assert [each.id for each in found if isinstance(each, Document)] == ["0", "3"]
    errors = [str(each).removeprefix(f"{tmp_path}/a.csv:") for each in found if isinstance(each, DataError)]
    assert [error[:20] for error in errors] == [
        "4: 3 columns, not 5 ",
        "5: not a row: ',' ex",
        "6: field drug is mis",
    ]


LACKING = [
    ({"title": "T", "abstract": "A", "disease": "b", "target": "[]"}, "drug"),
    ({"id": "1", "title": "T", "drug": "a", "conditions": []}, "disease"),
    ({"id": "1", "drug": "a", "disease": "b"}, "abstract"),
    ({"title": "T", "abstract": "A", "conditions": [{"span": "A", "type": "Age"}]}, "drug"),
]


@pytest.mark.parametrize(("row", "field"), LACKING)
def test_a_first_row_that_lacks_a_field_is_told_that_field(
    tmp_path: Path, row: dict[str, object], field: str
) -> None:
    bad, good = items(tmp_path, "a.jsonl", f"{json.dumps(row)}\n{json.dumps(FIELDS)}\n")
    assert isinstance(good, Document)
    assert re.search(rf"a\.jsonl:1: field {field} is missing", str(bad))
    bad, good = items(tmp_path, "a.json", json.dumps([row, FIELDS]))
    assert isinstance(good, Document)
    assert re.search(rf"a\.json:1: field \[0\]\.{field} is missing", str(bad))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("field", ["Drug", "Disease"])
def test_a_table_without_a_column_is_one_error_and_no_text(tmp_path: Path, name: str, field: str) -> None:
    row = {key: value for key, value in TABLE.items() if key != field}
    with pytest.raises(FormatError, match=rf"{name}:1: there is no column {field.lower()} \(headings: "):
        table(tmp_path, name, row, row)


def test_a_table_names_all_columns_that_it_lacks(tmp_path: Path) -> None:
    for heading, lacking in (
        ("id,title,abstract,target\n", "drug and none disease"),
        ("id,drug,disease\n", "abstract"),
    ):
        with pytest.raises(FormatError, match=f"there is no column {lacking} "):
            items(tmp_path, "a.csv", f"{heading}1,2,3,4\n")


def test_a_table_may_be_parted_by_semicolons(tmp_path: Path) -> None:
    (found,) = items(tmp_path, "a.csv", "id;title;abstract;drug;disease\n1;T;A, B;zinc;colds\n")
    assert isinstance(found, Document)
    assert (found.id, found.text) == ("1", "T A, B")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_repeated_id_costs_its_row_and_names_both_lines(tmp_path: Path, name: str) -> None:
    row = {"id": "i1", "title": "T", "abstract": "A", "drug": "zinc", "disease": "colds"}
    content = {
        "a.jsonl": f"{json.dumps(row)}\n{json.dumps(row | {'id': 'i2'})}\n{json.dumps(row)}\n",
        "a.json": f"[{json.dumps(row)},\n{json.dumps(row | {'id': 'i2'})},\n{json.dumps(row)}]",
        "a.csv": "id,title,abstract,drug,disease\ni1,T,A,a,b\ni1,T,A,a,b\ni2,T,A,a,b\n",
    }[name]
    found = items(tmp_path, name, content)
    assert [each.id for each in found if isinstance(each, Document)] == ["i1", "i2"]
    (error,) = [each for each in found if isinstance(each, DataError)]
    lines = (3, 2) if name == "a.csv" else (3, 1)
    assert f"{name}:{lines[0]}: id i1 was already used at line {lines[1]} " in str(error)


def test_a_nul_in_a_table_costs_its_row(tmp_path: Path) -> None:
    rows = "title,abstract,drug,disease\nT,A\0,zinc,colds\nT,A,zinc,colds\n"
    bad, good = items(tmp_path, "a.csv", rows)
    assert isinstance(good, Document)
    assert "a.csv:2: field abstract holds a NUL" in str(bad)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_file_in_utf_16_says_so(tmp_path: Path, name: str) -> None:
    text = "title,abstract,drug,disease\nT,A,a,b\n" if name == "a.csv" else json.dumps([FIELDS])
    (tmp_path / name).write_text(text.removeprefix("[") if name == "a.jsonl" else text, encoding="utf-16")
    with pytest.raises(
        FormatError, match=rf"{name}: is in UTF-16, not in utf-8 \(convert it to UTF-8 first\)"
    ):
        list(read_inputs([tmp_path / name]))
    if name == "a.json":
        assert len(list(read_inputs([tmp_path / name], encoding="utf-16"))) == 1


def test_headings_must_differ(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.csv:1: the heading 'drug' occurs twice"):
        items(tmp_path, "a.csv", "drug,disease,title,drug\na,b,c,d\n")


def test_a_bad_item_of_an_array_costs_itself_only(tmp_path: Path) -> None:
    content = f'[{json.dumps(TEXT)},\n3,\n{{"text": "\\ud800", "target": "[]"}},\n{json.dumps(TEXT)}]'
    found = items(tmp_path, "a.json", content)
    assert [each.id for each in found if isinstance(each, Document)] == ["0", "3"]
    errors = [str(each).removeprefix(f"{tmp_path}/a.json:") for each in found if isinstance(each, DataError)]
    assert errors[0] == "2: item [1] is not an object but int"
    assert errors[1].startswith("3: item [2] holds half of a surrogate pair")


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        ("", r"a\.json:2: item \[1\] is not JSON: Expecting value"),
        ('{"text": NaN}]', r"a\.json:2: item \[1\] is not JSON: NaN"),
        ("[" * 100_000, r"a\.json:2: item \[1\] is not JSON: nested too deeply"),
        ("{} {}]", r"a\.json:2: no comma after item \[1\]"),
        ("{}] x", r"a\.json: text after the array"),
    ],
)
def test_a_broken_array_ends_with_an_error(tmp_path: Path, end: str, problem: str) -> None:
    first, *_, error = items(tmp_path, "a.json", f"[{json.dumps(TEXT)},\n{end}")
    assert isinstance(first, Document)
    with pytest.raises(FormatError, match=problem):
        raise error if isinstance(error, DataError) else FormatError("none")


def test_the_first_row_tells_the_file_however_long_it_is(tmp_path: Path) -> None:
    row = {"id": "a", "abstract": "Men. " * 20_000, "drug": "zinc", "disease": "colds"}
    for name, content in (("a.jsonl", json.dumps(row)), ("a.json", f"[\n{json.dumps(row)}]")):
        (found,) = items(tmp_path, name, content)
        assert isinstance(found, Document)
        assert found.attributes["corpus"] == "conditions"


def test_a_row_with_a_pair_is_not_read_without_it(tmp_path: Path) -> None:
    plain = {"id": "p", "title": "T", "abstract": "A"}
    content = "".join(json.dumps(row) + "\n" for row in (plain, FIELDS))
    found, error = items(tmp_path, "a.jsonl", content)
    assert isinstance(found, Document)
    assert "a.jsonl:2: has a drug and a disease, and the first row of the file has not" in str(error)


def test_a_table_with_other_headings_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="headings are not known .text with a pair: title, abstract, drug"):
        items(tmp_path, "a.csv", "id,title,abstract,drug_name,disease_name\n1,T,A,zinc,colds\n")


def test_what_is_nested_too_deeply_is_one_error(tmp_path: Path) -> None:
    """Near the limit a value can be read, and not be written any more."""
    start = json.dumps(FIELDS).removesuffix("}")
    for depth in range(880, 1000, 8):
        for leaf in ("1", '"\\u0041"'):
            content = f'[{start}, "x": {"[" * depth}{leaf}{"]" * depth}}}]'
            (tmp_path / "a.json").write_text(content)
            for found in condition_rows.read(tmp_path / "a.json"):
                assert isinstance(found, Document) or "nested too deeply" in str(found)


def test_a_file_is_known_by_its_first_row_even_when_that_is_cut_off() -> None:
    for start in (json.dumps(TABLE), json.dumps([TEXT]), json.dumps([FIELDS], indent=1)):
        assert looks_like_rows(start)
        assert looks_like_rows(start[:-3])
    assert looks_like_rows("text\ttarget\n")


@pytest.mark.parametrize(
    "start",
    [
        '{"id": "1", "text": "a", "attributes": {"drug": "x", "disease": "y"}}',
        '[{"documents": []}]',
        "[]",
        "[3",
        "{",
        '"text": "target":',
        "drug and disease, title\n",
        "Zinc, drug, disease\n",
        "title, drug\n",
        '{"id": "1", "text": "a", "drug": "x"}',
        '{"id": "1", "title": "a", "abstract": "b"}',
        '{"id": "1", "title": "a", "passages": [], "conditions": []}',
    ],
)
def test_other_files_stay_what_they_are(start: str) -> None:
    assert not looks_like_rows(start)


def test_gold_with_a_hole_is_an_error_and_wrong_use_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(FIELDS)}\n{json.dumps(FIELDS | {'drug': 3})}\n")
    with pytest.raises(FormatError, match=r"a\.jsonl:2: field drug is not a string"):
        list(read_gold(tmp_path / "a.jsonl"))
    with pytest.raises(UsageError, match="unknown encoding"):
        list(condition_rows.read(tmp_path / "a.jsonl", encoding="x"))
    (tmp_path / "b.csv").write_bytes(b"title,abstract,drug,disease\n\xff,a,b,c\n")
    (error,) = condition_rows.read(tmp_path / "b.csv")
    assert "b.csv:2: byte 1 of the line is not utf-8" in str(error)
    (tmp_path / "c.json").write_bytes(b'[{"text": "\xff", "target": ""}]')
    (error,) = condition_rows.read(tmp_path / "c.json")
    assert "byte 11 is not utf-8" in str(error)


def test_the_candidates_are_read() -> None:
    if not CANDIDATES.is_file():
        pytest.skip("candidates absent: set APOTHECARY_DATA to the folder with conditions/candidates.jsonl")
    found = list(read_gold(CANDIDATES))
    assert (len(found), len({each.attributes["pmid"] for each in found})) == (39, 37)
    assert {each.attributes["annotated"] for each in found} == {"false"}


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("men", "women and men, men", (10, 13, "exact")),
        ("men", "women", (2, 5, "exact")),
        ("5 mg", "5mg", (0, 3, "spaces")),
        ("5mg/kg", "5 mg / kg", (0, 9, "spaces")),
        ("a  b", "xa\u00a0b a\nb", (5, 8, "spaces")),
        ("Men  Aged", "women aged; men aged", (12, 20, "case")),
        ("STRASSE", "eine stra\u00dfe", (5, 11, "case")),
        ("aged men", "men", None),
        (" ", "a b", None),
    ],
)
def test_a_quotation_is_found_by_the_strictest_rule(
    quote: str, text: str, expected: tuple[int, int, str] | None
) -> None:
    assert place_of(quote, text) == expected


@settings(deadline=None)
@given(texts, texts.filter(str.strip), texts)
def test_what_stands_in_a_text_is_found_as_it_stands(before: str, quote: str, after: str) -> None:
    text = before + quote + after
    place = place_of(quote, text)
    assert place is not None
    assert (text[place.start : place.end], place.how) == (quote, "exact")
    if text.isascii():
        assert place_of("".join(quote.split()).swapcase(), text) is not None


def test_a_quotation_is_looked_for_in_linear_time() -> None:
    started = time.process_time()
    place_of("a" * 500 + "b", "a" * 200_000)
    place_of("A" * 500, "x" + "a" * 200_000 + "x")
    assert time.process_time() - started < 10, "an order of magnitude above the usual time"


@given(texts, texts)
def test_an_abstract_is_known_by_its_letters(one: str, other: str) -> None:
    assert text_key(f"{one} - {other}") == text_key(f"{one}{other} .")
