"""Engines give tokens the roles that training gave them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from apothecary import api
from apothecary.adapters.role_reader import RoleAdapters
from apothecary.align.roles import ROLES
from apothecary.errors import OffsetError, UsageError, WeightsError
from apothecary.messages import Message, RoleSpan
from apothecary.training.chat_data import Conversation, Template
from tests.engines.tiny_causal import tiny_causal
from tests.engines.tiny_roles import role_adapter

CONTENTS = ("Name the doses.", "Was zincol given for fever?", "[]", "mirazol for cough")
SPEAKERS = ("system", "user", "assistant", "user")
SPANS = (
    RoleSpan(1, 4, 10, "drug"),
    RoleSpan(1, 21, 26, "disease"),
    RoleSpan(3, 0, 7, "drug"),
    RoleSpan(3, 12, 17, "disease"),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerFast:
    found: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(base)
    return found


def rendered(contents: Sequence[str]) -> str:
    turns = zip(SPEAKERS, contents, strict=True)
    return "".join(f"<|{speaker}|>{content}<|end|>" for speaker, content in turns) + "<|assistant|>"


def test_roles_are_those_of_training(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = tuple(
        Message(speaker, content)  # type: ignore[arg-type]
        for speaker, content in zip(SPEAKERS, CONTENTS, strict=True)
    )
    learnt = Template(tokenizer, "tiny").roles(Conversation("1", messages, "[]", {}, SPANS), ROLES)
    assert RoleAdapters(ROLES).roles(tokenizer, rendered, CONTENTS, SPANS) == learnt
    assert set(learnt) == {0, 1, 2}


def test_a_prompt_without_spans_has_no_roles(tokenizer: PreTrainedTokenizerFast) -> None:
    assert RoleAdapters(ROLES).roles(tokenizer, rendered, CONTENTS, ()) == ()


def test_spans_that_are_none_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    reader = RoleAdapters(ROLES)
    with pytest.raises(OffsetError, match="lies outside"):
        reader.roles(tokenizer, rendered, CONTENTS, (RoleSpan(0, 2, 99, "drug"),))
    with pytest.raises(UsageError, match="no number"):
        reader.roles(tokenizer, rendered, CONTENTS, (RoleSpan(0, 0, 1, "sponsor"),))


def test_the_control_draws_for_each_text_what_it_drew_before(
    base: Path, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    reader = RoleAdapters(ROLES)
    folder = role_adapter(base, tmp_path / "random", variant="random")
    reader.adapted(LlamaForCausalLM.from_pretrained(base), folder)
    drawn = reader.roles(tokenizer, rendered, CONTENTS, SPANS)
    assert drawn == reader.roles(tokenizer, rendered, CONTENTS, ())
    assert len(drawn) == len(tokenizer.encode(rendered(CONTENTS), add_special_tokens=False))
    assert set(drawn) == {0, 1, 2}
    assert drawn != reader.roles(tokenizer, rendered, [*CONTENTS[:3], "mirazol for fevers"], ())


def test_a_folder_that_holds_nothing_of_the_kind_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no adapter"):
        RoleAdapters(ROLES).adapted(LlamaForCausalLM.from_pretrained(base), tmp_path)
    with pytest.raises(WeightsError, match="is not there"):
        RoleAdapters(ROLES).merged(base, LlamaForCausalLM.from_pretrained(base).dtype)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_run_asks_with_roles_as_the_adapter_says(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="the extra 'train' is not installed")
    model = shutil.copytree(base, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 400}))
    adapter = role_adapter(model, tmp_path / "adapter")
    asked = {"settings": {"conditions": {"prompt": "brief", "roles": "lemma"}}}
    (adapter / "asked.json").write_text(json.dumps(asked))
    row = {"id": "1", "title": "T.", "abstract": "mirazol 5 mg.", "drug": "mirazol", "disease": "fever"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))

    def reply(**given: str) -> str:
        engine, out = f"hf:{model}+{adapter}", tmp_path / f"out{len(given)}"
        options = api.ExtractOptions(cache=tmp_path / "replies", threads=1)
        done = api.extract(
            tmp_path / "rows.jsonl", "conditions", engine=engine, settings=given, out=out, options=options
        )
        assert done.documents == 1
        return (out / "predictions.jsonl").read_text() + (out / "errors.jsonl").read_text()

    assert reply() != reply(roles="off")


def test_a_run_that_needs_no_roles_needs_no_peft() -> None:
    code = "import sys, apothecary.runs.opening; sys.exit('peft' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
