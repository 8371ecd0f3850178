"""Fetching against a stand-in on loopback; nothing here reaches NLM."""

import gzip
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import FormatError, RunError, UsageError
from apothecary.formats import medline
from apothecary.runs.fetch import Fetched, FetchOptions, Rate, fetch, identifier, read_ids
from tests.runs.nlm_stand_in import (
    HTML,
    NO_IDS,
    Canned,
    Clock,
    NlmStandIn,
    article_set,
    bioc,
    record,
    standing_in,
)

Patch = pytest.MonkeyPatch
SECRET = "k3y-never-shown"  # noqa: S105 - invented
BOMB = gzip.compress(bytes(65 << 20), 1)
CUT = article_set(record("1"))[:-30]
PASSING = [(0, b""), (400, b"?"), (429, b""), (500, b""), (503, HTML), (200, HTML), (200, b""), (200, CUT)]
ENTITIES = '<!DOCTYPE PubmedArticleSet [<!ENTITY a "druga"><!ENTITY b "&a;&a;">]>'
COMMAND = """
import sys
from pathlib import Path
from apothecary.runs.fetch import Rate, fetch, FetchOptions
fetch(sys.argv[2:], Path(sys.argv[1]), options=FetchOptions(rate=Rate(sleep=lambda seconds: None)))
"""


@pytest.fixture
def nlm(monkeypatch: Patch) -> Iterator[NlmStandIn]:
    with standing_in(
        monkeypatch, {str(number) for number in range(1, 500)}, {"PMC1", "PMC2", "PMC3"}
    ) as server:
        yield server


def quickly(*ids: str, out: Path, fresh: bool = False) -> Fetched:
    return fetch(ids, out, options=FetchOptions(fresh=fresh, rate=Clock().rate()))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(st.integers(1, 10**10 - 1), st.sampled_from(["{}", "PMID:{}", "pmid: {}", " 00{} "]))
def test_a_pmid_has_one_form_however_it_is_written(number: int, form: str) -> None:
    assert identifier(form.format(number)) == str(number)


@given(st.integers(1, 10**10 - 1), st.sampled_from(["PMC{}", "pmc{}", "PMCID: PMC{}", "PMC0{}\n"]))
def test_a_pmcid_has_one_form_however_it_is_written(number: int, form: str) -> None:
    assert identifier(form.format(number)) == f"PMC{number}"


@given(st.text())
def test_any_other_text_is_one_error_or_an_id_that_stays_as_it_is(text: str) -> None:
    try:
        found = identifier(text)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert identifier(found) == found


