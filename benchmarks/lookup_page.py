"""The look-up part of the page of conditions: what adapters learn from invented documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from apothecary.metrics.resampling import drawn_sums, exchanged_sums, interval
from benchmarks.lookup import ALL, COMPARED, COMPARED_VARIED, PASSED, SYSTEMS, VARIED
from benchmarks.lookup_model import RECORDS
from benchmarks.pocket_figures import SEED, Record, mapping, number
from benchmarks.pocket_page import table

__all__ = [
    "Slots",
    "base_slots",
    "differences_table",
    "percent",
    "signed",
    "spread",
    "tuned_slots",
    "varied_slots",
]

RESAMPLES = 10_000
LEVEL = 0.05
Slots = Mapping[str, str]


def percent(value: object) -> str:
    """A share in per cent."""
    return f"{100 * number(value):.1f}"


def signed(value: object) -> str:
    """A difference of shares in per cent."""
    return f"{100 * number(value):+.1f}"


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    return f"{percent(mean(values))}" + (f" ± {percent(stdev(values))}" if len(values) > 1 else "")


def base_slots(found: Record) -> Slots:
    """The base and its gate."""
    base = mapping(found["base"])
    settings = mapping(base["settings"])
    rows = [[name, percent(share)] for name, share in mapping(base["gate"]).items()]
    return {
        "layers": f"{settings['layers']}",
        "width": f"{settings['width']}",
        "parameters": f"{number(base['parameters']):,.0f}",
        "steps": f"{number(base['steps']):,.0f}",
        "minutes": f"{number(base['seconds']) / 60:.0f}",
        "records": f"{RECORDS}",
        "passed": f"{100 * PASSED:.0f}",
        "gate": table(["names in the text", "answered exactly"], rows),
    }


def tuned_slots(found: Record) -> Slots:
    """The adapters on ambiguous documents."""
    tuning, untuned = mapping(found["tuning"]), mapping(mapping(found["base"])["untuned"])
    known = mapping(found["found"])
    systems = {name: mapping(known[name]) for name in SYSTEMS if name in known}
    runs = [mapping(run) for each in systems.values() for run in each.values()]
    steps = list(mapping(runs[0]["curve"]))
    names = list(dict.fromkeys(seed for each in systems.values() for seed in each))
    differences = [
        difference_row(systems, a, b)
        for a, b in COMPARED
        if a in systems and b in systems and shared_seeds(systems, a, b)
    ]
    return {
        "rank": f"{tuning['rank']}",
        "tested": f"{number(tuning['tested']):,.0f}",
        "batch": f"{tuning['batch']}",
        "documents": f"{number(tuning['documents']):,.0f}",
        "last": steps[-1],
        "untuned": percent(untuned["lora"]),
        "untuned_marked": percent(untuned["marker"]),
        "curve": curve(systems, steps),
        "seeds": table(
            ["system", *names, "mean (95 % over documents)"],
            [seed_row(name, each, names) for name, each in systems.items()],
        ),
        "differences": differences_table(["", "difference (95 %)", "p", "by seed"], differences),
    }


def varied_slots(found: Record) -> Slots:
    """Adapters with roles in other modules, and of other ranks; nothing where none was tuned."""
    known = mapping(found["found"]) if found.get("passed") else {}
    systems = {name: mapping(known[name]) for name in ALL if name in known}
    if not any(name in systems for name in VARIED):
        return {}
    steps = list(mapping(mapping(next(iter(systems["full"].values())))["curve"]))
    shown = {name: each for name, each in systems.items() if name in VARIED or name in ("lora", "full")}
    pairs = [(a, b) for a, b in COMPARED_VARIED if a in systems and b in systems]
    rows = [
        [f"{ALL[a].title} less {ALL[b].title}", *(gap(systems, a, b, step) for step in steps)]
        for a, b in pairs
    ]
    return {
        "varied": curve(shown, steps),
        "varied_differences": table(["", *(f"{step} steps" for step in steps)], rows),
    }


def gap(systems: Mapping[str, Record], a: str, b: str, step: str) -> str:
    """One system less another after so many steps: mean and standard deviation over seeds."""
    chosen = shared_seeds(systems, a, b)
    left, right = (
        [number(mapping(mapping(systems[name][seed])["curve"])[step]) for seed in chosen] for name in (a, b)
    )
    gaps = [x - y for x, y in zip(left, right, strict=True)]
    return signed(mean(gaps)) + (f" ± {percent(stdev(gaps))}" if len(gaps) > 1 else "")


def curve(systems: Mapping[str, Record], steps: Sequence[str]) -> str:
    """How much is right after so many steps."""
    rows = []
    for name, runs in systems.items():
        curves = [mapping(mapping(run)["curve"]) for run in runs.values()]
        learnt = mapping(next(iter(runs.values())))["parameters"]
        cells = [spread([number(each[step]) for each in curves]) for step in steps]
        rows.append([ALL[name].title, f"{number(learnt):,.0f}", f"{len(runs)}", *cells])
    return table(["system", "weights learnt", "seeds", *(f"{step} steps" for step in steps)], rows)


def rights(runs: Record, chosen: Sequence[str]) -> list[list[float]]:
    """Of each document the share of the seeds with which it was answered exactly."""
    columns = [str(mapping(runs[seed])["right"]) for seed in chosen]
    return [[mean(map(float, each))] for each in zip(*columns, strict=True)]


def share_of(runs: Record, seed: str) -> float:
    """What one seed answered exactly."""
    return mean(row[0] for row in rights(runs, [seed]))


def seed_row(name: str, runs: Record, names: Sequence[str]) -> list[str]:
    """Each seed, and the mean with its interval."""
    each = [percent(share_of(runs, seed)) if seed in runs else "" for seed in names]
    rows = rights(runs, list(runs))
    value = mean(row[0] for row in rows)
    drawn = drawn_sums(rows, resamples=RESAMPLES, seed=SEED)[:, 0] / len(rows)
    bounds = interval(value, drawn)
    cell = f"{percent(value)} ({percent(bounds.low)}-{percent(bounds.high)})"
    return [SYSTEMS[name].title, *each, cell]


def shared_seeds(systems: Mapping[str, Record], a: str, b: str) -> list[str]:
    """With which both were tuned."""
    return [seed for seed in systems[a] if seed in systems[b]]


def difference_row(systems: Mapping[str, Record], a: str, b: str) -> list[str]:
    """One system less another."""
    chosen = shared_seeds(systems, a, b)
    left, right = rights(systems[a], chosen), rights(systems[b], chosen)
    count = len(left)
    both = [[x[0], y[0]] for x, y in zip(left, right, strict=True)]
    drawn = drawn_sums(both, resamples=RESAMPLES, seed=SEED) / count
    value = mean(x - y for x, y in both)
    bounds = interval(value, drawn[:, 0] - drawn[:, 1])
    one, other = exchanged_sums(left, right, resamples=RESAMPLES, seed=SEED)
    as_large = (abs(one - other)[:, 0] / count >= abs(value) - 1e-12).sum()
    gaps = [signed(share_of(systems[a], seed) - share_of(systems[b], seed)) for seed in chosen]
    p = (int(as_large) + 1) / (RESAMPLES + 1)
    return [
        f"{SYSTEMS[a].title} less {SYSTEMS[b].title}",
        f"{signed(value)} ({signed(bounds.low)} to {signed(bounds.high)})",
        f"{p:.4f}",
        ", ".join(gaps),
    ]


def differences_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Differences, and how often one is seen where there is none."""
    expected = f"{LEVEL * len(rows):.1f} of these {len(rows)}"
    said = f"were all systems alike, {expected} would be expected to have a p below {LEVEL}."
    return f"{table(head, rows)}\n\nNothing was corrected for the number of tests: {said}"
