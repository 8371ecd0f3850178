"""Part of the pocket benchmark: results.json -> docs/results/pocket.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pocket_figures import ROOT, SEED, mapping, number

TEMPLATE = Path(__file__).with_name("pocket.template.md")
PAGE = ROOT / "docs" / "results" / "pocket.md"

VERDICTS = ("right", "wrong", "none")
Rows = Sequence[Sequence[str]]


def at(results: object, *path: str) -> object:
    """A value inside nested objects."""
    for key in path:
        results = mapping(results)[key]
    return results


def percent(value: object) -> str:
    """A share as per cent with one decimal."""
    return f"{100 * number(value):.1f}"


def with_interval(value: object) -> str:
    """``value (low-high)``."""
    return f"{percent(at(value, 'value'))} ({percent(at(value, 'low'))}-{percent(at(value, 'high'))})"


def table(head: Sequence[str], rows: Rows) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def three(micro: object) -> list[str]:
    """Precision, recall, F1 with interval, of either shape that the parts give."""
    found = mapping(micro)
    f1 = at(found, "interval", "f1") if "interval" in found else found["f1"]
    return [percent(found["precision"]), percent(found["recall"]), with_interval(f1)]


def mention_rows(part: object) -> Rows:
    """One row for each tagger."""
    rows = []
    for key, name in (
        ("pocket", "pocket"),
        ("dictionary", "longest names of the shipped dictionary, no model"),
        ("language_model", str(mapping(part).get("language_model_name", ""))),
    ):
        if key in mapping(part):
            scores = at(part, key)
            documents = number(mapping(part).get(f"{key}_documents", at(part, "documents")))
            kinds = [percent(at(scores, "by_type", kind, "f1")) for kind in ("Chemical", "Disease")]
            rate = documents / number(at(part, f"{key}_seconds"))
            rows.append(
                [
                    name,
                    f"{documents:.0f}",
                    *three(at(scores, "micro")),
                    *kinds,
                    f"{rate:.{0 if rate > 2 else 2}f}",
                ]
            )
    return rows


def relation_rows(part: object) -> Rows:
    """From raw text and with annotated mentions, beside the floor."""
    names = {
        "raw": "from raw text",
        "raw_own_links": "from raw text, only ids of the own dictionary counted",
        "raw_gold_links": "from raw text, names mapped by the annotation instead of the dictionary",
        "oracle": "annotated mentions given",
        "oracle_cross_fitted": "annotated mentions given, threshold cross-fitted",
        "floor": "floor: all pairs of annotated concepts",
    }
    return [[name, *three(at(part, key))] for key, name in names.items()]


def set_rows(part: object) -> Rows:
    """The four official views."""
    views = ("positive_exact", "positive_partial", "any_exact", "any_partial")
    names = {
        "pocket": "pocket, threshold cross-fitted",
        "floor": "floor: all drugs of the sentence, positive",
    }
    return [[name, *(with_interval(at(part, key, view)) for view in views)] for key, name in names.items()]


def hybrid_rows(part: object) -> Rows:
    """One row for each engine and bound."""
    rows = []
    for name, points in mapping(part).items():
        assert isinstance(points, list)
        for point in points:
            rows.append(
                [
                    name,
                    f"{number(at(point, 'sure')):g}",
                    f"{number(at(point, 'asked_per_document')):.1f}",
                    *three(at(point, "micro")),
                ]
            )
    return rows


def label_rows(results: Mapping[str, object]) -> Rows:
    """F1 by label where there is gold."""
    return [
        [corpus, label, f"{number(at(found, 'gold')):.0f}", percent(at(found, "f1"))]
        for key, corpus in (("biored", "BioRED"), ("chemdisgene", "ChemDisGene"))
        for label, found in mapping(at(results, key, "by_label")).items()
        if number(at(found, "gold"))
    ]


def write_page(results: Mapping[str, object]) -> Path:
    """Fill in the page. Raises KeyError when a part was not measured."""
    about = {key: str(value) for key, value in mapping(results["about"]).items()}
    mentions, relations, speed = (results[key] for key in ("mentions", "relations", "speed"))
    pairs = [
        [name, f"{number(at(results, key, 'documents')):.0f}", *three(at(results, key, "micro"))]
        for key, name in (("biored", "BioRED, eight types"), ("chemdisgene", "ChemDisGene, 17 types"))
    ]
    text = TEMPLATE.read_text(encoding="utf-8").format(
        **about,
        seed=SEED,
        mentions=table(
            [
                "tagger",
                "abstracts",
                "P",
                "R",
                "F1 (95 % interval)",
                "F1 Chemical",
                "F1 Disease",
                "abstracts/s",
            ],
            mention_rows(mentions),
        ),
        mention_ece=percent(at(mentions, "ece")),
        mention_brier=f"{number(at(mentions, 'brier')):.3f}",
        relations=table(
            [f"{at(relations, 'documents')} abstracts", "P", "R", "F1 (95 % interval)"],
            relation_rows(relations),
        ),
        pairs=table(["corpus", "abstracts", "P", "R", "F1 (95 % interval)"], pairs),
        labels=table(["corpus", "type", "gold", "F1"], label_rows(results)),
        sets=table(
            [
                f"{at(results, 'sets', 'documents')} sentences",
                "positive exact",
                "positive partial",
                "any exact",
                "any partial",
            ],
            set_rows(results["sets"]),
        ),
        within_reach=percent(at(results, "linking", "pairs_within_reach")),
        linking=table(
            ["type", "mentions with an id", "linked right, %", "wrong, %", "not found, %"],
            [
                [kind, f"{number(at(row, 'mentions')):.0f}", *(percent(at(row, v)) for v in VERDICTS)]
                for kind, row in mapping(at(results, "linking", "types")).items()
            ],
        ),
        speed=table(
            ["abstracts/s, raw text to relations", "seconds to start", "peak memory, MB", "abstracts"],
            [
                [
                    f"{number(at(speed, key)):.{digits}f}"
                    for key, digits in (("per_second", 1), ("start", 1), ("peak_mb", 0), ("documents", 0))
                ]
            ],
        ),
        hybrid=table(
            ["second engine", "sure", "questions an abstract", "P", "R", "F1 (95 % interval)"],
            hybrid_rows(results["hybrid"]),
        ),
    )
    PAGE.write_text(text, encoding="utf-8")
    return PAGE
