"""The pages without a browser: who may come in, what forms do, and what hostile texts cannot."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from apothecary.documents import Document, Relation
from apothecary.review.app import create_app
from apothecary.review.desk import Desk
from apothecary.review.queue import View
from apothecary.review.session import COOKIE, Keeper, is_our_host
from apothecary.store.opening import opened
from tests.review.bases import TEXT, make_base, sample

HERE = "http://127.0.0.1"


class Visitor:
    """A browser without JavaScript."""

    def __init__(self, desk: Desk, keeper: Keeper | None = None, reviewer: str = "ann") -> None:
        self.desk = desk
        app = create_app(desk, keeper or Keeper(), reviewer=reviewer)
        self.client = TestClient(app, base_url=HERE, raise_server_exceptions=False)
        self.page = ""

    def get(self, address: str, status: int = 200) -> str:
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text[:500]
        self.page = answer.text
        return answer.text

    def post(self, address: str, status: int = 200, **fields: str) -> str:
        word = re.search('name="word" value="([0-9a-f]+)"', self.page)
        answer = self.client.post(address, data={"word": word[1] if word else ""} | fields)
        assert answer.status_code == status, answer.text[:500]
        self.page = answer.text
        return str(answer.url)


def desk_of(path: Path, documents: list[Document], *, blind: bool = False) -> Desk:
    desk = Desk(make_base(path / "kb.duckdb", documents), blind=blind)
    desk.fill()
    return desk


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    desk = desk_of(tmp_path, [sample("d1"), sample("d2", {"retraction": "PMID 77"})])
    yield Visitor(desk)
    desk.close()


def first(desk: Desk) -> str:
    return f"/items/{desk.queue.page(View(), 'ann').items[0].key}"


def test_accepting_leads_to_the_next_item_and_is_in_the_log(visitor: Visitor) -> None:
    here = first(visitor.desk)
    visitor.get(here)
    after = visitor.post(here, action="accept", note="sure")
    assert after != HERE + here
    assert "/items/" in after
    (one,) = visitor.desk.log.standing()
    assert (one.verdict, one.reviewer, one.note) == ("accept", "ann", "sure")


def test_undo_goes_back_to_the_item(visitor: Visitor) -> None:
    here = first(visitor.desk)
    visitor.get(here)
    visitor.post(here, action="reject")
    assert visitor.post("/undo") == HERE + here
    assert list(visitor.desk.log.standing()) == []


def test_an_edit_by_form_keeps_type_arguments_and_words(visitor: Visitor) -> None:
    here = first(visitor.desk)
    visitor.get(here)
    start = TEXT.index("mild headache")
    visitor.post(
        here, action="edit", type="worsens", keep_0="1", role_0="head", concept_0="T:Tiamol", keep_1="1",
        role_1="tail", concept_1="T:headache", span_start=str(start), span_end=str(start + 13), span_of="1",
        evidence="17-56",
    )  # fmt: skip
    (one,) = visitor.desk.log.standing()
    assert one.change == {
        "type": "worsens",
        "arguments": [
            {"role": "head", "concept": "T:Tiamol"},
            {"role": "tail", "concept": "T:headache", "start": start, "end": start + 13},
        ],
        "evidence": [{"start": 17, "end": 56, "quote": TEXT[17:56]}],
    }
    assert "worsens" in visitor.page


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "edit", "type": "x", "keep_0": "1", "role_0": "head", "concept_0": "T:other"},
        {"action": "edit", "type": "x"},
        {"action": "edit", "type": "x", "span_start": "5", "span_end": "99999"},
        {"action": "destroy"},
        {"action": "note", "note": "first"},
        {"action": "accept", "note": "x" * 20_000},
    ],
)
def test_a_form_that_makes_no_sense_decides_nothing(visitor: Visitor, wrong: dict[str, str]) -> None:
    visitor.get(first(visitor.desk))
    visitor.post(first(visitor.desk), 400, **wrong)
    assert visitor.desk.log.last_number() == 0


def test_a_form_from_elsewhere_is_refused(visitor: Visitor) -> None:
    here = first(visitor.desk)
    visitor.get(here)
    visitor.page = ""
    visitor.post(here, 403, action="accept")
    visitor.client.cookies.clear()
    visitor.post(here, 403, action="accept")
    assert visitor.desk.log.last_number() == 0


@pytest.mark.slow
def test_decisions_go_into_the_base_by_the_button(visitor: Visitor) -> None:
    here = first(visitor.desk)
    visitor.get(here)
    visitor.post(here, action="accept")
    visitor.post("/put")
    assert "1 edges" in visitor.page
    with opened(visitor.desk.store) as connection:
        assert connection.execute("SELECT verdict FROM decisions").fetchall() == [("accept",)]


@pytest.mark.slow
def test_decisions_go_into_the_base_when_the_server_ends(tmp_path: Path) -> None:
    visitor = Visitor(desk_of(tmp_path, [sample()]))
    with visitor.client:
        visitor.get(first(visitor.desk))
        visitor.post(first(visitor.desk), action="accept")
    with opened(visitor.desk.store) as connection:
        assert connection.execute("SELECT count(*) FROM decisions").fetchall() == [(1,)]


def test_a_retracted_document_says_so(visitor: Visitor) -> None:
    retracted = next(i for i in visitor.desk.queue.page(View(), "ann").items if i.retracted)
    assert "PMID 77" in visitor.get(f"/items/{retracted.key}")


def test_nobody_comes_in_without_a_name_or_the_token(tmp_path: Path) -> None:
    visitor = Visitor(desk_of(tmp_path, [sample()]), Keeper("s3cret"))
    assert "Token" in visitor.get("/queue")
    for name, token in (("ann", "wrong"), (" ", "s3cret")):
        visitor.post("/sign-in", 403, name=name, token=token)
    known = {"name": "ann", "token": "s3cret"}
    assert visitor.post("/sign-in", 200, **known) == f"{HERE}/queue"
    assert "To review" in visitor.page


def test_a_cookie_of_another_server_is_worth_nothing(tmp_path: Path) -> None:
    visitor = Visitor(desk_of(tmp_path, [sample()]), Keeper("s3cret"))
    other = Keeper("s3cret")
    session = replace(other.fresh(), reviewer="eve", trusted=True)
    visitor.client.cookies.set(COOKIE, other.cookie(session), domain="127.0.0.1")
    assert "Token" in visitor.get("/queue")


def test_every_answer_is_dressed_and_cookies_are_strict(visitor: Visitor) -> None:
    for address in ("/queue", "/nowhere", "/static/review.js", "/static/..%2fapp.py"):
        headers = visitor.client.get(address).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
    cookie = visitor.client.get("/queue").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.slow
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_host_name_is_turned_away(visitor: Visitor, host: str) -> None:
    assert visitor.client.get("/queue", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    ("given", "bound", "ours"),
    [
        ("localhost:8000", "127.0.0.1", True),
        ("[::1]:8000", "::1", True),
        ("192.168.1.5:80", "127.0.0.1", False),
        ("192.168.1.5:80", "0.0.0.0", True),  # noqa: S104
        ("evil.example", "0.0.0.0", False),  # noqa: S104
        ("review.lab:80", "review.lab", True),
    ],
)
def test_which_names_are_ours(given: str, bound: str, ours: bool) -> None:
    assert is_our_host(given, bound) is ours


def test_a_form_of_a_megabyte_is_refused(visitor: Visitor) -> None:
    visitor.get(first(visitor.desk))
    visitor.post(first(visitor.desk), 400, action="accept", note="x" * 1_000_000)
    assert visitor.desk.log.last_number() == 0


HOSTILE = "<script>alert(1)</script>\x00\u202egnp.exe\u202c\" onload='x' {{7*7}} </textarea>&amp;"


def hostile() -> Document:
    """The same document with markup wherever a text can stand."""
    plain = sample("<b>d1</b>")
    text = HOSTILE + plain.text[len(HOSTILE) :] + HOSTILE + "x" * 1_000_000
    relations = [hostile_relation(each) for each in plain.relations]
    concepts = tuple(replace(each, names=(HOSTILE,)) for each in plain.concepts)
    return replace(plain, text=text, concepts=concepts, relations=tuple(relations))


def hostile_relation(relation: Relation) -> Relation:
    return replace(relation, type=HOSTILE, attributes={"reasoning": HOSTILE})


def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path) -> None:
    visitor = Visitor(desk_of(tmp_path, [hostile()]))
    for address in ("/queue", first(visitor.desk)):
        page = visitor.get(address)
        assert "<script>alert" not in page
        assert "<b>d1" not in page
        # The value of a choice must be what the base has; it is never shown.
        assert "\u202e" not in re.sub('<option value="[^"]*"', "", page)
        assert "\0" not in page
        assert "{{7*7}}" in page
        assert len(page) < 400_000
    visitor.post(first(visitor.desk), action="accept", note=HOSTILE.replace("\0", ""))
    assert "<script>alert" not in visitor.get(first(visitor.desk) + "?state=any")
    assert "<script>alert" not in visitor.get(
        "/queue?q=<script>alert(1)&type=<script>alert(1)&document=<script>alert"
    )


@pytest.mark.slow
def test_blind_review_hides_others_until_one_has_decided(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, [sample()], blind=True)
    ann, bob = Visitor(desk), Visitor(desk, reviewer="bob")
    here = first(desk)
    ann.get(here)
    ann.post(here, action="accept", note="annotated by ann")
    assert "annotated by ann" not in bob.get(here)
    bob.post(here, action="reject")
    assert "annotated by ann" in bob.get(here)


@pytest.mark.slow
def test_a_base_that_is_being_written_is_told_and_nothing_is_lost(visitor: Visitor, tmp_path: Path) -> None:
    script = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(visitor.desk.store)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert "another process" in visitor.get(first(visitor.desk), 503)
        visitor.get("/queue")
        visitor.post("/put", 503)
        visitor.get("/queue")
        # The decision is kept; the next item cannot be shown yet.
        visitor.post(first(visitor.desk), 503, action="accept")
        other.kill()
    assert visitor.desk.log.last_number() == 1


def test_pages_that_are_not_there_are_pages(visitor: Visitor) -> None:
    for address in ("/items/none", "/nowhere", "/static/app.py", "/static/htmx.LICENSE.txt"):
        assert "That did not work" in visitor.get(address, 404)
