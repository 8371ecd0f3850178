"""From what a user asks to recommend to a policy that is ready, and to the manifest of its run.

A new kind of policy is one line of `_READERS`: what its ``model.json`` says it is ("what"), and how its
folder is read to a `Policy`. Its scorer is a `DrugScorer` (a new ``kind`` of that: `networks.scorer_files`)
or any `CaseScorer`; its editor, if it has one, a `ListEditor` or any `CaseEditor`. What has no folder is
made to a `Policy` elsewhere: an engine by its name in `visit_asking`. Masks, budget, reasons, resume, scores
and pages are the same for all; what an editor does against a mask is not done.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from apothecary import ADVICE, __version__
from apothecary.corpora.visit_times import late_inputs, late_warning
from apothecary.errors import ModelMissing, UsageError, WeightsError, first_few
from apothecary.formats import visit_rows
from apothecary.formats.lines import printable
from apothecary.networks import list_editor, scorer_files
from apothecary.networks.list_editor import read_editor
from apothecary.networks.scorer_files import MODEL, PART, digest_of, read_scorer
from apothecary.runs.folder import fingerprint
from apothecary.runs.ledger import Spent
from apothecary.runs.manifest import now
from apothecary.runs.visit_files import Survey, survey
from apothecary.tasks.recommending import Knowledge, Lister, Policy, load_lists
from apothecary.visits import Visit
from apothecary.vocab.drug_groups import read_drug_groups
from apothecary.vocab.drug_names import read_drug_names
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.interactions import InteractionTable

__all__ = ["Opened", "RecommendOptions", "open_policy", "policy_folder", "read_policy"]

POLICIES = Path("models")
"""Where trainings write, and where a policy is looked for by its name."""
LOOKED_AT = 10_000
"""Visits that are looked at for inputs that were known late."""


@dataclass(frozen=True)
class RecommendOptions:
    """What is recommended by, beside the policy.

    `interactions` are the files of which the table is made. `names` are other names of drugs, for the
    interactions as for allergies. `classes` is a table ``drug,class``, `excluded` drugs or classes that are
    never recommended. `settings` are the task's. `fresh` starts an existing folder anew.
    """

    interactions: tuple[Path, ...]
    names: Path | None = None
    classes: Path | None = None
    excluded: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    task: str = "medication"
    limit: int | None = None
    fresh: bool = False
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Opened:
    """A policy that is ready for a file of visits, and the manifest of a run that begins.

    `at_once` is how many visits are taken together and written then; `spent` says what engines cost since it
    was last asked, by step.
    """

    lister: Lister
    vocabulary: tuple[str, ...]
    interactions: InteractionTable
    survey: Survey
    warnings: tuple[str, ...]
    manifest: Mapping[str, object]
    at_once: int = 256
    spent: Callable[[], Mapping[str, Spent]] = dict


def policy_folder(policy: str) -> Path:
    """The folder of a policy: given itself, or by its name under ``models``. Raises ModelMissing."""
    for path in (Path(policy), POLICIES / policy):
        if (path / MODEL).is_file():
            return path
    there = sorted(path.parent.name for path in POLICIES.glob(f"*/{MODEL}")) if POLICIES.is_dir() else []
    hint = "train one: apothecary train recommender --config FILE.toml"
    named = f"; in models/: {', '.join(there)}" if there else ""
    raise ModelMissing("there is no such policy", where=policy or "--policy", hint=f"{hint}{named}")


def open_policy(
    policy: str | tuple[Policy, str, str], visits: Path, options: RecommendOptions, *, what: object = None
) -> Opened:
    """Read a policy and all that it is given, and look through the visits.

    `what` is what else makes one run differ from another. Raises ApothecaryError; UsageError when the visits
    have lists and the policy knows no drug of them.
    """
    chosen, name, digest = read_policy(policy) if isinstance(policy, str) else policy
    knowledge = _read_knowledge(options)
    lister, settings = load_lists(options.task).prepare(chosen, knowledge, options.settings)
    found = survey(visits, encoding=options.encoding)
    table, vocabulary = knowledge.interactions, chosen.scorer.vocabulary
    unknown = table.outside(vocabulary)
    warnings = (
        *lister.warnings,
        *_absent("interactions", unknown, len(table.names)),
        *_outside(found, vocabulary, visits),
        *late_warning(_late(visits, found.rows, options), _learnt_late(chosen)),
    )
    identity = {
        "task": options.task,
        "version": __version__,
        "policy": digest,
        "settings": {**settings, "excluded": list(options.excluded), "what": what},
        "interactions": sorted({row.version for row in table.rows}),
        "names": fingerprint(_known(knowledge)),
        "classes": fingerprint(knowledge.classes),
        "inputs": [[visits.name, found.sha256]],
        "limit": options.limit,
    }
    manifest = {
        "status": "running",
        "task": options.task,
        "note": ADVICE,
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "policy": {"folder": name, "kind": chosen.kind, "about": chosen.about},
        "interactions": {
            "files": [printable(path) for path in options.interactions],
            "pairs": len(table),
            "drugs": len(table.names),
            "drugs_not_in_the_policy": len(unknown),
            "sources": list(table.sources),
        },
        "notes": list(warnings),
        "inputs": [{"path": printable(visits), "sha256": found.sha256}],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": now(),
        "finished": None,
    }
    return Opened(lister, vocabulary, table, found, warnings, manifest)


def _read_knowledge(options: RecommendOptions) -> Knowledge:
    names = read_drug_names(options.names) if options.names else None
    return Knowledge(
        interactions=read_interactions(options.interactions, names),
        names=names,
        classes=read_drug_groups(options.classes) if options.classes else (),
        excluded=options.excluded,
    )


def read_policy(name: str) -> tuple[Policy, str, str]:
    """The policy of a folder, how a manifest names it, and what it is, as a digest. Raises EngineError."""
    folder = policy_folder(name)
    what = _what(folder)
    if what not in _READERS:
        known = ", ".join(sorted(_READERS))
        raise WeightsError(f"is none of: {known}", where=str(folder / MODEL), hint="choose another --policy")
    digests = [digest_of(path) for path in (folder, folder / PART) if (path / MODEL).is_file()]
    return _READERS[what](folder), printable(folder), fingerprint(digests)


def _what(folder: Path) -> str:
    try:
        row = json.loads((folder / MODEL).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError("is damaged: no JSON", where=str(folder / MODEL), hint="train it again") from error
    return str(row.get("what")) if isinstance(row, dict) else ""


def _scored(folder: Path) -> Policy:
    scorer = read_scorer(folder)
    return Policy(scorer.kind, scorer, about=scorer.about)


def _edited(folder: Path) -> Policy:
    """The folder of a list editor, with that of its scorer in it."""
    editor, scorer = read_editor(folder), read_scorer(folder / PART)
    return Policy(f"list editor over {scorer.kind}", scorer, editor, {**editor.about, "scorer": scorer.about})


_READERS: Mapping[str, Callable[[Path], Policy]] = {
    scorer_files.WHAT: _scored,
    list_editor.WHAT: _edited,
}


def _outside(found: Survey, vocabulary: Sequence[str], visits: Path) -> list[str]:
    """A warning about drugs of the lists that the policy cannot recommend."""
    known = set(vocabulary)
    by_number = sorted(found.drugs.items(), key=lambda each: (-each[1], each[0]))
    unknown = [name for name, _ in by_number if name not in known]
    if found.drugs and len(unknown) == len(found.drugs):
        hint = "train it on visits whose drugs are named as in this file"
        raise UsageError(
            "the policy knows no drug of the lists in it: its vocabulary is another",
            where=printable(visits),
            hint=hint,
        )
    return _absent("lists", unknown, len(found.drugs))


def _absent(place: str, names: Sequence[str], total: int) -> list[str]:
    if not names:
        return []
    return [f"{len(names)} of {total} drugs of the {place} are not in the policy: {first_few(names)}"]


def _late(path: Path, rows: int, options: RecommendOptions) -> tuple[int, int, str]:
    """In how many visits inputs were known late, of the first ones: a second look at all would take time."""
    asked = rows if options.limit is None else min(rows, options.limit)
    items = islice(visit_rows.read(path, encoding=options.encoding), min(asked, LOOKED_AT))
    late = [bool(late_inputs(item)) for item in items if isinstance(item, Visit)]
    return sum(late), len(late), "visits" if asked <= LOOKED_AT else "visits, the first ones,"


def _learnt_late(policy: Policy) -> tuple[int, int, str]:
    """As `_late`, of the visits that a policy learnt from; an editor tells it of its scorer."""
    about = policy.about.get("scorer", policy.about)
    found = about if isinstance(about, Mapping) else {}
    late, every = (found.get(name) for name in ("visits_with_inputs_known_late", "visits"))
    known = (late, every) if isinstance(late, int) and isinstance(every, int) else (0, 0)
    return *known, "visits that the policy learnt from"


def _known(knowledge: Knowledge) -> list[str]:
    names = knowledge.names
    return [] if names is None else sorted(f"{key}={name}" for key, name in names.keys.items())
