"""The page on role-conditioned LoRA is true: its example runs."""

import re
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from apothecary.adapters.role_batch import Answer
from tests.engines.tiny_causal import tiny_causal

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "role-conditioned-lora.md"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    source = tiny_causal(tmp_path / "model")
    names: dict[str, object] = {
        "torch": torch,
        "base": LlamaForCausalLM.from_pretrained(source),
        "fresh_base": LlamaForCausalLM.from_pretrained(source),
        "tokenizer": PreTrainedTokenizerFast.from_pretrained(source),
        "folder": tmp_path / "adapter",
    }
    exec(example, names)  # noqa: S102 - the page is ours
    answers = names["answers"]
    assert isinstance(answers, list)
    assert [type(each) for each in answers] == [Answer]