@pytest.mark.parametrize("text", ["", "0", "PMC", "PMC1.2", "1,2", "../1", "PMID:PMC1", "12345678901", "١٢"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither a PMID nor a PMCID"):
        identifier(text)


def test_a_bad_id_stops_everything_before_a_request(nlm: NlmStandIn, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'x1'"):
        quickly("1", "x1", out=tmp_path / "new")
    with pytest.raises(UsageError, match="no ids"):
        quickly(out=tmp_path / "new")
    assert not nlm.seen
    assert not (tmp_path / "new").exists()


def test_a_file_of_ids_may_have_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(b"\xef\xbb\xbf1\r\n\n PMC2 \n")
    assert read_ids(tmp_path / "ids") == ["1", "PMC2"]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("1\n\nPMC\n")
    with pytest.raises(UsageError, match="ids:3: 'PMC' is neither"):
        read_ids(tmp_path / "ids")
    (tmp_path / "ids").write_bytes(b"1\n\xff\n")
    with pytest.raises(FormatError, match="ids:2: "):
        read_ids(tmp_path / "ids")


def test_each_article_becomes_a_file_of_its_own(nlm: NlmStandIn, tmp_path: Path) -> None:
    result = quickly("2", "PMC1", "PMID:1", "2", out=tmp_path / "a" / "b")
    assert result == Fetched(tmp_path / "a" / "b", ("2", "1", "PMC1"), (), (), {})
    assert names(result.folder) == ["1.xml", "2.xml", "PMC1.json"]
    assert (result.folder / "PMC1.json").read_bytes() == bioc("PMC1")
    assert record("1") in (result.folder / "1.xml").read_text(encoding="utf-8")


def test_a_fetched_abstract_is_read_by_the_medline_reader(nlm: NlmStandIn, tmp_path: Path) -> None:
    quickly("7", out=tmp_path)
    (document,) = medline.read(tmp_path / "7.xml")
    assert isinstance(document, Document)
    assert (document.id, document.text) == ("7", "Druga β and rash in 7.")


def test_namespaces_of_a_record_stay_declared(nlm: NlmStandIn, tmp_path: Path) -> None:
    math = record(
        "1", '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mi>x</mml:mi></mml:math>'
    )
    nlm.canned = [Canned(body=article_set(math))]
    quickly("1", out=tmp_path)
    assert math in (tmp_path / "1.xml").read_text(encoding="utf-8")


def test_two_hundred_pmids_go_into_one_request(nlm: NlmStandIn, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    ids = [str(number) for number in range(1, 402)]
    fetch(
        ids, tmp_path, options=FetchOptions(rate=Clock().rate()), on_progress=lambda *each: seen.append(each)
    )
    assert [len(request.form["id"].split(",")) for request in nlm.seen] == [200, 200, 1]
    assert seen == [(0, 401), (200, 401), (400, 401), (401, 401)]


def test_a_request_says_who_asks(nlm: NlmStandIn, tmp_path: Path, monkeypatch: Patch) -> None:
    quickly("1", out=tmp_path)
    monkeypatch.setenv("NCBI_EMAIL", "who@example.org")
    monkeypatch.setenv("NCBI_API_KEY", SECRET)
    quickly("2", "PMC1", out=tmp_path)
    common = {"db": "pubmed", "retmode": "xml", "tool": "apothecary"}
    assert nlm.seen[0].form == {**common, "id": "1"}
    assert nlm.seen[1].form == {**common, "id": "2", "email": "who@example.org", "api_key": SECRET}
    assert nlm.seen[2].what == "GET /pmc/BioC_json/PMC1/unicode"
    assert SECRET not in str(nlm.seen[2])


def test_what_nlm_does_not_have_is_listed(nlm: NlmStandIn, tmp_path: Path) -> None:
    result = quickly("1", "900", "PMC9", "PMC1", out=tmp_path)
    assert result.missing == ("900", "PMC9")
    assert result.missing_file.read_text() == "900\nPMC9\n"
    assert read_ids(result.missing_file) == ["900", "PMC9"]
    nlm.pmids |= {"900"}
    nlm.pmcids |= {"PMC9"}
    assert quickly("900", "PMC9", out=tmp_path).missing == ()
    assert not result.missing_file.exists()


def test_a_request_of_nothing_but_unknown_ids_is_not_found(nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(400, NO_IDS), Canned(404, HTML), Canned(200, b"<html>No result can be found</html>")]
    assert quickly("900", "PMC8", "PMC9", out=tmp_path).missing == ("900", "PMC8", "PMC9")
    assert len(nlm.seen) == 3


def test_readable_files_are_not_fetched_again(nlm: NlmStandIn, tmp_path: Path) -> None:
    quickly("1", "PMC1", out=tmp_path)
    nlm.seen.clear()
    result = quickly("1", "PMC1", out=tmp_path)
    assert (result.fetched, result.present, nlm.seen) == ((), ("1", "PMC1"), [])
    assert quickly("1", "PMC1", out=tmp_path, fresh=True).fetched == ("1", "PMC1")


@pytest.mark.parametrize(
    "data", [b"", b"<PubmedArticleSet>", b"[", article_set(record("9")), bioc("PMC9"), HTML]
)
def test_what_is_not_the_article_is_fetched_again(data: bytes, nlm: NlmStandIn, tmp_path: Path) -> None:
    for name in ("1.xml", "PMC1.json"):
        (tmp_path / name).write_bytes(data)
    assert quickly("1", "PMC1", out=tmp_path).fetched == ("1", "PMC1")


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_kill_loses_at_most_the_request_under_way(nlm: NlmStandIn, tmp_path: Path) -> None:
    reached, hold = threading.Event(), threading.Event()

    def wait_in_the_third_request() -> None:
        if len(nlm.seen) == 3:
            reached.set()
            hold.wait(30)

    nlm.before = wait_in_the_third_request
    ids = ["1", "PMC1", "PMC2", "PMC3"]
    with subprocess.Popen([sys.executable, "-c", COMMAND, str(tmp_path), *ids]) as process:
        assert reached.wait(30)
        process.send_signal(signal.SIGKILL)
    hold.set()
    result = quickly(*ids, out=tmp_path)
    assert (result.present, result.fetched) == (("1", "PMC1"), ("PMC2", "PMC3"))


def test_files_that_cannot_be_written_are_one_error(nlm: NlmStandIn, tmp_path: Path) -> None:
    (tmp_path / "1.xml").mkdir()
    with pytest.raises(RunError, match="1.xml: cannot be written"):
        quickly("1", out=tmp_path)
    assert names(tmp_path) == ["1.xml"]
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file: cannot be made"):
        quickly("1", out=tmp_path / "file")


def test_requests_are_at_most_three_a_second(nlm: NlmStandIn, tmp_path: Path) -> None:
    times = request_times(nlm, tmp_path, "1", "PMC1", "PMC2", "PMC3")
    assert all(later - earlier > 1 / 3 for earlier, later in itertools.pairwise(times))
    assert times[-1] < 1.2


def test_a_key_gives_pubmed_ten_a_second_and_pmc_three(
    nlm: NlmStandIn, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", SECRET)
    ids = [str(number) for number in range(1, 401)]
    times = request_times(nlm, tmp_path, *ids, "PMC1", "PMC2")
    assert times == pytest.approx([0.0, 0.105, 0.21, 0.56])


def request_times(nlm: NlmStandIn, out: Path, *ids: str) -> list[float]:
    clock = Clock()
    times: list[float] = []
    nlm.before = lambda: times.append(clock.now)
    fetch(ids, out, options=FetchOptions(rate=clock.rate()))
    return times


def take_turns(rate: Rate) -> None:
    for _ in range(5):
        rate.turn(0.35)


def test_threads_that_share_a_rate_share_its_turns() -> None:
    clock = Clock()
    rate = clock.rate()
    threads = [threading.Thread(target=partial(take_turns, rate)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.pauses == pytest.approx([0.35] * 19)


@pytest.mark.parametrize(("status", "body"), PASSING)
def test_what_may_pass_is_asked_again(status: int, body: bytes, nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(status, body)] * 4
    assert quickly("1", out=tmp_path).fetched == ("1",)
    assert len(nlm.seen) == 5


def test_what_does_not_pass_fails_after_five_attempts(nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(502)] * 5
    result = quickly("PMC1", "PMC2", out=tmp_path)
    assert (result.failed, result.fetched) == ({"PMC1": "the service answered 502"}, ("PMC2",))
    assert names(tmp_path) == ["PMC2.json"]


def test_pauses_between_attempts_grow(nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(500)] * 5
    clock = Clock()
    fetch(["1"], tmp_path, options=FetchOptions(rate=clock.rate()))
    between = [pause for pause in clock.pauses if pause > 0.5]
    assert len(nlm.seen) == 5
    assert between == sorted(between)
    assert 3.0 < sum(clock.pauses) < 8.0


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [("7", 7.0, 7.0), ("99999", 60.0, 60.0), *((told, 0.35, 0.5) for told in ("-1", "nan", "soon"))],
)
def test_retry_after_is_kept_within_reason(
    told: str, least: float, most: float, nlm: NlmStandIn, tmp_path: Path
) -> None:
    nlm.canned = [Canned(503, headers={"Retry-After": told})]
    assert least - 1e-9 <= request_times(nlm, tmp_path, "1")[1] <= most + 1e-9


def test_offline_is_one_line_at_once(nlm: NlmStandIn, tmp_path: Path, monkeypatch: Patch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound but not listening: nobody else gets it, connections are refused.
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("APOTHECARY_NLM", f"http://{host}/eutils")
        clock = Clock()
        with pytest.raises(RunError) as caught:
            fetch(["1"], tmp_path, options=FetchOptions(rate=clock.rate()))
    use = f"files that are in {tmp_path} already can be used: apothecary extract {tmp_path}"
    assert str(caught.value) == f"cannot reach {host}: offline? ({use})"
    assert not clock.pauses


def test_a_service_that_goes_away_ends_the_command(tmp_path: Path, monkeypatch: Patch) -> None:
    with NlmStandIn(set(), {"PMC1", "PMC2"}) as server:
        monkeypatch.setenv("APOTHECARY_PMC", f"{server.url}/pmc")

        def leave(done: int, total: int) -> None:
            if done == 1:
                server.__exit__()

        with pytest.raises(RunError, match="any more .the same command goes on"):
            fetch(["PMC1", "PMC2"], tmp_path, options=FetchOptions(rate=Clock().rate()), on_progress=leave)
    assert names(tmp_path) == ["PMC1.json"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Canned(200, article_set(record("1"), doctype=ENTITIES)), "entities"),
        (Canned(200, article_set(record("1", "&b;"), doctype=ENTITIES)), "entities"),
        (Canned(200, article_set(record("1", "&unknown;"))), "entities"),
        (Canned(200, article_set(record("9"))), "record of another id, '9'"),
        (Canned(200, article_set(record(""))), "record of another id, ''"),
        (Canned(200, b"x" * 100, {"Content-Encoding": "gzip, gzip"}), "packed"),
        (Canned(200, BOMB, {"Content-Encoding": "gzip"}), "larger than 64 MiB"),
        (Canned(302, headers={"Location": "/elsewhere"}), "answered 302"),
        (Canned(403, HTML), "answered 403"),
    ],
)
def test_a_hostile_answer_for_a_pmid_is_an_error_of_that_id(
    answer: Canned, reason: str, nlm: NlmStandIn, tmp_path: Path
) -> None:
    nlm.canned = [answer]
    result = quickly("1", "PMC1", out=tmp_path)
    assert reason in result.failed["1"]
    assert result.fetched == ("PMC1",)
    assert len(nlm.seen) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "not BioC JSON"),
        (b'{"documents": [1, null]}', "not BioC JSON"),
        (b'[{"documents": {"id": "PMC1"}}, 3]', "not BioC JSON"),
        (b"[" * 100_000, "not whole JSON"),
        (bioc("PMC1").decode().encode("utf-16"), "not whole JSON"),
        (b"[Error] : Server is down", "not whole JSON"),
        (bioc("PMC2"), "record of another id, 'PMC2'"),
        (b'[{"documents": [{"id": "PMC1"}, {"id": ["PMC2"]}]}]', "record of another id"),
    ],
)
def test_a_hostile_answer_for_a_pmcid_is_an_error_of_that_id(
    body: bytes, reason: str, nlm: NlmStandIn, tmp_path: Path
) -> None:
    nlm.canned = [Canned(200, body)] * 5
    result = quickly("PMC1", out=tmp_path)
    assert reason in result.failed["PMC1"]
    assert names(tmp_path) == []


def test_records_beside_a_stray_one_are_kept(nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(200, article_set(record("1"), record("9")))]
    result = quickly("1", "2", out=tmp_path)
    assert (result.fetched, list(result.failed), result.missing) == (("1",), ["2"], ())


def test_the_article_may_have_its_number_alone_as_an_id(nlm: NlmStandIn, tmp_path: Path) -> None:
    nlm.canned = [Canned(200, bioc("1"))]
    assert quickly("PMC1", out=tmp_path).fetched == ("PMC1",)


def test_a_refused_key_ends_the_command_and_is_not_shown(
    nlm: NlmStandIn, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("NCBI_API_KEY", SECRET)
    nlm.canned = [Canned(400, b'{"error":"API key invalid","api-key":"%b"}' % SECRET.encode())]
    with pytest.raises(UsageError, match="NCBI_API_KEY: the key is refused") as caught:
        quickly("1", out=tmp_path)
    assert SECRET not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("address", ["ftp://host", "nowhere", "http://", "http://host:x", "file:///etc"])
def test_a_bad_address_is_one_error_that_does_not_show_it(
    address: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("APOTHECARY_PMC", address)
    with pytest.raises(UsageError, match="APOTHECARY_PMC: is not an http") as caught:
        quickly("PMC1", out=tmp_path / "new")
    assert address not in str(caught.value).removeprefix("APOTHECARY_PMC: is not an http")
    assert not os.path.exists(tmp_path / "new")
