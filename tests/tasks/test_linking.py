"""Mentions -> ids, as the tasks use it."""

from pathlib import Path

import pytest

from apothecary.documents import Concept, Document, Mention, Span
from apothecary.errors import ApothecaryError
from apothecary.tasks.linking import Linking, load_linking, with_ids
from apothecary.vocab.dictionary import Entry, make_dictionary
from apothecary.vocab.linking import Linker

TEXT = "Tardive dyskinesia (TD) began. TD and zorplax went on."
OWN = Linking(Linker(make_dictionary([Entry("Disease", "tardive dyskinesia", ("D1",))])), "digest")


def document(*names: str) -> Document:
    mentions = tuple(
        Mention((Span(TEXT.index(name), TEXT.index(name) + len(name)),), name, "Disease") for name in names
    )
    return Document("1", TEXT, mentions=mentions)


def test_an_abbreviation_is_linked_by_its_long_form_and_a_row_says_how() -> None:
    linked, rows = OWN.link(document("Tardive dyskinesia", "TD", "zorplax"))
    assert [mention.ids for mention in linked.mentions] == [("D1",), ("D1",), ()]
    assert [row["how"] for row in rows] == ["exact", "abbreviation", "not_found"]


def test_a_type_without_entries_was_not_tried() -> None:
    _, rows = Linking(Linker(make_dictionary([])), "").link(document("TD"))
    assert [row["how"] for row in rows] == ["not_tried"]


def test_without_a_vocabulary_nothing_is_linked() -> None:
    linked, rows = load_linking("none").link(document("TD"))
    assert linked == document("TD")
    assert rows == ()


def test_a_concept_has_the_ids_of_most_of_its_mentions() -> None:
    ids = [("D2",), ("D1",), (), ("D1",)]
    mentions = [Mention((Span(i, i + 1),), "x", "Disease", each) for i, each in enumerate(ids)]
    (concept,) = with_ids([Concept("c1", "Disease", (0, 1, 2, 3), ("x",))], mentions)
    assert concept.ids == ("D1",)
    (unlinked,) = with_ids([Concept("c1", "Disease", (2,), ("x",))], mentions)
    assert unlinked.ids == ()


def test_a_users_vocabulary_adds_to_the_own_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("D9\tzorplax\tDisease\n")
    linked, _ = load_linking(str(path)).link(document("zorplax"))
    assert linked.mentions[0].ids == ("D9",)
    own, _ = load_linking("own").link(document("Tardive dyskinesia"))
    both, _ = load_linking(f"own,{path}").link(document("Tardive dyskinesia"))
    assert own == both
    assert load_linking("own").digest != load_linking(str(path)).digest


@pytest.mark.parametrize("setting", ["", "none,own", "missing.tsv"])
def test_a_wrong_vocabulary_is_one_clear_error(setting: str) -> None:
    with pytest.raises(ApothecaryError):
        load_linking(setting)
