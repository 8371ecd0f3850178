"""Literature from NLM: abstracts from PubMed and full texts from PMC, one file for each article.

Sources: "E-utilities In-Depth" (NCBI Bookshelf NBK25499) and the BioC API for PMC (Comeau et al. 2019,
doi:10.1093/bioinformatics/btz070). What the services do:

1. EFetch leaves an unknown PMID out of its answer. When no id is left it answers 400, "ID list is empty";
   a wrong key is a 400 that quotes the key, so that no answer is ever shown; other 400s pass.
2. BioC-PMC answers 200, "No result can be found", for an article outside its open collections. It names
   an article "PMC123" or, in earlier years, "123".
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from lxml import etree

from apothecary import __version__
from apothecary.engines.http import is_loopback
from apothecary.engines.pace import pause_before
from apothecary.errors import FormatError, RunError, UsageError
from apothecary.formats.lines import printable, read_lines

__all__ = ["FetchOptions", "Fetched", "Rate", "fetch", "identifier", "read_ids"]

PUBMED = ("APOTHECARY_NLM", "https://eutils.ncbi.nlm.nih.gov/entrez/eutils")
PMC = ("APOTHECARY_PMC", "https://www.ncbi.nlm.nih.gov/research/bionlp/RESTful/pmcoa.cgi")
FILE = b'<?xml version="1.0" encoding="UTF-8"?>\n<PubmedArticleSet>\n%b\n</PubmedArticleSet>\n'
BATCH = 200
ATTEMPTS = 5
LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_SECONDS = 300.0
LONGEST_QUIET = 60.0
# A little over 1/3 and 1/10 of a second: requests move closer together on their way.
GAP, GAP_WITH_KEY = 0.35, 0.105
_ID = re.compile(r"(?:(?:PMID:)?\s*|(?:PMCID:)?\s*(PMC))0*([1-9][0-9]{0,9})", re.IGNORECASE | re.ASCII)
_NOTHING = re.compile(rb"ID list is empty|No result can be found")

Answer = tuple[dict[str, bytes], str]
"""Files by id; and why the other ids failed ("": there are no such articles)."""


class Rate:
    """Turns with a gap between them, over all threads that share it.

    NLM counts by address: fetches that run at once in one process should share a Rate.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.pause = sleep
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def turn(self, gap: float) -> None:
        """Wait for a turn; the next one is at least `gap` seconds later."""
        # The pause is inside the lock: who wakes up late delays the others, and nobody catches up.
        with self._lock:
            if (left := self._next - self._clock()) > 0:
                self.pause(left)
            self._next = self._clock() + gap

    def quiet(self, seconds: float) -> None:
        """Give no turn for so many seconds."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


@dataclass(frozen=True)
class FetchOptions:
    """`fresh` fetches also what is there already."""

    fresh: bool = False
    rate: Rate = field(default_factory=Rate)


@dataclass(frozen=True)
class Fetched:
    """What became of each id: written now, there before, not at NLM, or failed and why."""

    folder: Path
    fetched: tuple[str, ...]
    present: tuple[str, ...]
    missing: tuple[str, ...]
    failed: Mapping[str, str]

    @property
    def missing_file(self) -> Path:
        """The ids that NLM does not have: beside the folder, as everything in it is a document."""
        return _beside(self.folder)


class _Fault(Exception):
    """An answer is of no use. `passes`: it may be better next time; `away`: nothing was reached."""

    def __init__(self, what: str, *, passes: bool = False, away: bool = False) -> None:
        super().__init__(what)
        self.passes = passes
        self.away = away


def identifier(text: str, *, where: str = "") -> str:
    """A PMID as digits or a PMCID as PMC and digits. Raises UsageError for anything else."""
    match = _ID.fullmatch(text.strip())
    if match is None:
        message = f"{text.strip()[:40]!r} is neither a PMID nor a PMCID"
        raise UsageError(message, where=where, hint="12345, PMID:12345 or PMC12345")
    return ("PMC" if match[1] else "") + match[2]


def read_ids(source: Path) -> list[str]:
    """The ids of a file, one on a line; ``-`` is standard input. Raises UsageError or FormatError."""
    piped = str(source) == "-"
    name = "standard input" if piped else printable(source)
    lines: Iterable[tuple[int, str | FormatError]] = enumerate(sys.stdin, 1) if piped else read_lines(source)
    found = []
    try:
        for number, line in lines:
            if isinstance(line, FormatError):
                raise line
            if text := line.strip("\ufeff \t\r\n"):
                found.append(identifier(text, where=f"{name}:{number}"))
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8", where=name, hint="one id on a line") from error
    return found


def fetch(
    ids: Sequence[str],
    out: Path,
    *,
    options: FetchOptions | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Fetched:
    """Write ``out/PMID.xml`` and ``out/PMCID.json`` for each id that has no readable file there yet.

    One request after the other, PMIDs first and 200 at once. Every file is written whole or not at all,
    so that the same command goes on where it was stopped. A file beside `out` names the ids of this call that
    NLM does not have. `on_progress` is told how many ids are done, and of how many. Raises
    UsageError for a bad id or a refused key, RunError when NLM cannot be reached or a file not written.
    """
    options = options or FetchOptions()
    wanted = list(dict.fromkeys(map(identifier, ids)))
    if not wanted:
        raise UsageError("no ids", hint="name PMIDs or PMCIDs, or a file of them with --ids")
    pubmed, pmc = _Service(PUBMED, out, options.rate), _Service(PMC, out, options.rate)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", where=printable(out)) from error
    present = {} if options.fresh else dict.fromkeys(each for each in wanted if _is_there(_path(out, each)))
    fetched: list[str] = []
    missing: list[str] = []
    failed: dict[str, str] = {}
    on_progress(len(present), len(wanted))
    with pubmed.client, pmc.client:
        for batch in _batches([each for each in wanted if each not in present]):
            files, reason = (pmc if batch[0].startswith("PMC") else pubmed).ask(batch)
            for each, data in files.items():
                _write(_path(out, each), data)
            fetched += files
            rest = [each for each in batch if each not in files]
            if reason:
                failed |= dict.fromkeys(rest, reason)
            else:
                missing += rest
            on_progress(len(present) + len(fetched) + len(missing) + len(failed), len(wanted))
    _write(_beside(out), "".join(f"{each}\n" for each in missing).encode())
    return Fetched(out, tuple(fetched), tuple(present), tuple(missing), failed)


def _beside(out: Path) -> Path:
    named = out if out.name not in ("", "..") else out.resolve()
    return named.with_name(f"{named.name}.missing.txt")


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    pmids = [each for each in ids if not each.startswith("PMC")]
    yield from (pmids[start : start + BATCH] for start in range(0, len(pmids), BATCH))
    yield from ([each] for each in ids if each.startswith("PMC"))


class _Service:
    """One service of NLM: asked patiently, and no more often than it allows."""

    def __init__(self, setting: tuple[str, str], folder: Path, rate: Rate) -> None:
        base = _address(*setting)
        email, key = (os.environ.get(name, "").strip() for name in ("NCBI_EMAIL", "NCBI_API_KEY"))
        form = {"db": "pubmed", "retmode": "xml", "tool": "apothecary", "email": email, "api_key": key}
        self._form = {name: value for name, value in form.items() if value}
        # The key is for E-utilities alone: it is not sent to PMC, and allows nothing there.
        self._gap = GAP_WITH_KEY if key and setting == PUBMED else GAP
        self._host = base.netloc.decode("ascii")
        self._folder = printable(folder)
        self._rate = rate
        self._rng = random.Random(0)  # noqa: S311 - spreads pauses
        self._reached = False
        self.client = httpx2.Client(
            base_url=base,
            headers={"User-Agent": f"apothecary/{__version__}", "Accept-Encoding": "gzip"},
            timeout=httpx2.Timeout(60.0, connect=10.0),
            trust_env=not is_loopback(str(base)),
        )

    def ask(self, ids: Sequence[str]) -> Answer:
        """Raises RunError when the service cannot be reached: at once when it never was."""
        attempt = 1
        while True:
            try:
                return self._once(ids)
            except _Fault as fault:
                last = attempt == ATTEMPTS or not fault.passes
                if fault.away and (last or not self._reached):
                    raise self._gone() from fault
                if last:
                    return {}, str(fault)
            self._rate.pause(pause_before(attempt, self._rng))
            attempt += 1

    def _once(self, ids: Sequence[str]) -> Answer:
        is_pmc = ids[0].startswith("PMC")
        if is_pmc:
            status, data = self._send("GET", f"BioC_json/{ids[0]}/unicode")
        else:
            status, data = self._send("POST", "efetch.fcgi", {**self._form, "id": ",".join(ids)})
        bad = status == httpx2.codes.BAD_REQUEST
        if bad and b"API key invalid" in data:
            raise UsageError("the key is refused", where="NCBI_API_KEY", hint="correct it, or unset it")
        if status == httpx2.codes.NOT_FOUND and is_pmc:
            return {}, ""
        try:
            if status != httpx2.codes.OK:
                raise _Fault(f"the service answered {status}", passes=bad)
            found = _bioc(data) if is_pmc else _records(data)
        except _Fault:
            if _NOTHING.search(data, 0, 1024):
                return {}, ""
            raise
        others = found.keys() - set(ids)
        reason = f"the answer has a record of another id, {min(others)[:20]!r}" if others else ""
        # A file of PMC is kept as it came: with anything else in it, it is not the article.
        return {each: found[each] for each in ids if each in found and not (is_pmc and others)}, reason

    def _send(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        self._rate.turn(self._gap)
        try:
            with self.client.stream(method, path, data=form) as response:
                self._reached = True
                data = _bounded(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise _Fault("it cannot be reached", passes=True, away=True) from error
        except httpx2.HTTPError as error:
            self._reached = True
            late = isinstance(error, httpx2.TimeoutException)
            raise _Fault("no answer in time" if late else "the connection broke", passes=True) from error
        status = response.status_code
        if status == httpx2.codes.TOO_MANY_REQUESTS or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            self._rate.quiet(_quiet_seconds(response.headers))
            raise _Fault(f"the service answered {status}", passes=True)
        return status, data

    def _gone(self) -> RunError:
        if self._reached:
            return RunError(f"cannot reach {self._host} any more", hint="the same command goes on later")
        hint = f"files that are in {self._folder} already can be used: apothecary extract {self._folder}"
        return RunError(f"cannot reach {self._host}: offline?", hint=hint)


def _address(variable: str, default: str) -> httpx2.URL:
    try:
        url = httpx2.URL((os.environ.get(variable) or default).strip())
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        # It is not shown: it may hold a password.
        raise UsageError("is not an http or https address", where=variable, hint=f"write it like {default}")
    return url


def _bounded(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "gzip").lower() != "gzip":
        # Other codings, and several on top of each other, unpack a small piece to gigabytes.
        raise _Fault("the answer is packed in a way that was not asked for")
    until = time.monotonic() + LONGEST_SECONDS
    data = bytearray()
    for part in response.iter_bytes():
        data += part
        if len(data) > LARGEST_ANSWER:
            raise _Fault(f"the answer is larger than {LARGEST_ANSWER >> 20} MiB")
        if time.monotonic() > until:
            raise _Fault("the answer does not end", passes=True)
    return bytes(data)


def _quiet_seconds(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds; a date there counts as nothing: the pauses grow anyway."""
    try:
        return min(LONGEST_QUIET, max(0.0, float(headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0


def _records(data: bytes) -> dict[str, bytes]:
    """A file for each record, by PMID. Of several the last is kept: the newest version. Raises _Fault."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _Fault("the answer is not whole XML", passes=True) from error
    dtd = root.getroottree().docinfo.internalDTD
    declared = dtd is not None and any(True for _ in dtd.iterentities())
    if declared or next(root.iter(etree.Entity), None) is not None:
        raise _Fault("the answer has entities of its own")
    if root.tag != "PubmedArticleSet":
        raise _Fault("the answer is not PubMed XML", passes=True)
    found = {}
    for record in root.iterchildren("PubmedArticle", "PubmedBookArticle"):
        text = etree.tostring(record, encoding="UTF-8", with_tail=False)
        found[record.findtext("*/PMID", "").strip()] = FILE % text
    return found


def _bioc(data: bytes) -> dict[str, bytes]:
    """The file as it came, by the PMCID of each document in it. Raises _Fault."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _Fault("the answer is not whole JSON", passes=True) from error
    collections = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
    lists = [each["documents"] for each in collections if isinstance(each.get("documents"), list)]
    documents = [each for documents in lists for each in documents if isinstance(each, dict)]
    if not documents:
        raise _Fault("the answer is not BioC JSON")
    return {f"PMC{str(each.get('id')).removeprefix('PMC')}": data for each in documents}


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}{'.json' if name.startswith('PMC') else '.xml'}"


def _is_there(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_ANSWER:
            return False
        data = path.read_bytes()
        return path.stem in (_bioc(data) if path.suffix == ".json" else _records(data))
    except (OSError, _Fault):
        return False


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; nothing to write is no file."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if not data:
            path.unlink(missing_ok=True)
            return
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot be written: {error.strerror}", where=printable(path)) from error
