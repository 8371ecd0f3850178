"""A server on loopback that stands for E-utilities and for BioC-PMC; every text in it is invented."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple, Self
from urllib.parse import parse_qs

import pytest

from apothecary.runs.fetch import Rate

DOCTYPE = (
    '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 2025//EN"'
    ' "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n'
)
NO_RESULT = b"[Error] : No result can be found. <BR><HR><B>  - Invalid id</B>"
NO_IDS = (
    b"<?xml version='1.0'?>\n<eFetchResult><ERROR>ID list is empty! No correct IDs.</ERROR></eFetchResult>"
)
HTML = b"<!DOCTYPE html><html><body>Down for maintenance</body></html>"


class Seen(NamedTuple):
    """A request: its method and path, its form, its headers (names in lower case)."""

    what: str
    form: dict[str, str]
    headers: dict[str, str]


class Canned(NamedTuple):
    """An answer given before any other, whatever is asked. Status 0 closes the connection instead."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


def record(pmid: str, title: str = "Druga β and rash") -> str:
    """One article as EFetch gives it."""
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">{pmid}</PMID><Article>'
        f"<ArticleTitle>{title} <i>in</i> {pmid}.</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    )


def article_set(*records: str, doctype: str = DOCTYPE) -> bytes:
    """An answer of EFetch."""
    return f"{doctype}<PubmedArticleSet>{''.join(records)}</PubmedArticleSet>".encode()


def bioc(name: str) -> bytes:
    """An answer of BioC-PMC: a list of one collection."""
    passage = {
        "offset": 0,
        "infons": {"section_type": "TITLE", "article-id_pmc": name},
        "text": f"Of {name}.",
    }
    return json.dumps([{"source": "PMC", "documents": [{"id": name, "passages": [passage]}]}]).encode()


class NlmStandIn:
    """Knows `pmids` and `pmcids`; `canned` answers go first, one a request; `seen` is what was asked."""

    def __init__(self, pmids: set[str], pmcids: set[str]) -> None:
        self.pmids = pmids
        self.pmcids = pmcids
        self.canned: list[Canned] = []
        self.seen: list[Seen] = []
        self.before: Callable[[], object] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, seen: Seen) -> Canned:
        """What to say to a request."""
        self.seen.append(seen)
        self.before()
        if self.canned:
            return self.canned.pop(0)
        if seen.what == "POST /eutils/efetch.fcgi":
            known = [each for each in seen.form["id"].split(",") if each in self.pmids]
            return Canned(body=article_set(*map(record, known)))
        name = seen.what.removeprefix("GET /pmc/BioC_json/").removesuffix("/unicode")
        return Canned(body=bioc(name) if name in self.pmcids else NO_RESULT)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def rate(self) -> Rate:
        return Rate(clock=self, sleep=self.sleep)


@contextmanager
def standing_in(patch: pytest.MonkeyPatch, pmids: set[str], pmcids: set[str]) -> Iterator[NlmStandIn]:
    """A stand-in that serves, in place of both services."""
    with NlmStandIn(pmids, pmcids) as server:
        patch.setenv("APOTHECARY_NLM", f"{server.url}/eutils/")
        patch.setenv("APOTHECARY_PMC", f"{server.url}/pmc")
        for name in ("NCBI_API_KEY", "NCBI_EMAIL"):
            patch.delenv(name, raising=False)
        yield server


def _handler(nlm: NlmStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = nlm.answer(Seen(f"{self.command} {self.path}", form, headers))
            self.close_connection = True
            if not answer.status:
                return
            self.send_response(answer.status)
            # A connection that is to close must say so, or the client may send its next request into it.
            own = {"Content-Length": str(len(answer.body)), "Connection": "close"}
            for name, value in {**own, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(answer.body)
            except ConnectionError:
                return  # The client has had enough.

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    return Handler
