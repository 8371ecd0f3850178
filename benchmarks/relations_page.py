"""The page of the relations benchmark, from what its parts measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.pocket_figures import ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.readers import rows_of
from benchmarks.relations_confidence import confidence_table, plots
from benchmarks.relations_embedded import EVALUATORS

__all__ = ["write_page"]

TEMPLATE = Path(__file__).with_name("relations.template.md")
PAGE = ROOT / "docs" / "results" / "relations.md"


def write_page(known: Record) -> Path:
    """Fill in the template."""
    parts = {name: mapping(mapping(part)["found"]) for name, part in known.items()}
    embedded = parts["embedded"]
    fitted = mapping(mapping(embedded["thresholds"])["fit"])
    names = mapping(fitted["names"]).get("names")
    slots = {
        "runs": "\n".join(told(name, mapping(mapping(part)["about"])) for name, part in known.items()),
        "tables": "\n\n".join(
            corpus_table(name, mapping(each), mapping(parts["language"][name]))
            for name, each in parts["tables"].items()
        ),
        "ablations": ablation_table(parts["ablations"]),
        "language_ablations": language_ablations(parts["language_ablations"]),
        "confidence": confidence_table(parts["confidence"]),
        "risk": f"{100 * number(parts['confidence']['risk']):.0f}",
        "embedded": embedded_table(embedded),
        "embedded_documents": embedded["documents"],
        "fit_documents": embedded["fit_documents"],
        "engine": embedded["engine"],
        "auc": share(mapping(mapping(mapping(fitted["pairs"])["pairs"])["CID"])["auc"], 3),
        "pairs": mapping(mapping(mapping(fitted["pairs"])["pairs"])["CID"])["questions"],
        "names_auc": share(mapping(names).get("auc"), 3),
        "names": mapping(names).get("questions"),
        "mentions": mention_table(embedded),
        "timed": "\n\n".join(
            timed(title, mapping(each)) for title, each in mapping(embedded["timed"]).items()
        ),
        "thresholds": json.dumps(
            {key: mapping(embedded["thresholds"])[key] for key in ("pairs", "names")}, indent=2
        ),
    }
    for name, svg in plots(parts["confidence"]).items():
        PAGE.parent.parent.joinpath("images", name).write_text(svg + "\n", encoding="utf-8")
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", str(value))
    PAGE.write_text(page, encoding="utf-8")
    return PAGE


def told(name: str, about: Record) -> str:
    """The line that says where the figures of a part come from."""
    made = f"version {about['version']}, Python {about['python']}, {about['machine']}, seed {about['seed']}"
    return f"- {name}: `{about['command']}` on {about['date']}, {made}"


def share(value: object, digits: int = 2) -> str:
    """A number between 0 and 1, or that there is none."""
    return f"{number(value):.{digits}f}" if value is not None else "unknown"


def percent(value: object) -> str:
    """A share in per cent."""
    return f"{100 * number(value):.1f}" if value is not None else "-"


def with_interval(value: object) -> str:
    """``value (low-high)`` in per cent."""
    found = mapping(value)
    return f"{percent(found['value'])} ({percent(found['low'])}-{percent(found['high'])})"


def scores_of(row: Record) -> list[str]:
    """Precision, recall and F1 with its interval."""
    found = mapping(row["score"])
    return [percent(found["precision"]), percent(found["recall"]), with_interval(found["f1"])]


def corpus_table(name: str, found: Record, language: Record) -> str:
    """The methods on one corpus, and F1 by relation type of the pocket models with gold mentions."""
    rows = []
    by_type: Mapping[str, object] = {}
    for method, row in (*mapping(found["rows"]).items(), *language.items()):
        row = mapping(row)
        lost = f"{int(number(row['failed']))} / {int(number(row['problems']))}" if "failed" in row else ""
        rows.append([method, str(row["documents"]), *scores_of(row), lost])
        if method == "pocket, gold mentions":
            by_type = mapping(mapping(row["score"])["by_type"])
    heads = ["method", "documents", "P", "R", "F1 (95 %)", "documents failed / problems"]
    text = f"### {name}\n\n{table(heads, rows)}"
    if len(by_type) > 1:
        listed = sorted(by_type.items(), key=lambda each: -number(mapping(each[1])["gold"]))
        types = ", ".join(
            f"{kind} {percent(mapping(each)['f1'])} of {int(number(mapping(each)['gold']))}"
            for kind, each in listed
        )
        text += f"\n\nPocket models with gold mentions, F1 by type and how often gold has it: {types}."
    return text


def ablation_table(found: Record) -> str:
    """Ways beside the first, with the paired difference."""
    rows = []
    for place, (name, row) in enumerate(mapping(found["rows"]).items()):
        row = mapping(row)
        difference = mapping(row["difference"])
        told = "" if not place else f"{with_interval(difference['f1'])}, p = {share(difference['p'], 3)}"
        rows.append([name, *scores_of(row), told])
    heads = ["way", "P", "R", "F1 (95 %)", "F1 of the first less this one (95 %)"]
    return f"{found['documents']} documents.\n\n{table(heads, rows)}"


def language_ablations(found: Record) -> str:
    """The same for the language model, and its mentions with and without decoy labels."""
    if not found:
        return "No language model was measured."
    rows = []
    for name in ("with decoy labels", "without decoy labels"):
        micro = mapping(mapping(mapping(found[name])["strict"])["micro"])
        interval = {"value": micro["f1"], **mapping(mapping(micro["interval"])["f1"])}
        rows.append([name, percent(micro["precision"]), percent(micro["recall"]), with_interval(interval)])
    mentions = table(["mentions by the language model, strict", "P", "R", "F1 (95 %)"], rows)
    return f"`{found['engine']}`. {ablation_table(found)}\n\n{mentions}"


def embedded_table(found: Record) -> str:
    """Seven ways with the language model under four evaluators."""
    rows = []
    for row in rows_of(found["rows"]):
        evaluators = mapping(mapping(row["scores"])["evaluators"])
        micro = [mapping(mapping(evaluators[name])["micro"]) for name in EVALUATORS]
        interval = {"value": micro[0]["f1"], **mapping(mapping(micro[0]["interval"])["f1"])}
        rows.append(
            [
                str(row["method"]),
                f"{number(row['questions']):.1f}",
                percent(micro[0]["precision"]),
                percent(micro[0]["recall"]),
                with_interval(interval),
                *(percent(each["f1"]) for each in micro[1:]),
            ]
        )
    heads = [
        "method",
        "questions per document",
        "P",
        "R",
        "F1 (95 %)",
        "mapped F1",
        "string F1",
        "overlap F1",
    ]
    return table(heads, rows)


def mention_table(found: Record) -> str:
    """Mentions of the end-to-end runs."""
    rows = []
    for row in rows_of(found["rows"]):
        for level in ("strict", "concept_found") if "mentions" in row else ():
            micro = mapping(mapping(mapping(row["mentions"])[level])["micro"])
            interval = {"value": micro["f1"], **mapping(mapping(micro["interval"])["f1"])}
            figures = [percent(micro["precision"]), percent(micro["recall"]), with_interval(interval)]
            rows.append([str(row["method"]), level, *figures])
    return table(["method", "level", "P", "R", "F1 (95 %)"], rows)


def timed(title: str, found: Record) -> str:
    """What a run without the reply cache took."""
    rows = []
    for step, spent in mapping(found["steps"]).items():
        each = {key: number(value) for key, value in mapping(spent).items()}
        figures = [f"{each['calls']:.1f}", f"{each['prompt']:,.0f}", f"{100 * each['shared']:.0f} %"]
        rows.append([step, *figures, f"{each['written']:.0f}", f"{each['seconds']:.1f}"])
    heads = ["step", "calls", "prompt tokens", "from the prefix cache", "new tokens", "seconds"]
    documents, seconds = number(found["documents"]), number(found["seconds"])
    ended = f"{documents:.0f} documents in {seconds:.0f} s, {60 * documents / seconds:.1f} a minute."
    return f"{title}:\n\n{table(heads, rows)}\n\n{ended}"
