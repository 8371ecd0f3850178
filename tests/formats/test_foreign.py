"""Predictions made elsewhere: told by their contents, read whole, wrong rows named."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import DataError, FormatError
from apothecary.formats.foreign import convert, foreign_kind, read_foreign
from apothecary.formats.outputs import write_documents
from apothecary.formats.predictions import read_predictions

HEAD = "salve|Chemical|0|[4, 6]|1|-1"
TAIL = "rash|Disease|1|[0, 1]|500|-1"
Record = dict[str, object]


def file(tmp_path: Path, text: str | bytes, name: str = "p.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path) -> list[Record]:
    items = list(read_foreign(path))
    errors = [item for item in items if isinstance(item, DataError)]
    assert not errors, errors[0]
    return [item[1] for item in items if not isinstance(item, DataError)]


def relations(record: Record) -> list[Any]:
    found = record["relations"]
    assert isinstance(found, list)
    return found


def errors(path: Path) -> list[str]:
    return [str(item) for item in read_foreign(path) if isinstance(item, DataError)]


def side(*texts: str, ids: tuple[str, ...] = (), broader: bool = False) -> Record:
    return {"texts": list(texts), "ids": list(ids), "broader": broader}


# --- tables


def test_columns_stand_in_any_order_and_others_are_ignored(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "\ufeffTail, note ,ID,head,Type,head_id,confidence\r\nrash,x,1,salve,CID,D1|D2,0.9\r\n",
    )
    relation = {"type": "CID", "head": side("salve", ids=("D1", "D2")), "tail": side("rash")}
    assert read(path) == [{"id": "1", "relations": [relation | {"confidence": 0.9}]}]


def test_a_tab_separates_as_well_as_a_comma(tmp_path: Path) -> None:
    path = file(tmp_path, "id\ttype\thead_id\ttail_id\n1\tCID\tD1\tD2\n")
    relation = {"type": "CID", "head": side(ids=("D1",)), "tail": side(ids=("D2",))}
    assert read(path) == [{"id": "1", "relations": [relation]}]


def test_rows_of_a_document_may_stand_anywhere(tmp_path: Path) -> None:
    path = file(tmp_path, "id,type,head,tail\n1,CID,a,b\n2,CID,a,b\n\n1,CID,c,d\n")
    assert [(each["id"], len(relations(each))) for each in read(path)] == [("1", 2), ("2", 1)]


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",\n\t|'), min_size=1
).filter(lambda name: name == name.strip())


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5), st.sampled_from([",", "\t"]))
def test_what_is_quoted_by_the_rules_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "type", "head", "tail"), *(("1", "CID", *pair) for pair in pairs)])
    path = file(tmp_path_factory.mktemp("t"), text.getvalue())
    (record,) = read(path)
    found = [(r["head"]["texts"][0], r["tail"]["texts"][0]) for r in relations(record)]
    assert found == pairs


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,CID,a\n", "p.txt:2: 3 columns, not 4"),
        ("1,CID,a,b\n,CID,a,b\n", "p.txt:3: the id is empty"),
        ("1,,a,b\n", "p.txt:2: the type is empty"),
        ("1,CID,,b\n", "p.txt:2: the head has neither a name nor an id"),
        ('1,CID,"a\nb",c,d\n', "p.txt:2: 5 columns"),
        ('1,CID,"a"x,b\n', "p.txt:2: not a row"),
        ('1,CID,"a,b\n', "p.txt:2: not a row"),
    ],
)
def test_a_wrong_row_is_an_error_with_its_line(tmp_path: Path, rows: str, said: str) -> None:
    assert said in errors(file(tmp_path, f"id,type,head,tail\n{rows}"))[0]


@pytest.mark.parametrize("value", ["high", "1.5", "nan", "-0.1", "inf"])
def test_a_confidence_is_a_probability(tmp_path: Path, value: str) -> None:
    path = file(tmp_path, f"id,type,head,tail,confidence\n1,CID,a,b,{value}\n")
    assert "p.txt:2: the confidence" in errors(path)[0]


def test_a_heading_twice_and_bytes_that_are_no_text_are_errors(tmp_path: Path) -> None:
    assert "head occurs twice" in errors(file(tmp_path, "id,type,head,tail,head\n1,CID,a,b,c\n"))[0]
    path = file(tmp_path, b"id,type,head,tail\n1,CID,a,b\n1,CID,\xff,b\n")
    assert "p.txt:3: byte 7 of the line is not utf-8" in errors(path)[0]


# --- released rows


def test_rows_of_two_clusters_become_one_relation(tmp_path: Path) -> None:
    other = "ointment|Chemical|2|[0, 1]|1|-1"
    rows = [f"{head}|induce|{TAIL}|$|77" for head in (HEAD, other)]
    relation = {"type": "CID", "head": side("salve", "ointment"), "tail": side("rash")}
    assert read(file(tmp_path, "\r\n".join(rows))) == [{"id": "77", "relations": [relation]}]


def test_gold_rows_have_one_column_less(tmp_path: Path) -> None:
    path = file(tmp_path, f"{HEAD}|chem_gene:x|{TAIL}|77\n\n{HEAD}|chem_gene:x|{TAIL}|78\n")
    assert [(r["id"], relations(r)[0]["type"]) for r in read(path)] == [
        ("77", "chem_gene:x"),
        ("78", "chem_gene:x"),
    ]


def test_the_flag_of_any_string_makes_its_side_broader(tmp_path: Path) -> None:
    flagged = TAIL.replace("rash", "skin disease").replace("-1", "H")
    path = file(tmp_path, f"{HEAD}|induce|{flagged}|$|77\n{HEAD}|induce|{TAIL}|$|77\n")
    (record,) = read(path)
    (relation,) = relations(record)
    assert relation["head"] == side("salve")
    assert relation["tail"] == side("skin disease", "rash", broader=True)


def test_the_same_clusters_under_another_relation_stay_apart(tmp_path: Path) -> None:
    path = file(tmp_path, f"{HEAD}|induce|{TAIL}|$|77\n{HEAD}|treat|{TAIL}|$|77\n")
    (record,) = read(path)
    assert [r["type"] for r in relations(record)] == ["CID", "treat"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"a|{HEAD}|induce|{TAIL}|$|77", "p.txt:2: 16 columns, not 15"),
        (f"{HEAD}|induce|{TAIL}|77", "p.txt:2: 14 columns, not 15"),
        (f"{HEAD.replace('|1|', '|')}|induce|{TAIL}|x|$|77", "p.txt:2: no token spans"),
        (f"{HEAD}|induce|{TAIL}|$|", "p.txt:2: the document id is empty"),
        (f"|{HEAD.partition('|')[2]}|induce|{TAIL}|$|77", "p.txt:2: the head is empty"),
    ],
)
def test_a_released_row_of_another_width_is_an_error_and_no_guess(
    tmp_path: Path, row: str, said: str
) -> None:
    assert said in errors(file(tmp_path, f"{HEAD}|induce|{TAIL}|$|77\n{row}\n"))[0]


def test_rows_of_mentions_are_not_relations(tmp_path: Path) -> None:
    path = file(tmp_path, f"{HEAD}|_|_|_|_|_|_|_|77\n")
    assert "p.txt:1: a row of a mention" in errors(path)[0]


# --- PubTator and BioC


def document() -> Document:
    mentions = (
        Mention((Span(0, 5),), "Salve", "Chemical", ("D1",)),
        Mention((Span(14, 18),), "rash", "Disease", ("D2",)),
    )
    concepts = (
        Concept("D1", "Chemical", (0,), ("Salve",), ("D1",)),
        Concept("D2", "Disease", (1,), ("rash",), ("D2",)),
    )
    relation = Relation("r1", "CID", (Argument("head", "D1"), Argument("tail", "D2")))
    return Document("1", "Salve made me rash.", (), mentions, concepts, (relation,))


@pytest.mark.parametrize(
    ("name", "kind"), [("p.pubtator", "pubtator"), ("p.xml", "bioc_xml"), ("p.json", "bioc_json")]
)
def test_annotated_documents_are_predictions(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    write_documents([document()], path)
    assert foreign_kind(path) == kind
    record = read_predictions(path)["1"].record
    (relation,) = relations(record)
    assert (relation["type"], relation["head"]["ids"], relation["tail"]["texts"]) == ("CID", ["D1"], ["rash"])
    assert "text" not in record


def test_a_relation_without_head_and_tail_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    three = Relation("r1", "X", (Argument("drug", "D1"), Argument("drug", "D2")))
    changed = document()
    write_documents([Document("1", changed.text, (), changed.mentions, changed.concepts, (three,))], path)
    assert "relation r1 of type X has not exactly one head" in errors(path)[0]


# --- all


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "1", "relations": []}\n',
        "",
        "[1]\n",
        "nonsense\n",
        '{"id": "1", "passages": [], "relations": []}\n',
        "a,b,c\n1,2,3\n",
        '{"id": "1", "infons": {}}',
        "\x00\x01\x02",
    ],
)
def test_what_is_none_of_these_is_left_to_json_lines(tmp_path: Path, text: str) -> None:
    assert foreign_kind(file(tmp_path, text)) is None
    with pytest.raises(FormatError, match="no predictions that can be read"):
        list(read_foreign(tmp_path / "p.txt"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    starts = [b"", b"id,type,head,tail\n", f"{HEAD}|induce|{TAIL}|$|77\n".encode()]
    for start in starts:
        path = file(tmp_path_factory.mktemp("b"), start + data)
        try:
            for item in read_foreign(path):
                assert isinstance(item, DataError | tuple)
        except DataError as error:
            assert str(error)


def test_predictions_of_a_table_keep_their_line(tmp_path: Path) -> None:
    path = file(tmp_path, "id,type,head,tail\n1,CID,a,b\n2,CID,a,b\n")
    assert {key: each.line for key, each in read_predictions(path).items()} == {"1": 2, "2": 3}


def test_a_converted_file_says_the_same(tmp_path: Path) -> None:
    path = file(tmp_path, "id,type,head,tail\n1,CID,ä,b\n2,CID,a,b\n")
    assert convert(path, tmp_path / "p.jsonl") == 2
    converted = read_predictions(tmp_path / "p.jsonl")
    assert {key: each.record for key, each in converted.items()} == {
        key: each.record for key, each in read_predictions(path).items()
    }
    assert json.loads((tmp_path / "p.jsonl").read_text().splitlines()[0])["id"] == "1"


def test_a_file_with_an_error_is_not_converted(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="columns"):
        convert(file(tmp_path, "id,type,head,tail\n1,CID\n"), tmp_path / "p.jsonl")
    assert not (tmp_path / "p.jsonl").exists()
    with pytest.raises(FormatError, match="cannot be written"):
        convert(file(tmp_path, "id,type,head,tail\n1,CID,a,b\n"), tmp_path / "none" / "p.jsonl")
