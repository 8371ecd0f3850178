"""A list made from the scored gold leaks, one made elsewhere does not, and copied words are found."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document, Mention, Span
from apothecary.errors import UsageError
from apothecary.formats.inputs import read_gold
from apothecary.tasks.scenarios_leaks import LeakReport, Place, leaks, schema_strings
from apothecary.tasks.schema import load_schema, schema_names

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not (DATA / "cdr" / "dev.pubtator").exists(), reason="needs cdr/dev.pubtator under APOTHECARY_DATA"
)
PROSE = "We gave the rats two spoons of lavender tea before every meal."


def document(identity: str, text: str, *names: str) -> Document:
    mentions = tuple(Mention((Span(text.index(n), text.index(n) + len(n)),), n, "Chemical") for n in names)
    return Document(identity, text, mentions=mentions)


SCORED = [document("1", PROSE, "lavender tea"), document("2", "Mint and sage helped.", "Mint", "sage")]
OTHER = [document("7", "Sage is a herb that many people like to grow at home.", "Sage")]


def held(
    *strings: str, other: Iterable[Document] = OTHER, out: HeldOut | None = None, words: int = 5
) -> LeakReport:
    listed = [(Place("list", str(number)), text) for number, text in enumerate(strings, start=1)]
    return leaks(listed, {"scored": SCORED, "other": other}, "scored", out, words=words)


def test_names_of_the_scored_gold_and_no_other_are_leaked() -> None:
    (share,) = held("LAVENDER  tea", "mint", "sage", "oak", "oak").shares
    assert (share.strings, share.gold, share.leaked, share.value) == (4, 3, 2, 0.5)
    assert share.examples == ("LAVENDER tea", "mint")


def test_a_share_needs_enough_strings_to_decide() -> None:
    few, enough = held("mint", "oak", "elm", "ash"), held("mint", "oak", "elm", "ash", "fir")
    assert not few.leaking()
    assert enough.leaking()
    assert not enough.leaking(share=0.2)
    assert few.leaking(at_least=4)


def test_a_copied_sentence_is_found_with_its_place_and_document() -> None:
    (overlap,) = held("unlike others", "If TWO spoons of (lavender) tea were given, answer 1.").copied
    assert (str(overlap.place), overlap.corpus, overlap.document) == ("list:2", "scored", "1")
    assert (overlap.words, overlap.text, overlap.held_out) == (5, "two spoons of lavender tea", False)


@pytest.mark.parametrize(("words", "found"), [(4, 1), (5, 1), (6, 0)])
def test_shorter_runs_than_asked_for_are_not_told(words: int, found: int) -> None:
    assert len(held("two spoons of lavender tea", words=words).copied) == found


def test_a_run_is_as_long_as_it_goes() -> None:
    (overlap,) = held(f"Is it so? {PROSE}").copied
    assert overlap.words == 12
    assert overlap.text == PROSE


def test_words_that_other_documents_have_too_show_nothing() -> None:
    report = held("two spoons of lavender tea", other=[document("8", "Take two spoons of lavender tea.")])
    assert report.copied == ()
    assert [overlap.elsewhere for overlap in report.overlaps] == [True]
    assert not report.leaking()


def test_another_copy_of_a_scored_document_excuses_nothing() -> None:
    report = held("mint", "two spoons of lavender tea", other=[*SCORED, *OTHER])
    assert report.shares[0].leaked == 1
    assert len(report.copied) == 1
    assert report.notes == ("2 documents of the other corpora are scored or held out, and excuse nothing",)


def test_a_held_out_document_of_another_corpus_counts_as_scored() -> None:
    text = "a herb that many people like"
    assert held(text).overlaps == ()
    (overlap,) = held(text, "sage", out=HeldOut({"test": frozenset({"7"})})).copied
    assert (overlap.held_out, overlap.corpus, overlap.words) == (True, "other", 6)


def test_a_long_name_is_a_name_and_no_prose() -> None:
    long = "syndrome of very long names indeed"
    scored = [document("3", f"The {long}, once more.", long)]
    report = leaks([(Place("list", "1"), long)], {"scored": scored}, "scored")
    assert report.overlaps == ()
    assert report.shares[0].leaked == 1


def test_each_run_of_a_string_is_told_once() -> None:
    scored = [document(str(number), PROSE) for number in range(50)]
    report = leaks([(Place("list", "1"), PROSE)], {"scored": scored}, "scored")
    assert [overlap.document for overlap in report.copied] == ["0"]


def test_text_without_blanks_goes_by_character() -> None:
    scored = [document("1", "患者服用阿司匹林后出现皮疹。")]
    (overlap,) = leaks([(Place("p", "1"), "若阿司匹林后出现则选一")], {"s": scored}, "s").copied
    assert overlap.text == "阿司匹林后出现"


def test_what_limits_a_report_is_noted() -> None:
    notes = leaks([(Place("p", "1"), "x")], {"s": [document("1", "text")]}, "s").notes
    assert [note.split(":")[0] for note in notes] == [
        "the scored corpus marks no mentions",
        "no other corpus to compare with",
    ]


@pytest.mark.parametrize(
    ("strings", "corpora", "words", "message"),
    [
        ([], {"s": SCORED}, 5, "no string"),
        (["  "], {"s": SCORED}, 5, "no string"),
        (["x"], {"t": SCORED}, 5, "corpus 's' is not given"),
        (["x"], {"s": []}, 5, "no document in corpus 's'"),
        (["x"], {"s": SCORED, "t": []}, 5, "no document in corpus 't'"),
        (["x"], {"s": SCORED}, 1, "say nothing"),
    ],
)
def test_nothing_to_compare_is_wrong_use(
    strings: list[str], corpora: dict[str, list[Document]], words: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        leaks([(Place("p", "1"), text) for text in strings], corpora, "s", words=words)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30))
def test_an_overlap_is_found_exactly_when_a_run_is_shared(string: list[str], text: list[str]) -> None:
    def runs(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}

    place, scored = (Place("p", "1"), " ".join(["x", *string])), [document("1", " ".join([*text, "."]))]
    report = leaks([place], {"s": scored}, "s", words=3)
    assert bool(report.copied) == bool(runs(string) & runs(text))
    for overlap in report.copied:
        assert overlap.text in " ".join(text)
        assert overlap.words == len(overlap.text.split())


def test_every_text_of_a_schema_is_a_string() -> None:
    schema, _ = load_schema("cdr")
    texts = {text for _, text in schema_strings(schema)}
    template = schema.templates[0]
    assert {template.requirement, *template.assumptions, *(s.text for s in template.scenarios)} <= texts
    assert {"drugs", "Chemical"} <= {text.strip() for text in texts}


def names_of(part: str) -> list[tuple[Place, str]]:
    names = {mention.text for each in read_gold(DATA / part) for mention in each.mentions}
    return [(Place("list", str(number)), name) for number, name in enumerate(sorted(names), start=1)]


@needs_data
def test_a_list_built_from_the_scored_gold_is_flagged() -> None:
    report = leaks(names_of("cdr/dev.pubtator"), {"dev": read_gold(DATA / "cdr/dev.pubtator")}, "dev")
    assert report.shares[0].value >= 0.99
    assert report.leaking()


@needs_data
def test_a_list_built_elsewhere_passes() -> None:
    corpora = {part: read_gold(DATA / part) for part in ("cdr/dev.pubtator", "cdr/train.pubtator")}
    held_out = HeldOut.read(DATA / "held_out.tsv")
    report = leaks(names_of("cdr/train.pubtator"), corpora, "cdr/dev.pubtator", held_out)
    assert report.shares[0].value < 0.01
    assert not report.leaking()


@needs_data
@pytest.mark.parametrize("name", schema_names())
def test_shipped_schemas_do_not_leak(name: str) -> None:
    corpora = {part: read_gold(DATA / part) for part in ("cdr/dev.pubtator", "biored/dev.pubtator")}
    report = leaks(schema_strings(load_schema(name)[0]), corpora, "cdr/dev.pubtator")
    assert not report.leaking()
