"""The page of the medication benchmark, from what its parts measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pocket_figures import ROOT, Record, mapping, number
from benchmarks.pocket_page import table
from benchmarks.relations_page import told

__all__ = ["PAGE", "write_page"]

TEMPLATE = Path(__file__).with_name("medication.template.md")
PAGE = ROOT / "docs" / "results" / "medication.md"
DEMOS = {"mimic3": "MIMIC-III demo", "mimic4": "MIMIC-IV demo"}
TITLES = {
    "gold": "given lists",
    "knn": "neighbours",
    "logistic": "logistic regression",
    "safedrug": "SafeDrug-style",
    "gamenet": "GAMENet-style",
}
LEARNT, PLAIN = "logistic neural return_to_go", "logistic neural outcome"
LOSS = 0.01
ABSENT = "Not measured yet."
PRECISION = "edit precision"
PRECISION_ABOUT = (
    " Edit precision: of the drugs that the editor added or removed, the share by which the list came nearer"
    " to the given one."
)
Told = Mapping[str, Record]


def write_page(known: Record, page_path: Path = PAGE) -> Path:
    """Fill in the template; parts that were not measured say so."""
    parts = {name: mapping(mapping(part)["found"]) for name, part in known.items()}
    demos = {name: parts[name] for name in DEMOS if name in parts}
    speed, scale = parts.get("speed", {}), parts.get("scale", {})
    slots = {
        "runs": "\n".join(told(name, mapping(mapping(part)["about"])) for name, part in known.items()),
        "scorers": by_demo(demos, scorers),
        "frontiers": by_demo(demos, frontiers),
        "precision_about": PRECISION_ABOUT if told_precision(demos) else "",
        "areas": by_demo(demos, areas),
        "bar_greedy": bar(demos, ("areas", LEARNT, "difference"), -LOSS),
        "equal": by_demo(demos, equal),
        "bar_logistic": bar(demos, ("at_equal_rate", LEARNT), 0.0),
        "ablated": f"{number_at(demos, 'mimic3', 'ablation', 'splits')} splits",
        "ablation": ablation(demos),
        "bar_stepwise": bar(demos, ("ablation", "less outcome", LEARNT, "difference"), 0.0),
        "speed_about": speed_about(speed),
        "loops_agree": "the same" if speed.get("loops_agree") else "other",
        "speed": speeds(speed),
        "scale_visits": f"{int(number(scale.get('visits', 0))):,}",
        "scale_codes": str(scale.get("codes", "-")),
        "scale_drugs": str(scale.get("drugs", "-")),
        "scale": scales(scale),
        "seconds": by_demo(demos, seconds),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    for name, value in slots.items():
        page = page.replace(f"{{{name}}}", value)
    page_path.write_text(page, encoding="utf-8")
    return page_path


def by_demo(demos: Told, part: object) -> str:
    """A table of each demo under its name."""
    if not callable(part) or not demos:
        return ABSENT
    return "\n\n".join(f"{head(name, found)}\n\n{part(found)}" for name, found in demos.items())


def head(name: str, found: Record) -> str:
    """What a table is of."""
    counts = f"{found['splits']} splits, {found['patients']} patients, {found['tested']} visits tested"
    return f"**{DEMOS[name]}**, {counts}"


def title(system: str) -> str:
    """A system in words: its scores, and its editor."""
    scorer, _, editor = system.partition(" ")
    words = editor.replace("neural return_to_go", "network").replace("neural ", "network, ").replace("_", " ")
    return f"{TITLES.get(scorer, scorer)}{', ' if words else ''}{words}"


def cell(found: object, digits: int = 3) -> str:
    """A figure with its interval."""
    own = {name: f"{number(value):.{digits}f}" for name, value in mapping(found).items()}
    return f"{own['value']} ({own['low']}-{own['high']})" if own else "-"


def signed(found: object) -> str:
    """A difference with its interval."""
    own = {name: f"{number(value):+.4f}" for name, value in mapping(found).items()}
    return f"{own['value']} ({own['low']} to {own['high']})"


def value(found: object, digits: int = 3) -> str:
    """A figure without its interval."""
    return f"{number(mapping(found)['value']):.{digits}f}"


def scorers(found: Record) -> str:
    """First lists of every scorer, and the lists that were given."""
    rows = []
    names = [*mapping(found["scorers"]), "gold"]
    for scorer in (name for name in names if " " not in name):
        own = mapping(next(iter(mapping(mapping(found["systems"])[scorer]).values())))
        spread = mapping(mapping(found["scorers"]).get(scorer))
        said = [mean_of(spread.get(name)) for name in ("prauc", "ece")]
        overlap = ["-", "-"] if scorer == "gold" else [cell(own["jaccard"]), value(own["f1"])]
        rates = [
            cell(own["macro PDDI"]),
            *(value(own[name]) for name in ("micro PDDI", "macro CRESCENDDI", "micro CRESCENDDI")),
        ]
        rows.append([title(scorer), *overlap, *said, *rates, value(own["drugs"], 1)])
    heads = [
        "scorer",
        "Jaccard",
        "F1",
        "PRAUC",
        "ECE",
        "PDDI macro",
        "micro",
        "CRESCENDDI macro",
        "micro",
        "drugs",
    ]
    return table(heads, rows)


def mean_of(found: object) -> str:
    """Mean and deviation over splits."""
    if not isinstance(found, list):
        return "-"
    return f"{found[0]:.3f} ± {found[1]:.3f}"


def frontiers(found: Record) -> str:
    """Every editor over the logistic regression, at every alpha."""
    rows = []
    for system, curve in mapping(found["systems"]).items():
        if not system.startswith("logistic ") or (" neural " in system and system != LEARNT):
            continue
        for alpha, figures in mapping(curve).items():
            own = mapping(figures)
            rates = [cell(own["macro PDDI"]), value(own["micro PDDI"]), value(own["macro CRESCENDDI"], 4)]
            lengths = [value(own["drugs"], 1), value(own["edits"], 1)]
            right = [cell(own[PRECISION])] if PRECISION in own else []
            name = title(system).removeprefix("logistic regression, ")
            rows.append([name, alpha, cell(own["jaccard"]), value(own["f1"]), *rates, *lengths, *right])
    heads = ["editor", "alpha", "Jaccard", "F1", "PDDI macro", "micro", "CRESCENDDI macro", "drugs", "edits"]
    return table([*heads, PRECISION] if told_precision({"": found}) else heads, rows)


def told_precision(demos: Told) -> bool:
    """Whether the splits were measured with it."""
    curves = [mapping(curve) for found in demos.values() for curve in mapping(found["systems"]).values()]
    return any(PRECISION in mapping(figures) for curve in curves for figures in curve.values())


def areas(found: Record) -> str:
    """Areas less that of the greedy editor."""
    rows = []
    for system, each in mapping(found["areas"]).items():
        own = {name: number(told) for name, told in mapping(each).items() if name != "difference"}
        bounds = f"{own['low']:.3f}-{own['high']:.3f}"
        rows.append(
            [
                title(system),
                bounds,
                f"{own['area']:.4f}",
                f"{own['other']:.4f}",
                signed(mapping(each)["difference"]),
            ]
        )
    heads = ["scores, editor", "between rates", "area", "logistic regression, greedy", "difference"]
    return table(heads, rows)


def equal(found: Record) -> str:
    """Differences at one rate."""
    rows = [[title(system), signed(each)] for system, each in mapping(found["at_equal_rate"]).items()]
    return table(["scores, editor", "difference of the Jaccard index"], rows)


def ablation(demos: Told) -> str:
    """Areas of the estimators."""
    found = mapping(mapping(demos.get("mimic3")).get("ablation"))
    if not mapping(found.get("less greedy")):
        return ABSENT
    rows = []
    for system, each in mapping(found["less greedy"]).items():
        other = mapping(mapping(found["less outcome"]).get(system))
        told_other = signed(other["difference"]) if other else "-"
        rows.append([system.rpartition(" ")[2], signed(mapping(each)["difference"]), told_other])
    return table(["estimator", "area less that of greedy", "area less that of outcome"], rows)


def bar(demos: Told, path: Sequence[str], least: float) -> str:
    """Whether the lower bound of a difference is above what is asked, in each demo."""
    said = []
    for name, found in demos.items():
        each: object = found
        for key in path:
            each = mapping(each).get(key)
        if isinstance(each, dict):
            met = "met" if number(each["low"]) > least else f"not met, by {least - number(each['low']):.4f}"
            said.append(f"{DEMOS[name]}: {met}, {signed(each)}.")
    return " ".join(said) or ABSENT


def number_at(demos: Told, *path: str) -> str:
    """A number inside nested objects; 0 where there is none."""
    each: object = demos
    for key in path:
        each = mapping(each).get(key)
    return str(each or 0)


def speed_about(speed: Record) -> str:
    """On what the speed was measured."""
    if not speed:
        return "-"
    lengths = [f"{number(speed[name]):.1f}" for name in ("mean_list", "mean_edits")]
    return f"{speed['drugs']} drugs, {lengths[0]} of them in a list, {lengths[1]} edits"


def speeds(speed: Record) -> str:
    """Visits a second, and how many times that of the loops."""
    rates = {name: number(rate) for name, rate in mapping(speed.get("visits_a_second")).items()}
    if not rates:
        return ABSENT
    slowest = min(rates.values())
    rows = [[name, f"{rate:,.0f}", f"{rate / slowest:,.0f}"] for name, rate in rates.items()]
    return table(["editor", "visits a second", "times the loops"], rows)


def scales(scale: Record) -> str:
    """What each command took."""
    if not scale:
        return ABSENT
    rows = []
    for name, each in scale.items():
        own = mapping(each)
        if own:
            took = [f"{number(own[key]):,.0f}" for key in ("seconds", "processor_seconds", "peak_megabytes")]
            rows.append([name, *took])
    return table(["command", "seconds", "processor seconds", "most memory, MiB"], rows)


def seconds(found: Record) -> str:
    """What the parts of a split took."""
    each = mapping(found["seconds"])
    rows = [[title(name), f"{number(took):.1f}"] for name, took in each.items()]
    return table(["part", "seconds"], rows)
