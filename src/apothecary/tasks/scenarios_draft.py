"""The first draft of a schema, by rule: from the name of a relation, its verbs and its two sides.

Positive scenarios come from the verbs and their synonyms in the active voice (principle 4), the passive
and the noun (principle 5); negative ones from another name in the place (6), the antonyms (7), the sides
swapped (8), what is taken for the relation, and a code that takes the rest (9). A verb that the
lexicon does not list is inflected by rule, and the notes say so.

Source: Zhao et al. 2025, principles 1 to 9. Departures:
1. The source had its scenarios written by people who read the scored documents; these are made of
   words alone, and meant to be edited.
2. Of a symmetric verb ("interact with") the sides can be swapped, so there is no scenario by principle
   8; between two concepts of one type the template then has no direction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from apothecary.errors import UsageError
from apothecary.tasks.lexicon import Lexicon
from apothecary.tasks.schema import Label, Scenario, Schema, Template

__all__ = ["CODES", "Wish", "draft", "draft_schema", "notes_on", "with_scenarios"]

CODES = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Codes in the order in which they are given out; "0" stands for the rest."""
LONGEST_NAME = 60
LONGEST_DEFINITION = 300
MOST_VERBS = 5
MOST_OPPOSITES = 4

_VERB = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*(?: [A-Za-z]+(?:-[A-Za-z]+)*){0,3}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_a-zA-Z]+")
_ACRONYM_LETTERS = 4
_CATCH_ALL = "0"


@dataclass(frozen=True)
class Wish:
    """A relation somebody wants: its type, the labels of its two sides, what it means, and its verbs.

    Raises UsageError for a name that is empty, too long or holds braces or control characters, and for
    what is no verb.
    """

    relation: str
    head: str
    tail: str
    definition: str = ""
    verbs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind, text in (("relation", self.relation), ("head", self.head), ("tail", self.tail)):
            _check_text(kind, text, LONGEST_NAME)
        if self.definition:
            _check_text("definition", self.definition, LONGEST_DEFINITION)
        if not self.verbs:
            raise UsageError("no verb is given", where="verb", hint="how do texts say it: inhibit, bind to")
        for verb in self.verbs:
            if len(verb) > LONGEST_NAME or not _VERB.fullmatch(" ".join(verb.split())):
                hint = "up to four English words in plain form: inhibit, bind to"
                raise UsageError(f"'{verb}' is no verb", where="verb", hint=hint)


def _check_text(kind: str, text: str, longest: int) -> None:
    if not text.strip():
        raise UsageError("is empty", where=kind, hint="say it in a few words")
    if len(text) > longest:
        raise UsageError(f"has {len(text)} characters", where=kind, hint=f"at most {longest}")
    if "{" in text or "}" in text or not text.isprintable():
        raise UsageError("holds braces, line breaks or control characters", where=kind, hint="plain words")


def draft(wish: Wish, lexicon: Lexicon) -> Template:
    """A template for one relation, by the rules of this module."""
    words = _words_of(wish, lexicon)
    head, tail = _sides(wish)
    symmetric = words.symmetric
    scenarios = [
        *_positives(wish, words, head, tail),
        *_negatives(wish, words, head, tail),
    ]
    coded = [replace(each, code=code) for each, code in zip(scenarios, CODES, strict=False)]
    rest = (
        f"The text mentions both, but reports no such relation between {head} and {tail},"
        " or looked for one and found none."
    )
    meaning = f" The relation asked for: {_sentence(wish.definition)}" if wish.definition else ""
    return Template(
        name=_slug(wish.relation) or "relation",
        head=wish.head,
        tail=wish.tail,
        requirement=f"Decide what the text says about {_one(wish)}.{meaning}"
        " Choose the one statement that fits best:",
        scenarios=(*coded, Scenario("unrelated", "negative", 9, rest, _CATCH_ALL)),
        assumptions=(
            f"That {head} and {tail} are named together is no evidence; the text must link the two.",
            "A difference that the text calls not significant counts as no effect.",
        ),
        directed=not (symmetric and wish.head == wish.tail),
    )


def draft_schema(wishes: Sequence[Wish], lexicon: Lexicon, *, name: str, title: str = "") -> Schema:
    """Labels, decoys and one template for each wish.

    Raises UsageError without a wish, for one that repeats and for labels that differ only by case.
    """
    if len({(wish.relation, wish.head, wish.tail) for wish in wishes}) < max(1, len(wishes)):
        raise UsageError("no relation is asked for, or one twice", hint="name each once, with all its verbs")
    templates: list[Template] = []
    for wish in wishes:
        template = draft(wish, lexicon)
        own = _free(template.name, [each.name for each in templates])
        templates.append(replace(template, name=own))
    wanted = list(dict.fromkeys(side for wish in wishes for side in (wish.head, wish.tail)))
    if len({each.casefold() for each in wanted}) < len(wanted):
        raise UsageError(f"labels that differ only by case: {', '.join(wanted)}", hint="write them alike")
    labels = [Label(each, _description(each, lexicon)) for each in wanted]
    held = {word for each in wanted for word in _label_words(each)}
    for typical in lexicon.labels:
        if held.isdisjoint(typical.words) and typical.name.casefold() not in held:
            labels.append(Label(typical.name, typical.description, decoy=True))
    if not any(label.decoy for label in labels):
        labels.append(Label(_free("Other", wanted), "names of any other kind", decoy=True))
    title = title or "; ".join(f"{w.head} {w.relation} {w.tail}" for w in wishes)
    return Schema(name, title, tuple(labels), tuple(templates))


