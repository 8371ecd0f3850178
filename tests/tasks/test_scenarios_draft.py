"""Drafts say what was wished for, pass the lint, and name what the rules did not know."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import AnswerError, UsageError
from apothecary.messages import Reply
from apothecary.tasks.lexicon import inflect, load_lexicon
from apothecary.tasks.scenarios_draft import CODES, Wish, draft, draft_schema, notes_on, with_scenarios
from apothecary.tasks.scenarios_lint import lint
from apothecary.tasks.scenarios_model import DRAFT
from apothecary.tasks.schema import Scenario, parse_schema

LEXICON = load_lexicon()
INHIBITS = Wish("INHIBITS", "Chemical", "Gene", "the gene product works less", ("inhibit",))
BINDS = Wish("BINDS", "Gene", "Gene", "", ("bind to",))
LABELS = st.sampled_from(
    ["Chemical", "Gene", "DiseaseOrPhenotypicFeature", "DNA", "cell_line", "基因", "GENE-Y"]
)
WORDS = st.from_regex(r"[a-z]{1,12}(-[a-z]{1,6})?( (to|up|with))?", fullmatch=True)


def text_of(wish: Wish, scenario: str) -> str:
    return next(each.text for each in draft(wish, LEXICON).scenarios if each.id == scenario)


# --- inflection ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "third", "participle", "gerund"),
    [
        ("inhibit", "inhibits", "inhibited", "inhibiting"),
        ("reduce", "reduces", "reduced", "reducing"),
        ("stop", "stops", "stopped", "stopping"),
        ("heal", "heals", "healed", "healing"),
        ("slow", "slows", "slowed", "slowing"),
        ("transfer", "transfers", "transferred", "transferring"),
        ("offer", "offers", "offered", "offering"),
        ("modify", "modifies", "modified", "modifying"),
        ("destroy", "destroys", "destroyed", "destroying"),
        ("suppress", "suppresses", "suppressed", "suppressing"),
        ("quench", "quenches", "quenched", "quenching"),
        ("mimic", "mimics", "mimicked", "mimicking"),
        ("die", "dies", "died", "dying"),
        ("dye", "dyes", "dyed", "dyeing"),
        ("free", "frees", "freed", "freeing"),
        ("undergo", "undergoes", "undergone", "undergoing"),
        ("bind to", "binds to", "bound to", "binding to"),
        ("be linked to", "is linked to", "been linked to", "being linked to"),
        ("take up", "takes up", "taken up", "taking up"),
        ("co-bind", "co-binds", "co-bound", "co-binding"),
        ("equip", "equips", "equipped", "equipping"),
        ("quit", "quits", "quitted", "quitting"),
    ],
)
def test_verbs_are_inflected(verb: str, third: str, participle: str, gerund: str) -> None:
    forms = LEXICON.forms(verb)
    assert (forms.third, forms.participle, forms.gerund) == (third, participle, gerund)


@given(WORDS)
def test_any_word_has_forms_that_keep_what_follows_it(verb: str) -> None:
    forms = inflect(verb, {})
    for each in (forms.third, forms.participle, forms.gerund):
        assert each.partition(" ")[2] == verb.partition(" ")[2]
        assert each.startswith(verb[:1])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("inhibits", "inhibit"),
        ("Metabolise", "metabolize"),
        ("metabolised", "metabolize"),
        ("up-regulates", "upregulate"),
        ("interact", "interact with"),
        ("bound to", "bind to"),
        ("associated with", "be associated with"),
        ("zap", None),
    ],
)
def test_verbs_are_found_by_any_form_and_spelling(given: str, found: str | None) -> None:
    assert LEXICON.find(given) == found


def test_the_lexicon_does_not_contradict_itself() -> None:
    assert len(LEXICON.verbs) >= 60
    for name, verb in LEXICON.verbs.items():
        assert not {name, *verb.synonyms} & set(verb.antonyms), name
        assert name not in verb.synonyms
        assert not verb.phrase or {"HEAD", "TAIL"} <= set(verb.phrase.split()), name
        assert LEXICON.find(name) == name


# --- drafts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", LEXICON.verbs)
@pytest.mark.parametrize(("head", "tail"), [("Chemical", "Gene"), ("Gene", "Gene")])
def test_a_draft_of_any_verb_passes_the_lint(verb: str, head: str, tail: str) -> None:
    schema = draft_schema([Wish("R", head, tail, "", (verb,))], LEXICON, name="x")
    symmetric = LEXICON.verbs[verb].symmetric
    found = lint(schema)
    assert [each.rule for each in found] == (["principles-negative"] if symmetric and head != tail else [])
    assert parse_schema(schema.to_toml(), where="x") == schema


@given(st.lists(WORDS | st.sampled_from(list(LEXICON.verbs)), min_size=1, max_size=4), LABELS, LABELS)
def test_a_draft_of_any_wish_has_no_errors(verbs: list[str], head: str, tail: str) -> None:
    schema = draft_schema([Wish("a relation", head, tail, "It holds.", tuple(verbs))], LEXICON, name="x")
    assert [each for each in lint(schema) if each.level == "error"] == []
    assert parse_schema(schema.to_toml(), where="x") == schema


def test_positives_are_active_passive_and_noun() -> None:
    verbs = "inhibits, blocks, suppresses or antagonizes"
    assert text_of(INHIBITS, "active") == f"The text reports or concludes that the chemical {verbs} the gene."
    passive = "The gene is inhibited, blocked, suppressed or antagonized by the chemical"
    assert text_of(INHIBITS, "passive") == f"{passive}, or called chemical-inhibited."
    assert text_of(INHIBITS, "noun") == "The text names as a fact: inhibition of the gene by the chemical."


def test_negatives_are_other_names_the_opposite_the_swap_and_look_alikes() -> None:
    text = "The text says so of another chemical or another gene, not of the chemical and the gene."
    assert text_of(INHIBITS, "other-name") == text
    opposite = "The contrary is told: the chemical activates, stimulates or enhances the gene."
    assert text_of(INHIBITS, "opposite") == opposite
    assert text_of(INHIBITS, "swapped") == "It is the other way round: the gene inhibits the chemical."
    assert "binding without loss of activity" in text_of(INHIBITS, "look-alike")
    assert draft(INHIBITS, LEXICON).scenarios[-1].code == "0"


def test_a_symmetric_verb_between_two_of_a_kind_has_no_direction() -> None:
    template = draft(BINDS, LEXICON)
    assert not template.directed
    assert "swapped" not in {each.id for each in template.scenarios}
    assert "the first gene binds to" in template.scenarios[0].text
    assert any("no scenario is by principle 8" in note for note in notes_on([BINDS], LEXICON))


def test_a_verb_that_is_not_listed_is_inflected_and_noted() -> None:
    wish = Wish("ZAPS", "Chemical", "Widget", "", ("zap",))
    assert "zaps the widget" in text_of(wish, "active")
    notes = notes_on([wish], LEXICON)
    assert notes[0].startswith("'zap' is not in the lexicon: check its forms (zaps, zapped, zapping)")
    assert [note.split(":")[0] for note in notes[1:]] == ["ZAPS", "ZAPS", "label Widget"]


def test_nothing_is_noted_where_all_is_known() -> None:
    assert notes_on([INHIBITS], LEXICON) == ()


def test_what_a_user_says_is_no_antonym_of_it() -> None:
    wish = replace(INHIBITS, verbs=("inhibit", "activate"))
    assert "activates" in text_of(wish, "active")
    assert "activates" not in text_of(wish, "opposite")
    assert "stimulates" not in text_of(wish, "active")


def test_decoys_are_what_is_not_wanted() -> None:
    labels = draft_schema([Wish("R", "Drug", "SideEffect", "", ("cause",))], LEXICON, name="x").labels
    assert [label.name for label in labels if not label.decoy] == ["Drug", "SideEffect"]
    assert {"Chemical", "Disease"}.isdisjoint(label.name for label in labels)
    assert "Gene" in {label.name for label in labels if label.decoy}


def test_several_wishes_become_several_templates() -> None:
    schema = draft_schema([INHIBITS, BINDS, replace(BINDS, relation="binds!")], LEXICON, name="x")
    assert [template.name for template in schema.templates] == ["inhibits", "binds", "binds-2"]
    assert schema.name == "x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"relation": " "}, "relation: is empty"),
        ({"head": "{head}"}, "head: holds braces"),
        ({"definition": "a\nb"}, "definition: holds braces, line breaks"),
        ({"tail": "x" * 61}, "tail: has 61 characters"),
        ({"verbs": ()}, "no verb is given"),
        ({"verbs": ("in{h}ibit",)}, "is no verb"),
        ({"verbs": ("",)}, "is no verb"),
    ],
)
def test_a_wish_that_makes_no_sense_is_wrong_use(changes: dict[str, str], message: str) -> None:
    given = {"relation": "R", "head": "A", "tail": "B", "verbs": ("inhibit",)} | changes
    with pytest.raises(UsageError, match=re.escape(message)):
        Wish(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wishes", [[], [BINDS, BINDS], [INHIBITS, Wish("S", "CHEMICAL", "Gene", "", ("bind",))]]
)
def test_wishes_that_collide_are_wrong_use(wishes: list[Wish]) -> None:
    with pytest.raises(UsageError):
        draft_schema(wishes, LEXICON, name="x")


# --- what a model adds --------------------------------------------------------------------------------

REPLY = {
    "positive": [{"text": "The chemical shuts the gene off.", "principle": 5}],
    "negative": [
        {"text": "The chemical spares the gene.", "principle": 7},
        "The chemical measures the gene.",
    ],
}


def read(reply: object) -> tuple[Scenario, ...]:
    return DRAFT.parse(Reply(json.dumps(reply)), INHIBITS).value


def test_a_reply_becomes_scenarios() -> None:
    assert [(each.polarity, each.principle, each.relations) for each in read(REPLY)] == [
        ("positive", 5, ("INHIBITS",)),
        ("negative", 7, ()),
        ("negative", 9, ()),
    ]


def test_what_was_rendered_is_read_back() -> None:
    scenarios = read(REPLY)
    assert DRAFT.parse(Reply(DRAFT.render(scenarios, INHIBITS)), INHIBITS).value == scenarios


@pytest.mark.parametrize(
    "reply",
    [
        "none of it",
        "[]",
        "{}",
        '{"positive": 7}',
        '{"positive": [{"text": "short"}]}',
        '{"positive": ["The {head} shuts the gene off."]}',
        '{"negative": [{"text": "The chemical \\u0007 rings at the gene."}]}',
        json.dumps({"negative": ["The chemical " * 40]}),
        "[" * 5000,
    ],
)
def test_a_bad_reply_is_no_answer(reply: str) -> None:
    with pytest.raises(AnswerError):
        DRAFT.parse(Reply(reply), INHIBITS)


def test_the_request_holds_the_wish_and_a_schema() -> None:
    request = DRAFT.prompt(INHIBITS)
    assert request.step == "scenarios.draft"
    assert request.constraint is not None
    assert all(part in request.messages[0].content for part in ("INHIBITS", "inhibit", "works less"))


def test_scenarios_of_a_model_come_before_the_rest_and_are_marked() -> None:
    template, notes = with_scenarios(draft(INHIBITS, LEXICON), (*read(REPLY), *read(REPLY)))
    assert [each.code for each in template.scenarios] == [*CODES[:10], "0"]
    assert [note.split(" ")[0] for note in notes] == [f"inhibits/model-{n}" for n in (1, 2, 3)]
    schema = replace(draft_schema([INHIBITS], LEXICON, name="x"), templates=(template,))
    assert lint(schema) == []


def test_more_scenarios_than_codes_are_left_out_and_said() -> None:
    many = [Scenario(f"m{n}", "negative", 9, f"The chemical meets gene {n}.", "1") for n in range(60)]
    template, notes = with_scenarios(draft(INHIBITS, LEXICON), many)
    assert len(template.codes) == len(CODES) + 1
    assert notes[-1] == "inhibits: no code is left for the other scenarios of the model"
