"""Part of the pocket benchmark: how well the dictionary that ships links annotated mentions of CDR."""

from __future__ import annotations

from benchmarks.dictionary import CHEMICAL, DISEASE, build, judge
from benchmarks.pocket_figures import DATA, Results


def measure_linking() -> Results:
    """Shares of mentions by type: linked right, linked wrong, not found; and of gold pairs within reach."""
    dictionary, _ = build(DATA)
    counts, ceiling = judge(dictionary, DATA)
    shares: dict[str, object] = {}
    for kind in (CHEMICAL, DISEASE):
        total = sum(n for (found, _, _), n in counts.items() if found == kind)
        shares[kind] = {
            "mentions": total,
            **{
                verdict: sum(n for (found, _, said), n in counts.items() if (found, said) == (kind, verdict))
                / total
                for verdict in ("right", "wrong", "none")
            },
        }
    return {"types": shares, "pairs_within_reach": ceiling}