def notes_on(wishes: Iterable[Wish], lexicon: Lexicon) -> tuple[str, ...]:
    """What a reader of the draft should check, one line each: what was not known, and what was left out."""
    notes: list[str] = []
    for wish in wishes:
        words = _words_of(wish, lexicon)
        for verb in words.unknown:
            forms = lexicon.forms(verb)
            shown = f"{forms.third}, {forms.participle}, {forms.gerund}"
            notes.append(f"'{verb}' is not in the lexicon: check its forms ({shown}); no synonyms are known")
        if not words.opposites:
            notes.append(f"{wish.relation}: no antonym is known; scenario opposite only denies the relation")
        if not words.alike:
            notes.append(f"{wish.relation}: nothing is known that is taken for it; add what readers confuse")
        if words.symmetric:
            text = "the sides can be swapped, so no scenario is by principle 8"
            notes.append(f"{wish.relation}: {text}")
        for side in dict.fromkeys((wish.head, wish.tail)):
            if _typical(side, lexicon) is None:
                notes.append(f"label {side}: not known; describe what it covers and what it does not")
    return tuple(dict.fromkeys(notes))


def with_scenarios(template: Template, more: Iterable[Scenario]) -> tuple[Template, tuple[str, ...]]:
    """A template with scenarios that a model wrote, before the one that takes the rest, and notes on them.

    They get new ids and the next free codes. One whose text is there already, and what is too much for the
    codes, is left out.
    """
    *scenarios, rest = template.scenarios
    texts = {_folded(each.text) for each in template.scenarios}
    free = [code for code in CODES if code not in template.codes]
    notes: list[str] = []
    for position, scenario in enumerate(more, start=1):
        if _folded(scenario.text) in texts:
            continue
        if not free:
            notes.append(f"{template.name}: no code is left for the other scenarios of the model")
            break
        texts.add(_folded(scenario.text))
        written = replace(scenario, id=f"model-{position}", code=free.pop(0))
        scenarios.append(written)
        notes.append(f"{template.name}/{written.id} was written by a model: check it")
    return replace(template, scenarios=(*scenarios, rest)), tuple(notes)


# --- words -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """The verbs of a wish in plain form, its own first, with what the lexicon adds."""

    own: tuple[str, ...]
    verbs: tuple[str, ...]
    opposites: tuple[str, ...]
    alike: tuple[str, ...]
    unknown: tuple[str, ...]
    symmetric: bool
    lexicon: Lexicon

    def each(self, verbs: Iterable[str], form: str) -> str:
        """Verbs in one form, as alternatives: ``inhibits, blocks or suppresses``."""
        forms = [self.lexicon.forms(verb) for verb in verbs]
        return _either([each.third if form == "third" else each.participle for each in forms])


def _words_of(wish: Wish, lexicon: Lexicon) -> _Words:
    given = [" ".join(verb.casefold().split()) for verb in wish.verbs]
    found = [lexicon.find(verb) for verb in given]
    own = tuple(dict.fromkeys(name or verb for verb, name in zip(given, found, strict=True)))
    known = [lexicon.verbs[name] for name in own if name in lexicon.verbs]
    # A word of the user's own stands, whatever the lexicon calls the contrary of another of them.
    synonyms = _woven([verb.synonyms for verb in known])
    opposites = [each for each in _woven([verb.antonyms for verb in known]) if each not in own]
    verbs = dict.fromkeys((*own, *(each for each in synonyms if each not in opposites)))
    return _Words(
        own=own,
        verbs=tuple(verbs)[: max(MOST_VERBS, len(own))],
        opposites=tuple(opposites)[:MOST_OPPOSITES],
        alike=tuple(_woven([verb.alike for verb in known])[:MOST_OPPOSITES]),
        unknown=tuple(dict.fromkeys(v for v, name in zip(given, found, strict=True) if name is None)),
        symmetric=bool(known) and all(verb.symmetric for verb in known) and len(known) == len(own),
        lexicon=lexicon,
    )


def _woven(lists: Sequence[Sequence[str]]) -> list[str]:
    """The first of every list, then the second of every list, and so on, each word once."""
    longest = max(map(len, lists), default=0)
    return list(dict.fromkeys(each[i] for i in range(longest) for each in lists if i < len(each)))


