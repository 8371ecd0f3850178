"""What can be told of a schema by reading it, before a token is spent on it.

A schema that loads is well formed; here it is held against the design rules for scenario prompts.
An error says that answers will be wrong, lost or impossible to tell apart; a warning that a rule of
the art is not followed.

| rule | level | what it says |
|---|---|---|
| ambiguous-code | error | one code stands for scenarios of different relation types |
| code-form | error | a code is not one or two ASCII letters or digits, or one symbol that no reader strips |
| yes-no-code | error | a code is "yes" or "no" (principle 2) |
| code-prefix | error | one code begins with another: a reader may stop at the shorter |
| placeholder | error | ``{...}`` in a text: nothing is put in, the model would read the braces |
| duplicate-text | error | two scenarios of a template have the same text |
| label-case | error | two labels are equal but for case: a reply cannot tell them apart |
| asked-twice | error | two templates ask the same of the same types |
| principles-positive | warning | of a relation type, principle 4 or 5 has no positive scenario |
| principles-negative | warning | one of the principles 6 to 9 has no negative scenario |
| no-catch-all | warning | no negative scenario is left for a pair of which nothing is said |
| names-nothing | warning | a scenario names neither side |
| one-sided | warning | a scenario names one side twice and the other never |
| unused-label | warning | no template uses a wanted label |
| no-decoy | warning | templates ask about labels, but no label is a decoy (principle 3) |
| long-scenario | warning | a scenario has more than 300 characters |

Source: Zhao et al. 2025, principles 1 to 9. Departures:
1. The source has no such check: its questions are prose. Every rule but those with a principle
   is ours, after faults of the released prompts.
2. Principle 8 (the two sides swapped) is not asked of a template without direction.
3. That every code stands with its text, is offered as an answer and asserts all its relation types needs
   no rule: the form of a schema and the way it is asked leave nothing else.
4. Whether a scenario names a side, and whether it takes the rest, is told by its words: hence warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from apothecary.tasks.schema import Scenario, Schema, Template

__all__ = ["LONGEST_SCENARIO", "PLACEHOLDER", "Finding", "lint"]

LONGEST_SCENARIO = 300
"""Characters of a scenario; the longest of the shipped one has 137."""
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
"""A slot. Schema texts are themselves put into a prompt, in one pass, so none of theirs is filled."""

_CODE = re.compile(r"[A-Za-z0-9]{1,2}|[!#$%&+,\-/:;<=>?@\\^_~{}]")
_CATCH_ALL = re.compile(
    r"\b(?:unrelated|neither|none of|nothing|otherwise|anything else"
    r"|no (?:\w+ )?(?:relation|relationship|effect|link|connection|association|interaction|such)"
    r"|(?:does|do) not (?:\w+ )?(?:say|state|report|relate|link|connect|mention))",
    re.IGNORECASE,
)
_CATCH_ALL_IDS = frozenset({"unrelated", "none", "nothing", "other", "otherwise", "no-relation", "rest"})
_BOTH = re.compile(
    r"\b(?:both|the two|these two|the pair|each other|one another|first|second)\b", re.IGNORECASE
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
# Words of label names that name nothing by themselves ("ChemicalEntity", "DiseaseOrPhenotypicFeature").
_EMPTY_WORDS = frozenset({"or", "and", "of", "entity", "feature", "type", "product", "name"})
_STEM = 5
_OTHER_NAME = 6

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: where, which rule, and what to do.

    `place` is ``schema``, ``label NAME``, ``template NAME`` or ``TEMPLATE/SCENARIO``.
    """

    level: Level
    place: str
    rule: str
    text: str


def lint(schema: Schema) -> list[Finding]:
    """Every breach of the rules, errors first, each group in the order of the schema."""
    found = [*_labels(schema), *_asked_twice(schema)]
    for template in schema.templates:
        found += _codes(template)
        found += _relations(template)
        found += _principles(template)
        found += _texts(template)
    return sorted(found, key=lambda finding: finding.level != "error")


def _error(place: str, rule: str, text: str) -> Finding:
    return Finding("error", place, rule, text)


def _warning(place: str, rule: str, text: str) -> Finding:
    return Finding("warning", place, rule, text)


def _labels(schema: Schema) -> Iterator[Finding]:
    for one, other in combinations(schema.labels, 2):
        if one.name.casefold() == other.name.casefold():
            yield _error(
                f"label {other.name}", "label-case", f"differs from '{one.name}' only by case: rename it"
            )
    used = {side for template in schema.templates for side in (template.head, template.tail)}
    for label in schema.labels:
        if PLACEHOLDER.search(label.description):
            yield _braces(f"label {label.name}")
        if used and not label.decoy and label.name not in used:
            yield _warning(f"label {label.name}", "unused-label", "no template uses it: make it a decoy")
    if used and not any(label.decoy for label in schema.labels):
        text = "no label is a decoy: add the other types of names that such texts hold (principle 3)"
        yield _warning("schema", "no-decoy", text)


