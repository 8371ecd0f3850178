"""A model edits lists: in a loop, in two passes, and only as far as it is allowed."""

from collections.abc import Callable

import pytest

from apothecary.messages import Failure, Flow, Grammar, Outcome, Reply, Request
from apothecary.tasks.medication.lines import places_of
from apothecary.tasks.medication.list_editing import Edited, ListForm, edit_loop, two_passes
from apothecary.tasks.medication.list_prompts import ListQuestion
from apothecary.tasks.medication.list_state import Action, ListState
from apothecary.tasks.medication.questions import ask_about, log_odds_of
from apothecary.tasks.medication.visit_text import VisitText, visit_text
from apothecary.tasks.recommending import Case
from apothecary.visits import Code, Drug, Visit

NAMES = ("aspirin", "warfarin", "heparin", "insulin")
VISIT = VisitText("Visit")
FORM = ListForm(NAMES, places_of(NAMES), lines=2, turns=5)


def run(flow: Flow[Edited], answer: Callable[[Request], Outcome]) -> tuple[Edited, list[Request]]:
    asked: list[Request] = []
    try:
        requests = next(flow)
        while True:
            asked += requests
            requests = flow.send([answer(request) for request in requests])
    except StopIteration as finished:
        return finished.value, asked


def replies(*texts: str) -> Callable[[Request], Outcome]:
    left = iter(texts)
    return lambda request: Reply(next(left))


def state(*drugs: int, **more: int | list[int]) -> ListState:
    return ListState.of(drugs, 4, **more)  # type: ignore[arg-type]


def test_each_turn_shows_the_list_as_it_is() -> None:
    found, asked = run(edit_loop(VISIT, state(0, 1), FORM), replies("remove aspirin\nadd heparin", "stop"))
    assert found == Edited((Action("remove", 0), Action("add", 2)))
    assert "drug per line:\naspirin\nwarfarin\n" in asked[0].messages[-1].content
    assert "drug per line:\nwarfarin\nheparin\n" in asked[1].messages[-1].content


def test_a_turn_that_leads_back_ends_the_loop() -> None:
    found, asked = run(edit_loop(VISIT, state(0), FORM), replies("add heparin", "remove heparin"))
    assert len(asked) == 2
    assert [action.kind for action in found.actions] == ["add", "remove"]


def test_refused_lines_are_counted_and_end_a_loop_that_stands_still() -> None:
    found, asked = run(edit_loop(VISIT, state(0), FORM), replies("add aspirin\nadd unobtainium"))
    assert (found.actions, found.refused, len(asked)) == ((), 2, 1)


def test_budget_and_turns_are_kept() -> None:
    found, asked = run(edit_loop(VISIT, state(budget=1), FORM), replies("add aspirin\nadd heparin"))
    assert (len(found.actions), found.refused, len(asked)) == (1, 1, 1)
    short = ListForm(NAMES, FORM.places, lines=1, turns=2)
    found, asked = run(edit_loop(VISIT, state(), short), replies("add aspirin", "add heparin"))
    assert len(asked) == 2


def test_an_engine_that_fails_leaves_the_list_as_it_is() -> None:
    found, _ = run(edit_loop(VISIT, state(0), FORM), lambda request: Failure("TimedOut", "late"))
    assert found == Edited((), 0, 1)
    found, _ = run(two_passes(VISIT, state(0), FORM), lambda request: Failure("TimedOut", "late"))
    assert found == Edited((), 0, 2)


def test_two_passes_both_see_the_first_list_and_removal_wins() -> None:
    found, asked = run(
        two_passes(VISIT, state(0, 1), FORM), replies("heparin\ninsulin\nfoo", "insulin\naspirin")
    )
    assert found == Edited((Action("remove", 0), Action("add", 2)), refused=1)
    assert all("\naspirin\nwarfarin\n" in request.messages[-1].content for request in asked)
    assert [request.step for request in asked] == ["medication.add", "medication.remove"]


def test_nobody_is_asked_what_to_remove_from_nothing() -> None:
    _, asked = run(two_passes(VISIT, state(), FORM), replies("none"))
    assert [request.step for request in asked] == ["medication.add"]


def test_the_grammar_has_the_edits_that_the_list_allows() -> None:
    request = ListQuestion(NAMES, state(0, barred=[1]), "edit", 2).request(VISIT)
    assert request is not None
    assert request.constraint == Grammar(
        'root ::= "stop" | line1\n'
        'edit ::= "add heparin" | "add insulin" | "remove aspirin"\n'
        'line1 ::= edit ("\\n" (line2 | "stop"))?\n'
        'line2 ::= edit ("\\n" ("stop"))?'
    )


def test_no_question_where_no_edit_is_left() -> None:
    assert ListQuestion(NAMES, state(0, budget=0), "edit").request(VISIT) is None
    assert ListQuestion(NAMES, state(), "remove").request(VISIT) is None


CASE = Case(
    Visit(
        "v-secret", "p-secret", 7.0, 71.0, "female",
        diagnoses=(Code("icd9", "4019", "Essential\nhypertension"), Code("icd9", "4280")),
        drugs=(Drug("heparin"),), note="seen on 3 May",
    ),
    (Visit("v-old", "p-secret", drugs=(Drug("aspirin"),)),),
)  # fmt: skip


def test_a_visit_in_words_has_titles_or_codes_and_the_stay_before() -> None:
    assert visit_text(CASE).text == (
        "Visit\nPatient: 71 years; female\nDiagnoses: Essential hypertension; icd9 4280\n"
        "Stay before\nDrugs: aspirin"
    )
    assert "secret" not in visit_text(CASE, note=True).text
    assert visit_text(CASE, note=True).text.endswith("Note\nseen on 3 May")
    assert visit_text(Case(Visit("v", "p"))).text == "Visit\nNothing is known."


def test_questions_of_a_visit_differ_in_their_end_alone() -> None:
    requests = next(ask_about(CASE, NAMES))
    texts = [request.messages[-1].content for request in requests]
    assert {text.rpartition("Drug: ")[0] for text in texts} == {texts[0].rpartition("Drug: ")[0]}
    assert [text.rpartition("Drug: ")[2] for text in texts] == list(NAMES)
    assert all(request.want_logprobs for request in requests)


@pytest.mark.parametrize(
    ("outcome", "odds"),
    [
        (Reply("Yes", logprobs={"Yes": -1.0, "No": -0.25}), -0.75),
        (Reply(" no."), -2.1972),
        (Reply("Yes"), 2.1972),
        (Reply("perhaps"), None),
        (Failure("TimedOut", "late"), None),
    ],
)
def test_odds_are_told_apart_from_the_likelier_answer(outcome: Outcome, odds: float | None) -> None:
    found = log_odds_of(outcome)
    assert found != found if odds is None else found == pytest.approx(odds, abs=1e-4)
