"""A suite in the form of lm-evaluation-harness: a YAML file and a JSON Lines file for each set.

The harness loads the lines with ``dataset_path: json`` and asks their prompts as they are. Sets of which one
option is right become ``multiple_choice`` (by the likelihood of the options), all others ``generate_until``;
it has no F1 of names or relations, so those are judged by ``exact_match`` there.

Source: docs/task_guide.md and docs/new_task_guide.md of lm-evaluation-harness 0.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.formats.lines import printable
from apothecary.runs.durable import replace_text
from apothecary.runs.evaluation_items import Item, Loaded, request_of
from apothecary.runs.evaluation_suite import Suite
from apothecary.tasks.instruct_answers import Labels
from apothecary.tasks.instruct_task import load_instruct

__all__ = ["export_lm_eval"]

_NO_NAME = re.compile(r"[^a-z0-9_]+")
_METRICS: Mapping[str, Sequence[str]] = {
    "multiple_choice": ("acc",),
    "text": ("bleu", "chrf"),
    "generate_until": ("exact_match",),
}


def export_lm_eval(suite: Suite, parts: Sequence[Loaded], out: Path) -> dict[str, int]:
    """Write OUT/TASK.yaml and OUT/TASK.jsonl for each set, and give the number of items by task.

    Raises FormatError when they cannot be written.
    """
    written = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for part in parts:
            name = _named(f"apothecary_{suite.name}_{part.part.name}")
            options = part.constrained or part.log_odds
            rows = [_row(item, options=options) for item in part.items]
            lines = (json.dumps(row, ensure_ascii=False) for row in rows)
            replace_text(
                out / f"{name}.jsonl", (f"{line.encode('utf-8', 'replace').decode()}\n" for line in lines)
            )
            settings = _settings(name, (out / f"{name}.jsonl").resolve(), part, suite)
            told = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in settings.items()]
            replace_text(out / f"{name}.yaml", told)
            written[name] = len(rows)
    except OSError as error:
        raise FormatError(f"cannot be written: {error.strerror}", where=printable(out)) from error
    return written


def _named(text: str) -> str:
    return _NO_NAME.sub("_", text.lower()).strip("_")


def _row(item: Item, *, options: bool) -> dict[str, object]:
    said = [text for turn in item.turns for text in (turn.asked, turn.answered) if text]
    row: dict[str, object] = {"id": item.id, "prompt": "\n\n".join(said), "target": item.target}
    if options and isinstance(item.gold.answer, Labels):
        task = load_instruct(item.gold.task)
        row["choices"] = [
            task.render(Labels((option,)), item.gold, item.language) for option in item.gold.options
        ]
        row["gold"] = item.gold.options.index(item.gold.answer.labels[0])
    return row


def _settings(name: str, path: Path, part: Loaded, suite: Suite) -> dict[str, object]:
    """The keys of a task; each value is JSON, which YAML holds."""
    chosen = part.constrained or part.log_odds
    kind = "multiple_choice" if chosen else "generate_until"
    item = part.items[0]
    judged = "text" if item.gold.task == "generation" else kind
    settings: dict[str, object] = {
        "task": name,
        "tag": [_named(f"apothecary_{suite.name}")],
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "output_type": kind,
        "doc_to_text": "{{prompt}}",
        "target_delimiter": "\n",
    }
    if chosen:
        settings |= {"doc_to_choice": "choices", "doc_to_target": "{{gold}}"}
    else:
        bound = request_of(item, part, suite).decoding.max_new_tokens
        settings |= {
            "doc_to_target": "{{target}}",
            "generation_kwargs": {"until": ["\n\n\n"], "do_sample": False, "max_gen_toks": bound},
        }
    return settings | {
        "metric_list": [
            {
                "metric": metric,
                "aggregation": metric if judged == "text" else "mean",
                "higher_is_better": True,
            }
            for metric in _METRICS[judged]
        ],
        "num_fewshot": 0,
        "metadata": {"version": 1.0},
    }
