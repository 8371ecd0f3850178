"""Invented abstracts in PubTator, from which a very small model can learn something."""

from pathlib import Path

__all__ = ["write_abstracts"]

DRUGS = {"aspirin": "D001", "lithium": "D002", "warfarin": "D003"}
DISEASES = {"asthma": "D101", "tremor": "D102", "mania": "D103"}


def write_abstracts(path: Path, first: int, count: int) -> Path:
    """Write `count` abstracts with ids from `first`: one drug induces a disease, is given for another."""
    blocks = []
    for number in range(first, first + count):
        drug = list(DRUGS)[number % 3]
        induced, treated = list(DISEASES)[number % 3], list(DISEASES)[(number + 1) % 3]
        text = f"{drug} induced {induced}. The drug {drug} was given for {treated} in {number} patients."
        lines = [f"{number}|t|{text}", f"{number}|a|"]
        for name, kind, table in (
            (drug, "Chemical", DRUGS),
            (induced, "Disease", DISEASES),
            (treated, "Disease", DISEASES),
        ):
            start = -1
            while (start := text.find(name, start + 1)) >= 0:
                lines.append(f"{number}\t{start}\t{start + len(name)}\t{name}\t{kind}\t{table[name]}")
        lines.append(f"{number}\tCID\t{DRUGS[drug]}\t{DISEASES[induced]}")
        blocks.append("\n".join(lines))
    path.write_text("\n\n".join(blocks) + "\n")
    return path
