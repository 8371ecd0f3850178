"""Causal language models of transformers, on a tiny random one written at test time."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra 'train' is not installed")
pytest.importorskip("llguidance", reason="the extra 'train' is not installed")

from transformers import LlamaForCausalLM

from apothecary.engines.cache import reply_key
from apothecary.engines.hf import HfOptions, HuggingFace, open_hf
from apothecary.errors import EngineError, ModelMissing, WeightsError
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
from tests.engines.tiny_causal import CONTEXT, Library, tiny_adapter, tiny_causal

DRUGS = {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2}
FIELDS = {"drugs": DRUGS, "found": {"type": "boolean"}}
CLOSED = {"type": "object", "required": list(FIELDS), "additionalProperties": False}
SCHEMA = json.dumps({"properties": FIELDS, **CLOSED})
OPTIONS = ("1", "2", "~")
ALIKE = ("yes", "yesterday", "no")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[HuggingFace]:
    opened = open_hf(str(folder), name="hf:tiny", options=HfOptions(threads=1, batch=4))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def library(folder: Path) -> Library:
    return Library(LlamaForCausalLM.from_pretrained(folder), folder)


def request(text: str, constraint: Constraint | None = None, *, tokens: int = 12) -> Request:
    wants = isinstance(constraint, Choices)
    return Request((Message("user", text),), "t.s", None, constraint, Decoding(tokens), wants)


def ask(engine: HuggingFace, asked: Request) -> Outcome:
    (outcome,) = engine.answer([asked])
    return outcome


def reply(outcome: Outcome) -> Reply:
    assert isinstance(outcome, Reply), outcome
    return outcome


def logprobs(outcome: Outcome) -> dict[str, float]:
    found = reply(outcome).logprobs
    assert found is not None
    return dict(found)


def same(first: Outcome, second: Outcome) -> bool:
    one, other = reply(first), reply(second)
    near = dict(one.logprobs or {}) == pytest.approx(dict(other.logprobs or {}), abs=1e-4)
    return near and (one.text, one.finish) == (other.text, other.finish)


readable = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
constraints = st.sampled_from([None, None, JsonSchema(SCHEMA), Choices(OPTIONS), Choices(ALIKE)])
requests = st.builds(request, readable, constraints, tokens=st.integers(1, 20))


@settings(deadline=None, max_examples=10)
@given(st.lists(requests, min_size=2, max_size=7), st.sampled_from([0.0, 0.7]), st.integers(0, 99))
def test_a_reply_does_not_hang_on_the_others(
    engine: HuggingFace, group: list[Request], temperature: float, seed: int
) -> None:
    asked = [
        replace(one, decoding=replace(one.decoding, temperature=temperature, seed=seed)) for one in group
    ]
    together = engine.answer(asked)
    alone = [ask(engine, one) for one in asked]
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))


def test_greedy_replies_are_those_of_the_library(engine: HuggingFace, library: Library) -> None:
    texts = ["one", "Aspirin caused asthma in ten patients.", "x" * 50]
    for text, outcome in zip(texts, engine.answer([request(text) for text in texts]), strict=True):
        tokens = library.prompt(text)
        start = len(tokens)
        while len(tokens) < start + 12 and (new := int(library.logprobs(tokens)[-1].argmax())) != 0:
            tokens.append(new)
        assert reply(outcome).text == library.tokenizer.decode(tokens[start:])


def test_log_probabilities_are_over_all_tokens(engine: HuggingFace, library: Library) -> None:
    found = logprobs(ask(engine, request("?", Choices(OPTIONS))))
    assert found == pytest.approx(library.begun("?", OPTIONS), abs=1e-4)


def test_options_that_begin_alike_are_scored_to_their_end(engine: HuggingFace, library: Library) -> None:
    prompt = library.prompt("?")
    for option, value in logprobs(ask(engine, request("?", Choices(("10", "11"))))).items():
        own = library.tokens(option)
        scores = library.logprobs(prompt + own)[len(prompt) - 1 :]
        assert value == pytest.approx(sum(scores[i, own[i]].item() for i in range(len(own))), abs=1e-4)


def test_an_option_that_another_continues_excludes_it(engine: HuggingFace) -> None:
    alone = logprobs(ask(engine, request("?", Choices(("yes", "no")))))
    both = logprobs(ask(engine, request("?", Choices(ALIKE))))
    assert both["yes"] < alone["yes"] + 1e-4
    assert both["yesterday"] < alone["yes"]


def test_the_likeliest_option_is_answered(engine: HuggingFace) -> None:
    answers = engine.answer([request(f"question {number}", Choices(OPTIONS)) for number in range(9)])
    for answer in answers:
        found = logprobs(answer)
        assert reply(answer).text == max(found, key=lambda option: found[option])
    assert len({reply(answer).text for answer in answers}) > 1


def test_no_log_probabilities_come_unasked(engine: HuggingFace) -> None:
    assert reply(ask(engine, replace(request("?", Choices(OPTIONS)), want_logprobs=False))).logprobs is None


def test_log_probabilities_do_not_hang_on_the_order_of_options(engine: HuggingFace) -> None:
    for options in (OPTIONS, ALIKE):
        first, other = (ask(engine, request("?", Choices(order))) for order in (options, options[::-1]))
        assert logprobs(first) == pytest.approx(logprobs(other), abs=1e-4)


@pytest.mark.parametrize("option", ['"', "\\", "a\nb", "\x7f\t", "é", "😀", "\u2028", " yes", "<|end|>"])
def test_an_option_with_odd_letters_is_answered_as_it_is(engine: HuggingFace, option: str) -> None:
    assert reply(ask(engine, request("?", Choices((option, "é!", "😁"))))).text in (option, "é!", "😁")
    assert reply(ask(engine, request("?", Choices((option,))))).text == option


@pytest.mark.parametrize("options", [(), ("",), ("a", ""), ("\ud800",)])
def test_options_that_are_none_are_a_failure(engine: HuggingFace, options: tuple[str, ...]) -> None:
    outcome = ask(engine, request("?", Choices(options)))
    assert isinstance(outcome, Failure)
    assert "option" in outcome.message


def test_what_choices_share_is_read_once(engine: HuggingFace) -> None:
    text = "Aspirin was given to forty patients. " * 3
    asked = [
        request(text + end, Choices(OPTIONS)) for end in ("One?", "Is it two?", "Three, or more?", "4", "5")
    ]
    together = engine.answer(asked)
    cached = [reply(outcome).usage.cached_tokens for outcome in together]
    assert sorted(cached)[:2] == [0, max(cached)]
    assert max(cached) > 60
    assert all(same(one, ask(engine, other)) for one, other in zip(together, asked, strict=True))


LEAVES: list[dict[str, object]] = [
    {"type": "boolean"},
    {"type": "integer", "minimum": -3, "maximum": 40},
    {"enum": ["a b", "é", None, 7]},
    {"type": "string", "maxLength": 3},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]$"},
]
LISTS = [{"type": "array", "items": leaf, "maxItems": 2} for leaf in LEAVES]
schemas = st.sampled_from(
    [*LEAVES, *LISTS, {"properties": dict(zip("abcde", LISTS, strict=True)), "type": "object"}]
)


@settings(deadline=None, max_examples=10)
@given(st.lists(schemas, min_size=1, max_size=4), st.sampled_from([0.0, 1.5]))
def test_a_reply_follows_its_schema_with_the_usual_blanks_alone(
    engine: HuggingFace, group: list[dict[str, object]], temperature: float
) -> None:
    texts = [json.dumps(schema) for schema in group]
    decoding = Decoding(60, temperature, seed=1)
    asked = [replace(request("?", JsonSchema(text)), decoding=decoding) for text in texts]
    for schema, outcome in zip(group, engine.answer(asked), strict=True):
        answer = reply(outcome)
        if answer.finish == "stop":
            jsonschema.validate(json.loads(answer.text), schema)
            bare = re.sub(r'"[^"]*"', "", answer.text.replace('\\"', ""))
            assert not re.search(r"\s", re.sub("[,:] ", "", bare))
        else:
            assert answer.usage.completion_tokens == 60


@pytest.mark.parametrize(
    "schema",
    ['{"type": "nothing"}', "true", "nonsense", "[" * 100_000, '{"not": {}}', '{"$ref": "http://a/b"}'],
)
def test_a_schema_that_cannot_be_held_is_a_failure_of_its_own(engine: HuggingFace, schema: str) -> None:
    outcomes = engine.answer([request("?", JsonSchema(schema)), request("fine", JsonSchema(SCHEMA))])
    assert [type(outcome) for outcome in outcomes] == [Failure, Reply]


def test_a_grammar_is_respected(engine: HuggingFace) -> None:
    answer = reply(ask(engine, request("?", Grammar('root ::= "ab" [0-9] [x-z]* "."'), tokens=100)))
    assert re.fullmatch(r"ab[0-9][x-z]*\.", answer.text)
    outcome = ask(engine, request("?", Grammar("root ::= nowhere")))
    assert isinstance(outcome, Failure)
    assert "grammar" in outcome.message


def test_a_stop_string_ends_a_reply_before_it(engine: HuggingFace) -> None:
    grammar = Grammar('root ::= "one two three"')
    asked = replace(request("?", grammar), decoding=Decoding(30, stop=("never", "tw")))
    answer = reply(ask(engine, asked))
    assert (answer.text, answer.finish) == ("one ", "stop")


def test_a_schema_cut_by_a_stop_string_is_a_failure(engine: HuggingFace) -> None:
    asked = request("?", JsonSchema(SCHEMA))
    assert isinstance(ask(engine, replace(asked, decoding=Decoding(100, stop=(":",)))), Failure)


def test_a_last_message_of_the_assistant_is_gone_on_with(engine: HuggingFace) -> None:
    plain = request("?")
    begun = replace(plain, messages=(*plain.messages, Message("assistant", "It is")))
    answer = reply(ask(engine, begun))
    assert answer.text.startswith("It is")
    more = answer.usage.prompt_tokens - reply(ask(engine, plain)).usage.prompt_tokens
    assert 0 < more <= len("It is")


def test_a_prompt_that_does_not_fit_fails_with_both_numbers(engine: HuggingFace) -> None:
    outcomes = engine.answer([request("x" * 2 * CONTEXT), request("short", tokens=3)])
    assert isinstance(outcomes[0], Failure)
    assert outcomes[0].kind == "ContextOverflow"
    needed, held = (int(number) for number in re.findall(r"\d+", outcomes[0].message))
    assert needed > 2 * CONTEXT > held == CONTEXT
    assert isinstance(outcomes[1], Reply)


def test_a_reply_ends_where_the_context_does(folder: Path) -> None:
    opened = open_hf(str(folder), name="tiny", options=HfOptions(threads=1, context=20))
    answer = reply(ask(opened, request("x" * 9, JsonSchema('{"type": "string"}'), tokens=100)))
    assert answer.finish == "length"
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == 20


def test_a_lone_surrogate_is_a_failure_that_does_not_quote_it(engine: HuggingFace) -> None:
    outcomes = engine.answer([request("Zzyzx " * 20 + "\ud800"), request("fine", tokens=3)])
    assert isinstance(outcomes[0], Failure)
    assert "Zzyzx" not in outcomes[0].message
    assert isinstance(outcomes[1], Reply)


def test_every_outcome_is_told_once_and_batch_by_batch(engine: HuggingFace) -> None:
    told: list[tuple[int, Outcome]] = []
    kinds = (None, Choices(OPTIONS))
    asked = [request("x" * 9 * number, kind) for number in range(3) for kind in kinds]
    asked.insert(3, request("?", JsonSchema("nonsense")))
    outcomes = engine.answer(asked, lambda place, outcome: told.append((place, outcome)))
    assert sorted(place for place, _ in told) == list(range(7))
    assert all(outcomes[place] is outcome for place, outcome in told)
    assert engine.answer([]) == []


def test_sampling_follows_the_seed(folder: Path, engine: HuggingFace) -> None:
    def text(opened: HuggingFace, seed: int) -> str:
        asked = replace(request("?"), decoding=Decoding(12, 1.0, seed))
        return reply(ask(opened, asked)).text

    assert text(engine, 1) == text(engine, 1) != text(engine, 2)
    assert text(open_hf(str(folder), name="tiny", options=HfOptions(threads=1, seed=1)), 1) == text(engine, 2)


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = open_hf(str(folder), name="tiny", options=HfOptions(threads=1))
    opened.answer([request("a", JsonSchema(SCHEMA)), request("a", Choices(ALIKE)), request("x" * 999)])
    opened.close()
    assert capfd.readouterr() == ("", "")


def test_a_closed_engine_says_so_and_closing_again_is_harmless(folder: Path) -> None:
    opened = open_hf(str(folder), name="tiny", options=HfOptions(threads=1))
    opened.close()
    opened.close()
    with pytest.raises(EngineError, match="tiny: the engine is closed"):
        ask(opened, request("?"))


def test_the_digest_follows_weights_template_and_context(folder: Path, tmp_path: Path) -> None:
    def key(given: Path, context: int = CONTEXT) -> str:
        return reply_key(open_hf(str(given), name="tiny", options=HfOptions(1, context)).info, request("?"))

    other = tiny_causal(tmp_path / "other", seed=1)
    templated = shutil.copytree(folder, tmp_path / "templated")
    (templated / "chat_template.jinja").write_text("{{ messages }}")
    keys = [key(folder), key(folder, 99), key(other), key(templated)]
    assert len(set(keys)) == 4
    assert key(folder) == keys[0]


BROKEN: list[tuple[str, str | dict[str, object] | None, str]] = [
    ("model.safetensors", None, "holds no model"),
    ("config.json", None, "holds no model"),
    ("chat_template.jinja", None, "has no chat template"),
    ("model.safetensors", "nothing", "does not load"),
    ("config.json", "[1]", "does not load"),
    ("tokenizer.json", "{", "does not load"),
    ("config.json", {"model_type": "unheard-of"}, "does not load"),
    ("config.json", {"model_type": "x", "auto_map": {"AutoConfig": "x.Y"}}, "does not load"),
    ("config.json", {"num_hidden_layers": 3}, "lacks 9 tensors"),
    ("config.json", {"hidden_size": 64}, "other sizes than config.json says"),
    ("config.json", {"hidden_size": 0}, "does not load"),
    ("config.json", {"num_hidden_layers": "two"}, "does not load"),
    ("adapter_config.json", "{}", "is an adapter"),
]


@pytest.mark.parametrize(("name", "new", "message"), BROKEN)
def test_a_broken_folder_is_one_clear_error(
    folder: Path, tmp_path: Path, name: str, new: str | dict[str, object] | None, message: str
) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    if isinstance(new, dict):
        new = json.dumps({**json.loads((broken / name).read_text()), **new})
    (broken / name).unlink(missing_ok=True)
    if new is not None:
        (broken / name).write_text(new)
    with pytest.raises(WeightsError, match=message) as caught:
        open_hf(str(broken), name="broken")
    assert caught.value.where == str(broken)


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing", "nobody-at-all/nothing"])
def test_a_model_that_is_nowhere_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelMissing, match="give a folder") as caught:
        open_hf(name, name=name)
    assert caught.value.where == name


def test_a_model_in_the_cache_of_the_hub_needs_no_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--someone--tiny"
    shutil.copytree(folder, cached / "snapshots" / ("0" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0" * 40)
    assert reply(
        ask(open_hf("someone/tiny", name="hf:someone/tiny", options=HfOptions(threads=1)), request("?"))
    ).text


def test_a_missing_adapter_is_one_clear_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no such adapter"):
        open_hf(str(folder), name="tiny", adapter=tmp_path / "none")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_changes_replies_as_the_library_does(folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="the extra 'train' is not installed")
    adapter = tiny_adapter(folder, tmp_path / "adapter")
    opened = open_hf(str(folder), name="tiny+adapter", adapter=adapter, options=HfOptions(threads=1))
    plain = open_hf(str(folder), name="tiny", options=HfOptions(threads=1))
    assert opened.info.adapter_digest
    assert opened.info.digest == plain.info.digest
    adapted = Library(
        peft.PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(folder), adapter), folder
    )
    found = logprobs(ask(opened, request("?", Choices(OPTIONS))))
    assert found == pytest.approx(adapted.begun("?", OPTIONS), abs=1e-3)
    assert found != pytest.approx(logprobs(ask(plain, request("?", Choices(OPTIONS)))), abs=1e-2)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("layers", [1, 3])
def test_an_adapter_of_another_model_does_not_fit(folder: Path, tmp_path: Path, layers: int) -> None:
    pytest.importorskip("peft", reason="the extra 'train' is not installed")
    other = tiny_causal(tmp_path / "other", layers=layers)
    adapter = tiny_adapter(other, tmp_path / "adapter")
    with pytest.raises(EngineError, match="the adapter does not fit the model"):
        open_hf(str(folder), name="tiny", adapter=adapter)
