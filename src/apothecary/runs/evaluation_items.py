"""Questions of an evaluation: typed examples drawn by a seed, asked in one fixed wording for all models."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping, Sequence
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

__all__ = ["Item", "Loaded", "digest_of", "load_parts", "request_of"]

TOKENS = {"classification": 64, "choice": 64, "text_pairs": 32, "relations": 384, "triples": 384}
"""New tokens of a reply, by folder; `MORE` of others."""
MORE = 256
MOST_ERRORS = 1000
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


def load_parts(parts: Sequence[Part], suite: Suite, held_out: HeldOut) -> tuple[Loaded, ...]:
    """Draw the items of all parts and learn their baselines; memory holds the draws, not the files.

    A file is read once for all parts, and again for a part that finds nothing of its training split. Raises
    FormatError when a file cannot be read, UsageError when nothing fits.
    """
    readings = [_Reading(part, suite, held_out) for part in parts]
    for file in dict.fromkeys(name for part in parts for name in (part.file, part.train_file)):
        own = [each for each in readings if file in (each.part.file, each.source.file)]
        for place, example in enumerate(read(Path(file))):
            for reading in own:
                reading.take(file, place, example)
    return tuple(each.loaded() for each in readings)


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


class _Reading:
    """A part while files are read: its draw, what is known of its training split, and counts."""

    def __init__(self, part: Part, suite: Suite, held_out: HeldOut) -> None:
        self.part = part
        self.source = replace(part, split=part.train, file=part.train_file)
        self._suite = suite
        self._held_out = held_out
        self._count = part.items or suite.items
        self._shots = suite.shots if part.shots is None else part.shots
        self._same = (part.file, part.split) == (self.source.file, self.source.split)
        # The largest number first: it goes when a smaller one comes.
        self._drawn: list[tuple[float, int, Sourced]] = []
        self._known = Known()
        self._shown: list[tuple[float, int, Item]] = []
        self._counts = dict.fromkeys(("fitting", "held_out", "bad", "unasked"), 0)
        self._errors: list[DataError] = []

    def take(self, file: str, place: int, each: Sourced | DataError) -> None:
        """Take an example of a file for what it is to this part, if anything."""
        if isinstance(each, DataError):
            if file == self.part.file:
                self._tell("bad", each)
            return
        asked = (file, each.split) == (self.part.file, self.part.split)
        taught = (file, each.split) == (self.source.file, self.source.split)
        if not (asked or taught) or not _fits(each, self.part):
            return
        listed = _listed(each, self._held_out)
        if asked:
            self._counts["fitting"] += 1
            self._counts["held_out"] += listed
        if asked and not listed:
            self._draw(place, each)
        elif not listed:
            self._learn(place, each)

    def _draw(self, place: int, each: Sourced) -> None:
        """Keep the examples of the smallest numbers, which depend on seed and id alone."""
        number = chance(self._suite.seed, "item", each.dataset, each.task, each.example.id)
        entry = (-number, -place, each)
        if len(self._drawn) < self._count:
            heapq.heappush(self._drawn, entry)
            return
        _, last, left = heapq.heappushpop(self._drawn, entry)
        if self._same:
            self._learn(-last, left)

    def _learn(self, place: int, each: Sourced) -> None:
        """Let baselines know an example that is not asked; one without a question teaches nothing."""
        try:
            item = _asked(each, self.source, self._suite.template)
        except DataError:
            return
        self._known.add(item.gold)
        if self._shots and len(item.turns) == 1:
            rank = chance(self._suite.seed, "shot", each.dataset, each.task, each.example.id)
            ranked = [*self._shown, (rank, place, item)]
            self._shown = heapq.nsmallest(self._shots, ranked, key=lambda entry: entry[:2])

    def loaded(self) -> Loaded:
        """What all files gave. Raises UsageError when nothing fits."""
        part, counts = self.part, self._counts
        asked = self._items()
        if not asked:
            raise UsageError(
                f"no example of the split {part.split!r} fits"
                f" ({counts['held_out']} held out, {counts['bad']} bad lines)",
                where=f"{part.file}, set {part.name}",
                hint="instruct show tells what the file holds",
            )
        _check_alike(asked, part)
        before = self._before()
        own = not self._known.examples
        for item in asked if own else ():
            self._known.add(item.gold)
        one = not self._known.several and all(_is_one(item.gold) for item in asked)
        return Loaded(
            part=part,
            items=tuple(replace(item, turns=(*before, *item.turns), shots=len(before)) for item in asked),
            known=self._known,
            fitting=counts["fitting"],
            held_out=counts["held_out"],
            bad=counts["bad"],
            unasked=counts["unasked"],
            constrained=one and (self._suite.constrain if part.constrain is None else part.constrain),
            log_odds=one
            and asked[0].gold.task == "choice"
            and (self._suite.log_odds if part.log_odds is None else part.log_odds),
            own=own,
            taught=self.source.split,
            errors=tuple(self._errors),
        )

    def _items(self) -> list[Item]:
        """The questions that were drawn, in the order of the file."""
        found = []
        for _, _, each in sorted(self._drawn, key=lambda entry: -entry[1]):
            try:
                found.append(_asked(each, self.part, self._suite.template))
            except DataError as error:
                self._tell("unasked", error)
        return found

    def _before(self) -> tuple[Turn, ...]:
        """Examples with their answers; without a training part out of what was not drawn of this one."""
        if not self._known.examples and not self._same:
            drawn = {-place for _, place, _ in self._drawn}
            self.source, self._same = self.part, True
            for place, each in enumerate(read(Path(self.part.file))):
                if place in drawn or isinstance(each, DataError) or each.split != self.part.split:
                    continue
                if _fits(each, self.part) and not _listed(each, self._held_out):
                    self._learn(place, each)
        if len(self._shown) < self._shots:
            raise UsageError(
                f"{len(self._shown)} examples to show, {self._shots} were asked for",
                where=f"{self.source.file}, set {self.part.name}",
                hint=f"the split {self.source.split!r} has no more; say another as train, or fewer shots",
            )
        return tuple(Turn(item.turns[0].asked, item.target) for _, _, item in self._shown)

    def _tell(self, count: str, error: DataError) -> None:
        """Count what was left out, and keep the error, up to a bound."""
        self._counts[count] += 1
        if len(self._errors) < MOST_ERRORS:
            self._errors.append(error)


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
