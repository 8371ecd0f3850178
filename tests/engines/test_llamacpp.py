"""llama.cpp in this process, on a tiny random model written at test time."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apothecary.engines.cache import reply_key
from apothecary.engines.llamacpp import LlamaCpp, open_llamacpp
from apothecary.engines.weights import ModelFile
from apothecary.errors import EngineError
from apothecary.messages import (
    Choices,
    Constraint,
    Decoding,
    Failure,
    Grammar,
    JsonSchema,
    Message,
    Outcome,
    Reply,
    Request,
)
from apothecary.networks.description import file_digest
from tests.engines.tiny_gguf import CONTEXT, write_tiny_gguf

pytest.importorskip("xllamacpp", reason="the extra 'cpu' is not installed")

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "drugs": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2},
            "found": {"type": "boolean"},
        },
        "required": ["drugs", "found"],
        "additionalProperties": False,
    }
)
OPTIONS = ("1", "2", "~")
OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from apothecary.engines.llamacpp import open_llamacpp
from apothecary.engines.weights import ModelFile
for _ in range(30):
    open_llamacpp(ModelFile(Path(sys.argv[1]), "d"), name="tiny", threads=1, context=512).close()
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = write_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")
    return ModelFile(path, file_digest(path))


@pytest.fixture(scope="module")
def engine(model: ModelFile) -> Iterator[LlamaCpp]:
    opened = open_llamacpp(model, name="llamacpp:tiny.gguf", threads=1, context=CONTEXT)
    yield opened
    opened.close()


def request(
    text: str, constraint: Constraint | None = None, *, tokens: int = 40, want_logprobs: bool = False
) -> Request:
    return Request((Message("user", text),), "t.s", None, constraint, Decoding(tokens), want_logprobs)


def ask(engine: LlamaCpp, text: str, constraint: Constraint | None = None, *, tokens: int = 40) -> Outcome:
    (outcome,) = engine.answer([request(text, constraint, tokens=tokens)])
    return outcome


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


def choose(engine: LlamaCpp, text: str, options: tuple[str, ...]) -> Reply:
    (outcome,) = engine.answer([request(text, Choices(options), want_logprobs=True)])
    return reply(outcome)


readable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(deadline=None, max_examples=25)
@given(readable, st.lists(readable.filter(bool), min_size=1, max_size=4, unique=True))
@example("?", ["\u7000", "\U00010000"])
def test_a_choice_is_one_of_its_options_or_a_failure(engine: LlamaCpp, text: str, options: list[str]) -> None:
    outcome = ask(engine, text, Choices(tuple(options)), tokens=200)
    assert isinstance(outcome, Failure) or outcome.text in options
    if all(option.isascii() for option in options):
        assert isinstance(outcome, Reply)


@pytest.mark.parametrize("option", ['"', "\\", "\\n", "a\nb", "\b\x7f\t", "é", "😀", "\u2028", "[x]"])
def test_an_option_with_odd_letters_is_answered_as_it_is(engine: LlamaCpp, option: str) -> None:
    assert reply(ask(engine, "?", Choices((option,)))).text == option


@settings(deadline=None, max_examples=25)
@given(readable)
def test_log_probabilities_of_all_options_are_told_before_the_constraint(engine: LlamaCpp, text: str) -> None:
    logprobs = choose(engine, text, OPTIONS).logprobs
    assert logprobs is not None
    assert tuple(logprobs) == OPTIONS
    assert all(-100 < value < 0 for value in logprobs.values())


def test_log_probabilities_do_not_hang_on_the_order_of_options(engine: LlamaCpp) -> None:
    orders = [OPTIONS, OPTIONS[::-1], ("2", "~", "1")]
    first, *others = [choose(engine, "Does A cause B?", order).logprobs for order in orders]
    assert first is not None
    assert all(other == pytest.approx(first) for other in others)


def test_the_likeliest_option_is_answered(engine: LlamaCpp) -> None:
    for number in range(10):
        answer = choose(engine, f"question {number}", OPTIONS)
        assert answer.logprobs is not None
        assert answer.text == max(answer.logprobs, key=lambda option: (answer.logprobs or {})[option])


def test_no_log_probabilities_come_unasked(engine: LlamaCpp) -> None:
    assert reply(ask(engine, "?", Choices(OPTIONS))).logprobs is None


@pytest.mark.parametrize("number", range(8))
def test_a_reply_follows_its_schema_with_the_usual_blanks_alone(engine: LlamaCpp, number: int) -> None:
    answer = reply(ask(engine, f"text {number}", JsonSchema(SCHEMA), tokens=100))
    assert answer.finish == "stop"
    value = json.loads(answer.text)
    jsonschema.validate(value, json.loads(SCHEMA))
    bare = re.sub(r'"(\\.|[^"\\])*"', "", answer.text)
    assert not re.search(r"\s|[,:]$", re.sub("[,:] ", "", bare))


@pytest.mark.parametrize("schema", ['{"type": "nothing"}', "true", "nonsense", "[" * 100_000])
def test_a_schema_that_cannot_be_held_is_a_failure(engine: LlamaCpp, schema: str) -> None:
    assert isinstance(ask(engine, "?", JsonSchema(schema)), Failure)


def test_a_grammar_is_respected(engine: LlamaCpp) -> None:
    answer = reply(ask(engine, "?", Grammar('root ::= "ab" [0-9] [x-z]* "."'), tokens=200))
    assert re.fullmatch(r"ab[0-9][x-z]*(\.|$)", answer.text)


def test_a_faulty_grammar_is_a_failure(engine: LlamaCpp) -> None:
    outcome = ask(engine, "?", Grammar("root ::= nowhere"))
    assert isinstance(outcome, Failure)
    assert "grammar" in outcome.message


def test_a_shared_beginning_is_read_once(engine: LlamaCpp) -> None:
    text = "Aspirin was given to forty patients. "
    first, second = engine.answer([request(text + "One?", tokens=2), request(text + "Two?", tokens=2)])
    usage = reply(second).usage
    assert len(text) < usage.cached_tokens < usage.prompt_tokens
    assert usage.seconds > 0
    assert reply(first).usage.completion_tokens == 2


def test_a_prompt_that_does_not_fit_fails_with_both_numbers(engine: LlamaCpp) -> None:
    outcomes = engine.answer([request("x" * 2 * CONTEXT), request("short", tokens=3)])
    assert isinstance(outcomes[0], Failure)
    assert outcomes[0].kind == "ContextOverflow"
    needed, held = (int(number) for number in re.findall(r"\d+", outcomes[0].message))
    assert needed > 2 * CONTEXT > held == CONTEXT
    assert isinstance(outcomes[1], Reply)


def test_a_lone_surrogate_is_a_failure_of_its_own(engine: LlamaCpp) -> None:
    outcomes = engine.answer([request("a\ud800b"), request("fine", tokens=3)])
    assert [type(outcome) for outcome in outcomes] == [Failure, Reply]


def test_a_failure_does_not_quote_the_prompt(engine: LlamaCpp) -> None:
    outcome = ask(engine, "Zzyzx " * 20 + "\ud800")
    assert isinstance(outcome, Failure)
    assert "Zzyzx" not in outcome.message


def test_a_reply_that_is_cut_off_says_so(engine: LlamaCpp) -> None:
    answer = reply(ask(engine, "?", Grammar("root ::= [a-z]{50}"), tokens=5))
    assert (answer.finish, answer.usage.completion_tokens) == ("length", 5)


def test_the_same_question_has_the_same_answer(engine: LlamaCpp) -> None:
    first = reply(ask(engine, "again?"))
    ask(engine, "something else")
    assert reply(ask(engine, "again?")).text == first.text


def test_several_threads_get_the_replies_of_one(engine: LlamaCpp, model: ModelFile) -> None:
    questions = [request(f"{number} is a question", Choices(OPTIONS)) for number in range(24)]
    wanted = [reply(outcome).text for outcome in engine.answer(questions)]
    assert len(set(wanted)) > 1
    parallel = open_llamacpp(model, name="tiny", threads=1, context=CONTEXT, slots=2)
    found: dict[int, Sequence[Outcome]] = {}

    def work(start: int) -> None:
        found[start] = parallel.answer(questions[start : start + 6])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 24, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parallel.close()
    assert [reply(outcome).text for start in sorted(found) for outcome in found[start]] == wanted


def test_nothing_is_printed(model: ModelFile, capfd: pytest.CaptureFixture[str]) -> None:
    opened = open_llamacpp(model, name="tiny", threads=1, context=CONTEXT)
    ask(opened, "hello", JsonSchema(SCHEMA))
    choose(opened, "hello", OPTIONS)
    ask(opened, "x" * 2 * CONTEXT)
    opened.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="listening ports are read from /proc")
def test_the_port_of_the_wheel_answers_nobody_else(engine: LlamaCpp) -> None:
    assert reply(ask(engine, "?", tokens=1))
    ports = own_ports()
    assert ports
    for port in ports:
        for page in ("slots", "props", "v1/models"):
            with pytest.raises(HTTPError, match="401"):
                urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5)


def own_ports() -> list[int]:
    """The loopback ports on which this process listens."""
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    sockets = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in sockets]


def test_a_file_that_is_no_model_is_one_clear_error(tmp_path: Path, model: ModelFile) -> None:
    path = tmp_path / "not.gguf"
    path.write_bytes(b"this is no model")
    with pytest.raises(EngineError, match="does not load as a GGUF model") as caught:
        open_llamacpp(ModelFile(path, "d"), name="not")
    assert caught.value.where == str(path)
    with pytest.raises(EngineError, match=f"does not load with the adapter {path}"):
        open_llamacpp(model, name="tiny", context=CONTEXT, adapter=path)


def test_a_missing_adapter_is_one_clear_error(tmp_path: Path, model: ModelFile) -> None:
    with pytest.raises(EngineError, match="there is no such adapter"):
        open_llamacpp(model, name="tiny", adapter=tmp_path / "none.gguf")


def test_a_closed_engine_says_so_and_closing_again_is_harmless(model: ModelFile) -> None:
    opened = open_llamacpp(model, name="tiny", threads=1, context=CONTEXT)
    opened.close()
    opened.close()
    with pytest.raises(EngineError, match="tiny: the engine is closed"):
        ask(opened, "?")


def test_opening_and_closing_at_once_does_not_hang(model: ModelFile) -> None:
    command = [sys.executable, "-c", OPEN_AND_CLOSE, str(model.path)]
    assert subprocess.run(command, timeout=100, check=False).returncode == 0


def test_the_digest_follows_weights_and_context(model: ModelFile) -> None:
    def opened(given: ModelFile, context: int) -> str:
        engine = open_llamacpp(given, name="tiny", threads=1, context=context)
        engine.close()
        return reply_key(engine.info, request("?"))

    keys = [opened(model, CONTEXT), opened(model, 256), opened(ModelFile(model.path, "other"), CONTEXT)]
    assert len(set(keys)) == 3
    assert opened(model, CONTEXT) == keys[0]
