"""Part of the reliability campaign: results.json -> docs/results/reliability.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pocket_figures import mapping, number, rows_of
from benchmarks.pocket_page import Rows, at, table
from benchmarks.reliability_cases import ROOT

__all__ = ["differences", "write_page"]

TEMPLATE = Path(__file__).with_name("reliability.template.md")
PAGE = ROOT / "docs" / "results" / "reliability.md"

FAULTS = {
    "together": "all eleven kinds that pass, together",
    "alone": "each kind alone",
    "overload": "more faults than the budget of retries",
    "runaway": "replies that never end (cut off by their bound)",
    "early": "from the first request on, the probing included",
    "refused": "a refusal that quotes prompt and key",
    "gone": "the server dies in the middle",
}
SIGNALS = {"SIGKILL": "kill -9", "SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM"}


def differences(known: Mapping[str, object]) -> list[str]:
    """Every case that was not as it should be, named."""
    found: list[str] = []
    for part, name in FAULTS.items():
        if "faults" in known:
            found += _told(rows_of(mapping(at(known, "faults", "found", part)), "rows"), name)
    for engine in ("server", "script"):
        if "kills" in known:
            rows = rows_of(mapping(at(known, "kills", "found", engine)), "rows")
            found += [
                f"kills, {engine}, seed {row['seed']}, {row['how']}: {_listed(row)}"
                for row in rows
                if row["differences"]
            ]
    return found + (_told(rows_of(mapping(known["odd"]), "found"), "odd") if "odd" in known else [])


def _told(rows: Sequence[Mapping[str, object]], part: str) -> list[str]:
    return [f"{part}: {row['name']}: {_listed(row)}" for row in rows if row["differences"]]


def _listed(row: Mapping[str, object]) -> str:
    return "; ".join(map(str, listed(row["differences"])))


def fault_rows(faults: object) -> Rows:
    """A line for each part of the fault campaign."""
    found = []
    for key, name in FAULTS.items():
        part = mapping(at(faults, key))
        hit = sum(number(count) for count in mapping(part["faults"]).values())
        figures = [f"{number(part[figure]):,.0f}" for figure in ("cases", "questions", "requests")]
        ratio, seconds = f"{number(part['most_ratio']):.2f}", f"{number(part['most_seconds']):.1f}"
        found.append([name, *figures, f"{hit:,.0f}", ratio, seconds, f"{number(part['different']):.0f}"])
    return found


def kind_rows(faults: object) -> Rows:
    """Faults by kind, together and alone."""
    parts = [mapping(at(faults, part, "faults")) for part in ("together", "alone")]
    kinds = sorted({kind for part in parts for kind in part})
    return [[kind, *(f"{number(part.get(kind, 0)):,.0f}" for part in parts)] for kind in kinds]


def kill_rows(kills: object) -> Rows:
    """A line for each engine of the kill campaign."""
    found = []
    for engine, name in (("server", "a server"), ("script", "a script")):
        part = mapping(at(kills, engine))
        stops = ", ".join(f"{count} {SIGNALS[how]}" for how, count in mapping(part["stops"]).items())
        asked = [
            f"{number(part[k]):,.0f}" for k in ("questions", "repeated", "median_unstored", "most_unstored")
        ]
        if engine == "script":
            asked = ["-"] * len(asked)
        working = f"{number(part['working']):,.0f}"
        found.append([name, f"{part['runs']}", stops, working, *asked, f"{number(part['different']):.0f}"])
    return found


def odd_rows(odd: Sequence[Mapping[str, object]]) -> Rows:
    """A line for each odd condition."""
    found = []
    for row in odd:
        said = str(row["message"]).splitlines()
        shown = f"`{said[0].replace('|', '/')}`" if said else "nothing"
        verdict = row["skipped"] or _listed(row) or "yes"
        code = "-" if row["code"] is None else str(row["code"])
        found.append([str(row["name"]), shown, code, str(row["then"]) or "-", str(verdict).replace("|", "/")])
    return found


def write_page(known: Mapping[str, object]) -> Path:
    """Fill in the page. Raises KeyError when a part was not measured."""
    faults, kills = (at(known, part, "found") for part in ("faults", "kills"))
    odd = rows_of(mapping(known["odd"]), "found")
    early = mapping(at(faults, "early", "outcomes"))
    wrong = differences(known)
    text = TEMPLATE.read_text(encoding="utf-8").format(
        about="\n".join(
            f"- {part}: {_origin(at(known, part, 'about'))}" for part in ("faults", "kills", "odd")
        ),
        documents=at(faults, "documents"),
        dialects=at(faults, "dialects"),
        rates=", ".join(f"{number(rate):g}" for rate in listed(at(faults, "rates"))),
        in_flight=at(kills, "server", "in_flight"),
        faults=table(
            [
                "faults",
                "cases",
                "questions",
                "requests",
                "faults",
                "most requests a question",
                "longest, s",
                "not as it should be",
            ],
            fault_rows(faults),
        ),
        kinds=table(["kind", "together", "alone"], kind_rows(faults)),
        early=", ".join(f"{count} {outcome}" for outcome, count in early.items()),
        kills=table(
            [
                "engine",
                "runs",
                "stops",
                "while documents were at work",
                "questions",
                "asked again, all runs",
                "asked and not kept at a stop: median",
                "most",
                "not as it should be",
            ],
            kill_rows(kills),
        ),
        odd=table(
            ["condition", "what was shown", "exit", "then, mended or anew", "as it should be"], odd_rows(odd)
        ),
        wrong="\n".join(f"- {each}" for each in wrong) or "Nothing.",
    )
    PAGE.write_text(text, encoding="utf-8")
    return PAGE


def listed(value: object) -> Sequence[object]:
    """A list of a record."""
    return value if isinstance(value, list | tuple) else []


def _origin(about: object) -> str:
    told = {key: str(value) for key, value in mapping(about).items()}
    return "`{command}` on {date}, version {version}, Python {python}, {machine}, first seed {seed}".format(
        **told
    )
