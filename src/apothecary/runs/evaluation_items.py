"""Questions of an evaluation: typed examples drawn by a seed, asked in one fixed wording for all models."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from apothecary.corpora.held_out import HeldOut, identities
from apothecary.corpora.instruct_sets import SETS
from apothecary.errors import DataError, UsageError
from apothecary.examples import Annotated, Language, Sourced, TaskName, Turn
from apothecary.formats.example_rows import read
from apothecary.messages import Choices, Decoding, Message, Request, TagSpans
from apothecary.runs.evaluation_baselines import Known, defined
from apothecary.runs.evaluation_suite import Part, Suite
from apothecary.tasks.instruct_answers import Gold, Labels, Score
from apothecary.tasks.instruct_score import default_rules, rule_of
from apothecary.tasks.instruct_task import InstructTask, load_instruct, serving
from apothecary.tasks.instruct_templates import chance, fill_template, templates

__all__ = ["Item", "Loaded", "digest_of", "load_part", "request_of"]

TOKENS = {"classification": 64, "choice": 64, "text_pairs": 32, "relations": 384, "triples": 384}
"""New tokens of a reply, by folder; `MORE` of others."""
MORE = 256
STEPS = {"mentions": "mentions.tag"}
"""Names of steps that small models serve, too; the others are ``TASK.answer``."""


@dataclass(frozen=True)
class Item:
    """A question with its gold. `id` is unique in an evaluation, `task` the one that was asked for.

    `turns` is what is said before the last answer: (asked, answered) pairs, the last without an answer.
    `text` is what spans lie in, `target` the right reply, `shots` how many of the turns are other examples.
    """

    id: str
    part: str
    task: TaskName
    language: Language
    turns: tuple[Turn, ...]
    gold: Gold
    text: str
    target: str
    template: str
    shots: int = 0

    @property
    def step(self) -> str:
        """The step that the question belongs to."""
        return STEPS.get(self.gold.task, f"{self.gold.task}.answer")

    @property
    def messages(self) -> tuple[Message, ...]:
        """The chat, up to the last question."""
        found: list[Message] = []
        for turn in self.turns:
            found.append(Message("user", turn.asked))
            if turn.answered:
                found.append(Message("assistant", turn.answered))
        return tuple(found)


@dataclass(frozen=True)
class Loaded:
    """A part that is ready: its items, what is known of its training part, and what was left out.

    `fitting` are the examples that fit, `held_out` those of them that a list names, `bad` the lines that
    cannot be read, `unasked` examples that have no question in their task. `constrained` says that an answer
    is exactly one option. `taught` is the split that baselines and shown examples come from; `own` says that
    there was none, so that baselines know the evaluated items.
    """

    part: Part
    items: tuple[Item, ...]
    known: Known
    fitting: int
    held_out: int
    bad: int
    unasked: int
    constrained: bool
    log_odds: bool
    own: bool
    taught: str
    errors: tuple[DataError, ...] = field(default=(), compare=False)

    @property
    def baselines(self) -> tuple[str, ...]:
        """The baselines that there are; what knows the answers themselves is none, as a dictionary would."""
        gold = self.items[0].gold
        return () if self.own and not isinstance(gold.answer, Labels | Score) else defined(gold)


def load_part(part: Part, suite: Suite, held_out: HeldOut) -> Loaded:
    """Draw the items of a part and learn its baselines; memory holds the draw, not the file.

    Raises FormatError when a file cannot be read, UsageError when nothing fits.
    """
    count, shots = part.items or suite.items, suite.shots if part.shots is None else part.shots
    tally = _Tally()
    drawn = _drawn(_fitting(part, held_out, tally), count, suite)
    asked = []
    for each in drawn:
        try:
            asked.append(_asked(each, part, suite.template))
        except DataError as error:
            tally.unasked += 1
            tally.tell(error)
    if not asked:
        raise UsageError(
            f"no example of the split {part.split!r} fits ({tally.held_out} held out, {tally.bad} bad lines)",
            where=f"{part.file}, set {part.name}",
            hint="instruct show tells what the file holds",
        )
    _check_alike(asked, part)
    known, before, source = _trained(part, suite, held_out, asked, shots)
    own = not known.examples
    for item in asked if own else ():
        known.add(item.gold)
    one = not known.several and all(_is_one(item.gold) for item in asked)
    return Loaded(
        part=part,
        items=tuple(replace(item, turns=(*before, *item.turns), shots=len(before)) for item in asked),
        known=known,
        fitting=tally.fitting,
        held_out=tally.held_out,
        bad=tally.bad,
        unasked=tally.unasked,
        constrained=one and (suite.constrain if part.constrain is None else part.constrain),
        log_odds=one
        and asked[0].gold.task == "choice"
        and (suite.log_odds if part.log_odds is None else part.log_odds),
        own=own,
        taught=source.split,
        errors=tuple(tally.errors),
    )


def request_of(item: Item, loaded: Loaded, suite: Suite) -> Request:
    """The question to an engine: decoded greedily, held to the options where one of them is right."""
    bound = loaded.part.max_new_tokens or suite.max_new_tokens or TOKENS.get(item.gold.task, MORE)
    held = loaded.constrained or loaded.log_odds
    return Request(
        messages=item.messages,
        step=item.step,
        input=TagSpans(item.text, item.gold.options) if item.step == STEPS["mentions"] else None,
        constraint=Choices(_forms(item)) if held else None,
        decoding=Decoding(max_new_tokens=bound),
        want_logprobs=loaded.log_odds,
    )


def _check_alike(items: Sequence[Item], part: Part) -> None:
    """One figure is for answers of one kind. Raises UsageError for several, and for an id given twice."""
    where = f"{part.file}, set {part.name}"
    rules = {default_rules(item.gold)[0]: item.task for item in items}
    if len(rules) > 1:
        raise UsageError(
            f"holds questions of several kinds: {', '.join(sorted(rules.values()))}",
            where=where,
            hint='say task = "..."',
        )
    for metric in part.metrics:
        if not all(isinstance(item.gold.answer, rule_of(metric).of) for item in items):
            raise UsageError(
                f"the metric {metric} cannot judge {items[0].task}",
                where=where,
                hint=f"such as {', '.join(default_rules(items[0].gold))}",
            )
    if len({item.id for item in items}) < len(items):
        raise UsageError("holds two examples of one id", where=where, hint='say dataset = "..."')


def _forms(item: Item) -> tuple[str, ...]:
    """The options as replies: letters alone where there are letters, since they say it all."""
    task = load_instruct(item.gold.task)
    forms = [task.render(Labels((option,)), item.gold, item.language) for option in item.gold.options]
    if item.gold.kind == "choice.choice":
        forms = [form.partition(".")[0] for form in forms]
    return tuple(forms)


def _is_one(gold: Gold) -> bool:
    return isinstance(gold.answer, Labels) and len(gold.answer.labels) == 1


@dataclass
class _Tally:
    """Counts of a part while its file is read, and the first errors."""

    fitting: int = 0
    held_out: int = 0
    bad: int = 0
    unasked: int = 0
    errors: list[DataError] = field(default_factory=list)

    def tell(self, error: DataError) -> None:
        """Keep an error, up to a bound."""
        if len(self.errors) < 1000:
            self.errors.append(error)


def _fitting(part: Part, held_out: HeldOut, tally: _Tally) -> Iterator[Sourced]:
    for each in read(Path(part.file)):
        if isinstance(each, DataError):
            tally.bad += 1
            tally.tell(each)
        elif each.split == part.split and _fits(each, part):
            tally.fitting += 1
            if _listed(each, held_out):
                tally.held_out += 1
            else:
                yield each


def _fits(each: Sourced, part: Part) -> bool:
    return (
        (not part.dataset or each.dataset == part.dataset)
        and (not part.task or each.task == part.task)
        and (not part.language or each.language == part.language)
    )


def _listed(each: Sourced, held_out: HeldOut) -> bool:
    """Numbers of a set that counts its own rows are no ids of documents, whatever a list says of them."""
    known = SETS.get(each.dataset)
    if known is not None and not known.listed_ids:
        return False
    example = each.example
    return held_out.holds(
        *(identities(example.document) if isinstance(example, Annotated) else (example.id,))
    )


def _drawn(examples: Iterator[Sourced], count: int, suite: Suite) -> list[Sourced]:
    """The examples of the smallest numbers, which depend on seed and id alone, in the order of the file."""
    ranked = (
        (chance(suite.seed, "item", each.dataset, each.task, each.example.id), place, each)
        for place, each in enumerate(examples)
    )
    kept = heapq.nsmallest(count, ranked, key=lambda entry: entry[:2])
    return [each for _, _, each in sorted(kept, key=lambda entry: entry[1])]


def _trained(
    part: Part, suite: Suite, held_out: HeldOut, items: Sequence[Item], shots: int
) -> tuple[Known, tuple[Turn, ...], Part]:
    """What baselines know, examples with their answers, and where they are from; never the items themselves.

    Without a training part it is what was not drawn of the evaluated one.
    """
    source = replace(part, split=part.train, file=part.train_file)
    evaluated = {item.id for item in items}
    known, shown = _learnt(source, suite, held_out, evaluated if _is_same(part, source) else set(), shots)
    if not known.examples and not _is_same(part, source):
        source = part
        known, shown = _learnt(source, suite, held_out, evaluated, shots)
    if len(shown) < shots:
        raise UsageError(
            f"{len(shown)} examples to show, {shots} were asked for",
            where=f"{source.file}, set {part.name}",
            hint=f"the split {source.split!r} has no more; say another as train, or fewer shots",
        )
    return known, tuple(Turn(item.turns[0].asked, item.target) for item in shown), source


def _is_same(part: Part, source: Part) -> bool:
    return (part.file, part.split) == (source.file, source.split)


def _learnt(
    source: Part, suite: Suite, held_out: HeldOut, evaluated: Collection[str], shots: int
) -> tuple[Known, list[Item]]:
    """An example without a question is passed over: it teaches nothing."""
    known = Known()
    ranked: list[tuple[float, int, Item]] = []
    for place, each in enumerate(_fitting(source, held_out, _Tally())):
        if _id(source, each) in evaluated:
            continue
        try:
            item = _asked(each, source, suite.template)
        except DataError:
            continue
        known.add(item.gold)
        if shots and len(item.turns) == 1:
            rank = chance(suite.seed, "shot", each.dataset, each.task, each.example.id)
            ranked = heapq.nsmallest(shots, [*ranked, (rank, place, item)], key=lambda entry: entry[:2])
    return known, [item for _, _, item in ranked]


def _id(part: Part, each: Sourced) -> str:
    return f"{part.name}/{each.example.id}" if part.task else f"{part.name}/{each.task}/{each.example.id}"


def _asked(each: Sourced, part: Part, number: int) -> Item:
    """The question in the wording of that number, the last one where there are fewer."""
    task: InstructTask = serving(each.task)
    asked = task.ask(each, each.labels)
    group = templates(f"apothecary.tasks.{task.name}", each.language)[asked.gold.kind]
    template = group[min(number, len(group)) - 1]
    filled = fill_template(template, asked.slots)
    turns: tuple[Turn, ...] = (Turn(filled.prompt, ""),)
    if asked.turns:
        first, *between, last = asked.turns
        turns = (Turn(filled.prompt, first.answered), *between, Turn(last.asked, ""))
    return Item(
        id=_id(part, each),
        part=part.name,
        task=each.task,
        language=each.language,
        turns=turns,
        gold=asked.gold,
        text=asked.slots.get("text", ""),
        target=task.render(asked.gold.answer, asked.gold, each.language),
        template=template.id,
    )


def digest_of(items: Sequence[Item], requests: Mapping[str, Request]) -> str:
    """SHA-256 over all that is asked, `requests` by id."""
    found = hashlib.sha256()
    for item in items:
        found.update(f"{item.id}\0{requests[item.id]!r}\0".encode("utf-8", "surrogatepass"))
    return found.hexdigest()
