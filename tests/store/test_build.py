"""Runs into the base: incremental, idempotent, and nothing that was bad passes in silence."""

import json
import random
from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.store.build import BuildOptions, Built, build
from tests.store.base_runs import Record, believed, contents, rows_of, run_folder, stating

NONE = BuildOptions(vocabulary="none")
TAXOL = {"Taxol": "D017239"}
PUBMED = (
    "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>A and B were"
    " given.</ArticleTitle><PublicationTypeList><PublicationType>Retracted Publication</PublicationType>"
    "</PublicationTypeList></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
)


def made(folder: Path, *runs: Path, options: BuildOptions = NONE) -> Built:
    return build(list(runs), folder / "kb.duckdb", options)


def test_the_same_run_twice_changes_nothing(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B"), stating("2", "A", "C")])
    assert made(tmp_path, run).documents == 2
    before = contents(tmp_path / "kb.duckdb")
    again = made(tmp_path, run)
    assert (again.documents, again.changed, again.unchanged, again.edges) == (0, 0, 2, 2)
    assert contents(tmp_path / "kb.duckdb") == before


def a_record(chance: random.Random, number: int) -> Record:
    drugs = chance.sample(["Taxol", "A", "B", "beta-blocker", "beta blockers"], chance.randint(2, 3))
    return stating(
        str(number),
        *drugs,
        type=chance.choice(["POS", "NEG", "COMB"]),
        ids=TAXOL if chance.random() < 0.4 else {},
        negated=chance.random() < 0.2,
        confidence=chance.choice([None, 0.4, 0.9]),
        text=f"{' or '.join(drugs)}, of {chance.randint(1, 2)} kinds." if chance.random() < 0.2 else "",
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_many_small_builds_are_one_large_build(seed: int, tmp_path: Path) -> None:
    """Runs grow, change and shrink; whatever the way, the base is that of the runs as they end."""
    chance = random.Random(seed)  # noqa: S311
    texts: dict[str, Record] = {}
    runs: dict[str, dict[str, Record]] = {"one": {}, "two": {}}
    for _ in range(5):
        name = chance.choice(["one", "two"])
        for number in chance.sample(range(4), chance.randint(1, 3)):
            record = a_record(chance, number)
            same = texts.setdefault(str(number), record)
            if chance.random() < 0.25:
                runs[name].pop(str(number), None)
            elif same["text"] == record["text"]:
                runs[name][str(number)] = record
            else:
                runs[name][str(number)] = same
        made(tmp_path, run_folder(tmp_path / name, list(runs[name].values())))
    folders = [run_folder(tmp_path / name, list(records.values())) for name, records in runs.items()]
    made(tmp_path, *folders)
    build(folders[::-1], tmp_path / "fresh.duckdb", NONE)
    assert contents(tmp_path / "kb.duckdb") == contents(tmp_path / "fresh.duckdb")


def test_a_document_that_a_whole_run_has_lost_goes(tmp_path: Path) -> None:
    run_folder(tmp_path / "run", [stating("1", "A", "B"), stating("2", "A", "C")])
    made(tmp_path, tmp_path / "run")
    unfinished = run_folder(tmp_path / "run", [stating("1", "A", "B")], status="running")
    assert made(tmp_path, unfinished).removed == 0
    built = made(tmp_path, run_folder(tmp_path / "run", [stating("1", "A", "B")]))
    assert (built.removed, built.edges) == (1, 1)
    assert rows_of(tmp_path / "kb.duckdb", "SELECT document FROM documents") == [("1",)]


def test_a_new_text_takes_what_was_said_of_the_old_one_with_it(tmp_path: Path) -> None:
    old = run_folder(tmp_path / "old", [stating("1", "A", "B"), stating("2", "A", "B")])
    new = run_folder(
        tmp_path / "new", [stating("1", "A", "C", text="Now A and C.")], started="2026-02-01T00:00:00+00:00"
    )
    built = made(tmp_path, old, new)
    assert "1 documents have another text now" in built.notes[0]
    assert (
        rows_of(tmp_path / "kb.duckdb", "SELECT document, text FROM documents ORDER BY 1")[0][1]
        == "Now A and C."
    )
    assert (built.relations, built.edges) == (2, 2)
    # Read in the other order, the earlier text stays out.
    build([new, old], tmp_path / "other.duckdb", NONE)
    assert contents(tmp_path / "other.duckdb") == contents(tmp_path / "kb.duckdb")


@pytest.mark.parametrize("flags_first", [False, True])
def test_what_is_retracted_stays_visible_and_supports_nothing(flags_first: bool, tmp_path: Path) -> None:
    update = tmp_path / "update.xml"
    update.write_text(PUBMED)
    run = run_folder(tmp_path / "run", [stating("1", "A", "B"), stating("2", "B", "C")])
    built = made(tmp_path, *((update, run) if flags_first else (run, update)))
    assert built.retracted == 1
    query = "SELECT document, retracted FROM documents ORDER BY 1"
    assert rows_of(tmp_path / "kb.duckdb", query) == [("1", True), ("2", False)]
    query = "SELECT documents, belief > 0 FROM edges ORDER BY documents"
    assert rows_of(tmp_path / "kb.duckdb", query) == [(0, False), (1, True)]
    assert made(tmp_path, run, update).retracted == 0


def test_a_name_without_id_joins_the_concept_of_that_name(tmp_path: Path) -> None:
    plain = run_folder(tmp_path / "plain", [stating("1", "Taxol", "B")])
    store = tmp_path / "kb.duckdb"
    made(tmp_path, plain)
    assert rows_of(store, "SELECT concept, linked FROM concepts ORDER BY 1")[1] == ("drug:taxol", "not tried")
    linked = run_folder(tmp_path / "linked", [stating("2", "Taxol", "B", ids=TAXOL)])
    assert made(tmp_path, linked).edges == 1
    assert believed(store)["POS"][0] == 2
    made(tmp_path, run_folder(tmp_path / "linked", []))
    assert rows_of(store, "SELECT concept FROM edge_arguments ORDER BY 1") == [("drug:b",), ("drug:taxol",)]


def test_names_are_looked_up_in_the_vocabulary_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text("id\tname\ttype\nX1\tzincol\tChemical\n")
    run = run_folder(tmp_path / "run", [stating("1", "Zincol", "Unheard")])
    store, query = tmp_path / "kb.duckdb", "SELECT concept, linked FROM concepts ORDER BY 1"
    made(tmp_path, run)
    built = made(tmp_path, run, options=BuildOptions(vocabulary=str(tmp_path / "mine.tsv")))
    assert built.unchanged == 1
    assert rows_of(store, query) == [("LOCAL:X1", "dictionary"), ("drug:unheard", "not found")]
    # A build that names no vocabulary keeps the one that was named before.
    made(tmp_path, run, options=BuildOptions())
    assert rows_of(store, query)[0] == ("LOCAL:X1", "dictionary")
    assert rows_of(store, "SELECT count(*) FROM edge_arguments SEMI JOIN concepts USING (concept)") == [(2,)]


def test_conditions_hang_on_their_pair_and_state_it_only_where_nothing_else_does(tmp_path: Path) -> None:
    pair = stating("1", "A", "B", type="treats", text="A for B at 15 mg/kg or at will.")
    spans = [{"type": "Dosage", "start": 11, "end": 19}, {"type": "Dosage", "start": 23, "end": 30}]
    limited = pair | {"conditions": [{**span, "relation": "r1"} for span in spans]}
    conditions = run_folder(tmp_path / "conditions", [limited], task="conditions")
    built = made(tmp_path, conditions)
    assert (built.conditions, believed(tmp_path / "kb.duckdb")["treats"][0]) == (2, 1)
    assert "1 dosages hold no dose that could be read" in built.notes[0]
    assert rows_of(tmp_path / "kb.duckdb", "SELECT low, unit, per FROM doses") == [(15.0, "mg", "kg")]
    alone = build([run_folder(tmp_path / "pairs", [pair])], tmp_path / "alone.duckdb", NONE)
    made(tmp_path, tmp_path / "pairs")
    assert alone.edges == 1
    assert believed(tmp_path / "kb.duckdb") == believed(tmp_path / "alone.duckdb")


def test_opposite_types_contradict_each_other_wherever_they_come_from(tmp_path: Path) -> None:
    first = run_folder(tmp_path / "first", [stating("1", "A", "B", confidence=0.9)])
    second = run_folder(tmp_path / "second", [stating("2", "A", "B", type="NEG", confidence=0.6)])
    made(tmp_path, first)
    alone = believed(tmp_path / "kb.duckdb")["POS"]
    made(tmp_path, second)
    both = believed(tmp_path / "kb.duckdb")
    assert both["POS"][:3] == both["NEG"][:3] == (1, 1, True)
    assert 0 < float(str(both["POS"][3])) < float(str(alone[3]))
    made(tmp_path, run_folder(tmp_path / "second", []))
    assert believed(tmp_path / "kb.duckdb") == {"POS": alone}


def test_bad_lines_are_told_with_their_place_and_good_ones_taken(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B"), stating("2", "A", "B")])
    lines = (run / "predictions.jsonl").read_text().splitlines()
    bad = [
        "{not json",
        json.dumps(stating("3", "A", "B") | {"mentions": [{"start": 0, "end": 999, "type": "x"}]}),
    ]
    (run / "predictions.jsonl").write_text("\n".join([lines[0], *bad, lines[0], lines[1]]) + "\n")
    built = made(tmp_path, run)
    assert built.documents == 2
    where = f"{run / 'predictions.jsonl'}:"
    assert [problem.split(" ")[0] for problem in built.problems] == [f"{where}{line}:" for line in (2, 3, 4)]


def test_a_torn_last_line_of_an_unfinished_run_is_no_fault(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [stating("1", "A", "B")], status="running")
    with (run / "predictions.jsonl").open("a") as stream:
        stream.write('{"id": "2", "te')
    built = made(tmp_path, run)
    assert (built.documents, built.problems) == (1, ())
    with (run / "predictions.jsonl").open("a") as stream:
        stream.write('xt": "B"}\n')
    assert made(tmp_path, run).documents == 1


@pytest.mark.parametrize("fault", ["no manifest", "torn manifest", "patients", "no predictions"])
def test_a_folder_that_is_no_run_is_told_and_costs_no_other(fault: str, tmp_path: Path) -> None:
    good = run_folder(tmp_path / "good", [stating("1", "A", "B")])
    bad = run_folder(tmp_path / "bad", [], task="medication" if fault == "patients" else "relations")
    if fault == "no manifest":
        (bad / "manifest.json").unlink()
    elif fault == "torn manifest":
        (bad / "manifest.json").write_text('{"task": "relations", "ident')
    elif fault == "no predictions":
        (bad / "predictions.jsonl").unlink()
    built = made(tmp_path, bad, good)
    assert (built.documents, len(built.problems)) == (1, 1)
    assert str(bad) in built.problems[0]
    with pytest.raises((FormatError, UsageError), match="bad"):
        build([bad], tmp_path / "other.duckdb", NONE)
    assert not (tmp_path / "other.duckdb").exists()


def test_annotation_in_a_file_counts_as_a_source_of_its_own(tmp_path: Path) -> None:
    gold = tmp_path / "gold.pubtator"
    gold.write_text(
        "7|t|A caused B.\n7|a|\n7\t0\t1\tA\tChemical\tD1\n7\t9\t10\tB\tDisease\tD2\n7\tCID\tD1\tD2\n\n"
    )
    built = made(tmp_path, gold)
    assert (built.documents, built.edges) == (1, 1)
    query = "SELECT source, random_error FROM sources"
    assert rows_of(tmp_path / "kb.duckdb", query) == [("annotation in gold.pubtator", 0.05)]
    assert made(tmp_path, gold).unchanged == 1
    gold.write_text("8|t|A title.\n8|a|\n8\t0\t1\tA\tChemical\tD1\n\n")
    changed = made(tmp_path, gold)
    assert (changed.documents, changed.removed, changed.edges) == (1, 1, 0)


def test_without_a_run_and_without_a_base_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such knowledge base"):
        made(tmp_path)
    assert not list(tmp_path.iterdir())