def _asked_twice(schema: Schema) -> Iterator[Finding]:
    asked: dict[tuple[str, str, str], str] = {}
    for template in schema.templates:
        pair = (template.head, template.tail)
        head, tail = pair if template.directed else (min(pair), max(pair))
        for relation in template.relations:
            earlier = asked.setdefault((head, tail, relation), template.name)
            if earlier != template.name:
                text = f"asks for {relation} of {template.head} and {template.tail} like template {earlier}"
                yield _error(f"template {template.name}", "asked-twice", f"{text}: join the two")


def _codes(template: Template) -> Iterator[Finding]:
    place = f"template {template.name}"
    for code in template.codes:
        if code.casefold() in ("yes", "no"):
            yield _error(place, "yes-no-code", f"code {code}: use a digit or a letter (principle 2)")
        elif not _CODE.fullmatch(code):
            text = f"code '{code}' is not one short token: use a digit or a letter"
            yield _error(place, "code-form", text)
        together = {tuple(sorted(s.relations)) for s in template.scenarios if s.code == code}
        if len(together) > 1:
            text = f"code {code} stands for different relation types: give each its own code"
            yield _error(place, "ambiguous-code", text)
    for one, other in combinations(template.codes, 2):
        short, long = sorted((one, other), key=len)
        if long.startswith(short):
            yield _error(place, "code-prefix", f"code {long} begins with code {short}: use letters after 9")


def _relations(template: Template) -> Iterator[Finding]:
    place = f"template {template.name}"
    for relation in template.relations:
        covered = {s.principle for s in template.scenarios if relation in s.relations}
        missing = [str(number) for number in (4, 5) if number not in covered]
        if missing:
            text = f"{relation}: no positive scenario by {_principle_names(missing)}"
            yield _warning(place, "principles-positive", text)


def _principles(template: Template) -> Iterator[Finding]:
    place = f"template {template.name}"
    negative = [each for each in template.scenarios if each.polarity == "negative"]
    covered = {each.principle for each in negative}
    wanted = (6, 7, 8, 9) if template.directed else (6, 7, 9)
    missing = [str(number) for number in wanted if number not in covered]
    if missing:
        text = f"no negative scenario by {_principle_names(missing)}"
        yield _warning(place, "principles-negative", text)
    if not any(each.id.casefold() in _CATCH_ALL_IDS or _CATCH_ALL.search(each.text) for each in negative):
        text = "no negative scenario takes the rest: add one for 'mentions both, but reports no effect'"
        yield _warning(place, "no-catch-all", text)


_PRINCIPLES = {
    "4": "synonyms of the verb",
    "5": "passive and noun forms",
    "6": "another name in the place",
    "7": "the opposite",
    "8": "the two sides swapped",
    "9": "concepts that look alike",
}


def _principle_names(numbers: Iterable[str]) -> str:
    named = [f"{number} ({_PRINCIPLES[number]})" for number in numbers]
    return f"principle {' or '.join(named)}"


def _texts(template: Template) -> Iterator[Finding]:
    for text in (template.requirement, *template.assumptions):
        if PLACEHOLDER.search(text):
            yield _braces(f"template {template.name}")
    seen: dict[str, str] = {}
    for scenario in template.scenarios:
        place = f"{template.name}/{scenario.id}"
        if PLACEHOLDER.search(scenario.text):
            yield _braces(place)
        earlier = seen.setdefault(" ".join(scenario.text.casefold().split()), scenario.id)
        if earlier != scenario.id:
            yield _error(place, "duplicate-text", f"has the text of scenario {earlier}: leave one out")
        if len(scenario.text) > LONGEST_SCENARIO:
            text = f"has {len(scenario.text)} characters, more than {LONGEST_SCENARIO}: split or shorten it"
            yield _warning(place, "long-scenario", text)
        yield from _sides(template, scenario, place)


def _braces(place: str) -> Finding:
    return _error(place, "placeholder", "nothing is put into {...}: write 'the chemical', 'the disease'")


def _sides(template: Template, scenario: Scenario, place: str) -> Iterator[Finding]:
    if _BOTH.search(scenario.text) or PLACEHOLDER.search(scenario.text):
        return
    head, tail = (_named(label, scenario.text) for label in (template.head, template.tail))
    if not head and not tail:
        yield _warning(place, "names-nothing", f"names neither the {template.head} nor the {template.tail}")
        return
    # "Another chemical, not this chemical" is as it should be.
    apart = template.head != template.tail and scenario.principle != _OTHER_NAME
    if apart and max(head, tail) > 1 and min(head, tail) == 0:
        named, other = (template.head, template.tail) if head else (template.tail, template.head)
        yield _warning(place, "one-sided", f"speaks of the {named} twice and never of the {other}")


def _named(label: str, text: str) -> int:
    """How often a text names a label: by the beginning of any telling word of it, plurals included."""
    words = [word for word in _WORD.findall(label) if word.casefold() not in _EMPTY_WORDS]
    # Chinese and Japanese write no blanks, so that a word boundary there would never be met.
    stems = [(r"\b" if word.isascii() else "") + re.escape(word[:_STEM]) for word in words or [label]]
    return len(re.findall("|".join(stems), text, re.IGNORECASE))
