"""The pages in a real browser: by keyboard alone, on a phone, in the dark, without JavaScript."""

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from apothecary.documents import Document, Span
from apothecary.review.app import create_app
from apothecary.review.desk import Desk
from apothecary.review.session import Keeper
from tests.review.bases import TEXT, make_base, sample

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).with_name("axe.min.js")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on PATH (Debian: apt-get install chromium)"
)


class Site:
    """A desk behind a real server."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        config = uvicorn.Config(create_app(desk, Keeper(), reviewer="ann"), log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self.thread.start()

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listening.close()


def emoji(document: Document) -> Document:
    """The same after a character outside the basic plane and a script: every offset moves by one string."""
    before = "\U0001f48a <script>document.title='owned'</script> "
    mentions = tuple(
        replace(m, spans=tuple(Span(s.start + len(before), s.end + len(before)) for s in m.spans))
        for m in document.mentions
    )
    moved = [replace(e, span=Span(e.span.start + len(before), e.span.end + len(before)))
             for r in document.relations for e in r.evidence]  # fmt: skip
    relations = tuple(replace(r, evidence=(e,)) for r, e in zip(document.relations, moved, strict=True))
    return replace(document, text=before + document.text, passages=(), mentions=mentions, relations=relations)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    documents = [sample("d1"), emoji(sample("d2")), sample("d3", {"retraction": "PMID 1"})]
    desk = Desk(make_base(tmp_path / "kb.duckdb", documents))
    desk.fill()
    site = Site(desk)
    yield site
    site.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1300, "height": 900}) as context:
        context.set_default_timeout(10_000)
        yield context


def watched(context: BrowserContext) -> tuple[Page, list[str], list[str]]:
    """A page, the addresses it asks for, and whatever goes wrong in it."""
    page, asked, wrong = context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return page, asked, wrong


def moved(page: Page, key: str) -> None:
    """Press a key that leads to another item, and wait until it is drawn."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_function("before => location.href !== before", arg=before)
    expect(page.locator("#text .arcs path").first).to_be_attached()


@pytest.mark.slow
def test_a_whole_review_by_keyboard_alone(site: Site, context: BrowserContext) -> None:
    page, asked, wrong = watched(context)
    page.goto(f"{site.address}/queue?document=d1")
    moved(page, "Enter")
    page.keyboard.press("n")
    page.keyboard.type("as in table 2")
    page.keyboard.press("Escape")
    moved(page, "a")
    page.keyboard.press("e")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("t")
    page.keyboard.press("Control+a")
    page.keyboard.type("worsens")
    page.keyboard.press("Enter")
    expect(page.locator(".own")).to_contain_text("edit: worsens")
    moved(page, "j")
    page.keyboard.press("r")
    expect(page.locator("main.queue")).to_be_visible()
    page.keyboard.press("u")
    said = [(one.verdict, one.note) for one in site.desk.log.standing()]
    assert said == [("accept", "as in table 2"), ("edit", ""), ("reject", "")]
    change = list(site.desk.log.standing())[1].change
    assert change is not None
    assert change["evidence"] == [{"start": 57, "end": 83, "quote": "Rarely does it lead to a r"}]
    page.goto(f"{site.address}/queue?state=decided&document=d1")
    moved(page, "Enter")
    moved(page, "u")
    assert [one.verdict for one in site.desk.log.standing()] == ["accept", "edit"]
    assert wrong == []
    assert all(address.startswith(site.address) for address in asked)


@pytest.mark.slow
def test_skip_previous_and_the_keys_are_a_key_away(site: Site, context: BrowserContext) -> None:
    page, _, wrong = watched(context)
    page.goto(site.address)
    moved(page, "Enter")
    first = page.url
    moved(page, "s")
    moved(page, "k")
    assert page.url == first
    page.keyboard.press("?")
    expect(page.locator(".keys dl")).to_be_visible()
    page.keyboard.press("q")
    expect(page.locator("main.queue h1")).to_have_text("To review")
    assert (site.desk.log.last_number(), wrong) == (0, [])


@pytest.mark.slow
def test_words_chosen_by_mouse_have_offsets_of_code_points(site: Site, context: BrowserContext) -> None:
    page, _, wrong = watched(context)
    page.goto(f"{site.address}/queue?document=d2")
    moved(page, "Enter")
    page.locator("summary", has_text="Correct it").click()
    page.locator("#text mark.lit", has_text="headache").dblclick()
    expect(page.locator("#chosen-words")).to_have_text("headache")
    start = len("\U0001f48a <script>document.title='owned'</script> ") + TEXT.index("headache")
    assert page.locator("[name=span_start]").input_value() == str(start)
    assert page.locator("[name=span_end]").input_value() == str(start + 8)
    assert "owned" not in page.title()
    assert wrong == []


@pytest.mark.slow
def test_everything_works_without_javascript(site: Site, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.address)
        page.get_by_role("link", name="Begin with the first").click()
        assert "may cause mild" in page.locator("#text").inner_text()
        page.get_by_role("button", name="Accept").click()
        page.get_by_text("Correct it").click()
        page.locator("input[name=type]").fill("other")
        page.get_by_role("button", name="Keep the correction").click()
        page.get_by_role("button", name="Undo my last decision").click()
        assert [one.verdict for one in site.desk.log.standing()] == ["accept"]


def faults(page: Page, width: int) -> list[object]:
    """What is wrong with a page for readers of screens, or too wide for a window."""
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))")
    assert isinstance(found, list)
    wide = page.evaluate("document.documentElement.scrollWidth") > width
    return [*found, *(["too wide"] if wide else [])]


@pytest.mark.slow
def test_an_item_is_accessible_on_a_phone(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{site.address}/next?document=d3")
    for details in page.locator("details > summary").all():
        details.click()
    assert faults(page, 390) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_its_window(site: Site, browser: Browser, scheme: str) -> None:
    with browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{site.address}/next?document=d3")
        page.get_by_role("button", name="Accept").click()
        for address in ("/queue", "/next?document=d3&state=decided", "/agreement", "/sign-in", "/nowhere"):
            page.goto(site.address + address)
            assert [faults(page, width) for width in (1300, 390)] == [[], []], address
