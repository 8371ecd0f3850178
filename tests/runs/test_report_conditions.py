"""The card of a pair says which of its conditions the annotation has, and which were missed."""

from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.formats.records import to_record
from apothecary.runs.report import write_report
from apothecary.tasks.conditions.answers import Condition
from apothecary.tasks.conditions.instances import Instance, document_of
from tests.browser import needs_browser, open_page
from tests.runs.report_fixture import HOSTILE, report

PAIR = Instance("1", "", "Zinc.", "Ten women and old men took 5 mg.", "zinc", "colds")
GOLD = (Condition("ten women", "Gender"), Condition("5 mg", "Dosage"), Condition(HOSTILE, "Age"))
FOUND = (Condition("women", "Gender"), Condition("took 5 mg", "Age"))


def predicted(*lost: str) -> dict[str, object]:
    """What a run says: the conditions found, and spans that are not in the text."""
    record = to_record(document_of(replace(PAIR, conditions=FOUND)))
    rows = [{"span": span, "type": "Age", "how": "none"} for span in lost]
    return {**record, "pairs": [{"relation": "r1", "conditions": rows, "note": HOSTILE}]}


@needs_browser
@pytest.mark.parametrize("annotated", [True, False])
def test_conditions_are_compared_where_somebody_looked(tmp_path: Path, annotated: bool) -> None:
    known = replace(PAIR, conditions=GOLD) if annotated else replace(PAIR, gold="none")
    given = report([predicted(HOSTILE, "nowhere")], errors=0)
    write_report(tmp_path / "r.html", replace(given, gold={"1": to_record(document_of(known))}))
    with open_page() as page:
        page.visit((tmp_path / "r.html").as_uri())
        rows = "document.querySelectorAll('.card .quote, .card p.quiet:not(:empty)')"
        shown = page.evaluate(f"[...{rows}].map(row => row.textContent)")
        right, wrong = (" in the annotation", " not in the annotation") if annotated else ("", "")
        assert shown == [
            f"Gender women{right}",
            f"Age took 5 mg{wrong}",
            f"Age {HOSTILE}: not in the text{right}",
            f"Age nowhere: not in the text{wrong}",
        ]
        missed = page.evaluate("[...document.querySelectorAll('.missed li')].map(p => p.textContent)")
        assert missed == (["Dosage: 5 mg"] if annotated else [])
        assert page.evaluate("document.querySelector('.card .notice').textContent") == HOSTILE
        assert page.evaluate("document.querySelectorAll('.choose .badge').length") == (0 if annotated else 1)