def _either(words: Sequence[str]) -> str:
    words = list(dict.fromkeys(words))
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


# --- scenarios ---------------------------------------------------------------------------------------


def _positives(wish: Wish, words: _Words, head: str, tail: str) -> Iterable[Scenario]:
    active = words.each(words.verbs, "third")
    yield _positive(wish, "active", 4, f"The text reports or concludes that {head} {active} {tail}.")
    passive = [verb for verb in words.verbs if words.lexicon.forms(verb).transitive]
    passive = [verb for verb in passive if not verb.startswith("be ")]
    if passive:
        text = f"{_capital(tail)} is {words.each(passive, 'participle')} by {head}"
        adjective = words.lexicon.forms(passive[0]).participle
        if " " not in adjective and " " not in _bare(head):
            text += f", or called {_bare(head)}-{adjective}"
        yield _positive(wish, "passive", 5, f"{text}.")
    phrases = _either([_phrase(verb, words.lexicon, head, tail) for verb in words.own[:2]])
    yield _positive(wish, "noun", 5, f"The text names as a fact: {phrases}.")


def _negatives(wish: Wish, words: _Words, head: str, tail: str) -> Iterable[Scenario]:
    own = words.each(words.own, "third")
    text = f"The text says so of {_others(wish)}, not of {head} and {tail}."
    yield _negative("other-name", 6, text)
    if words.opposites:
        opposite = words.each(words.opposites, "third")
        yield _negative("opposite", 7, f"The contrary is told: {head} {opposite} {tail}.")
    else:
        yield _negative("opposite", 7, f"The text denies that {head} {own} {tail}, or tells the contrary.")
    if not words.symmetric:
        yield _negative("swapped", 8, f"It is the other way round: {tail} {own} {head}.")
    if words.alike:
        text = f"Of {head} and {tail} the text tells only {_either(words.alike)}, which is something else."
    else:
        text = f"The text tells of something else between {head} and {tail} that merely looks alike."
    yield _negative("look-alike", 9, text)


def _positive(wish: Wish, name: str, principle: int, text: str) -> Scenario:
    return Scenario(name, "positive", principle, text, CODES[0], (wish.relation,))


def _negative(name: str, principle: int, text: str) -> Scenario:
    return Scenario(name, "negative", principle, text, CODES[0])


def _phrase(verb: str, lexicon: Lexicon, head: str, tail: str) -> str:
    """The noun of a verb with its two sides: ``inhibition of the gene by the chemical``."""
    known = lexicon.verbs.get(verb)
    if known and known.phrase:
        pattern = known.phrase
    elif lexicon.forms(verb).transitive:
        pattern = f"{lexicon.noun(verb)} of TAIL by HEAD"
    elif known and known.noun:
        pattern = f"{known.noun} of HEAD {verb.rpartition(' ')[2]} TAIL"
    else:
        pattern = f"HEAD {lexicon.forms(verb).gerund} TAIL"
    sides = {"HEAD": head, "TAIL": tail}
    return re.sub("HEAD|TAIL", lambda match: sides[match[0]], pattern)


# --- names -------------------------------------------------------------------------------------------


def _label_words(label: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(label)]


def _noun(label: str) -> str:
    """A label as a noun: ``ChemicalEntity`` is a chemical entity, ``DNA`` stays."""
    words = _WORDS.findall(label) or [label]
    return " ".join(w if w.isupper() and len(w) <= _ACRONYM_LETTERS else w.casefold() for w in words)


def _sides(wish: Wish) -> tuple[str, str]:
    """What head and tail are called; two of one type are the first and the second."""
    head, tail = _noun(wish.head), _noun(wish.tail)
    if head == tail:
        return f"the first {head}", f"the second {tail}"
    return f"the {head}", f"the {tail}"


def _one(wish: Wish) -> str:
    head, tail = _noun(wish.head), _noun(wish.tail)
    return f"two names of the type {head}" if head == tail else f"one {head} and one {tail}"


def _bare(side: str) -> str:
    return side.removeprefix("the ")


def _others(wish: Wish) -> str:
    nouns = dict.fromkeys((_noun(wish.head), _noun(wish.tail)))
    return " or ".join(f"another {noun}" for noun in nouns)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def _typical(label: str, lexicon: Lexicon) -> str | None:
    words = _label_words(label)
    for typical in lexicon.labels:
        if typical.name.casefold() in words:
            return typical.description
    return None


def _description(label: str, lexicon: Lexicon) -> str:
    return _typical(label, lexicon) or f"names that stand for one {_noun(label)} each"


def _free(name: str, taken: Sequence[str]) -> str:
    """The name, with a number where there is one like it."""
    folded = {each.casefold() for each in taken}
    numbered = (f"{name}-{number}" for number in count(2))
    return next(each for each in chain([name], numbered) if each.casefold() not in folded)
