"""An untrained llama of a few kilobytes with a byte-level tokenizer and a chat template, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    import torch

__all__ = ["CONTEXT", "Library", "tiny_adapter", "tiny_causal"]

CONTEXT = 256
MARKS = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SENTENCES = ["Aspirin caused asthma in ten patients, not in others.", "yes yes yesterday yesterday no none"]


def tiny_causal(folder: Path, *, seed: int = 0, layers: int = 2, template: str | None = TEMPLATE) -> Path:
    """Write config, weights and tokenizer; equal seeds give equal weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=MARKS, initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token=MARKS[0]
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        # More scores than tokens, as many models have.
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


class Library:
    """The model as transformers itself runs it, one prompt at a time."""

    def __init__(self, model: torch.nn.Module, folder: Path) -> None:
        self.model = model
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def prompt(self, text: str) -> list[int]:
        return self.tokens(f"<|user|>{text}<|end|><|assistant|>")

    def tokens(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text).ids)

    def logprobs(self, tokens: list[int]) -> torch.Tensor:
        import torch

        with torch.inference_mode():
            scores: torch.Tensor = self.model(torch.tensor([tokens])).logits[0]
        return scores.log_softmax(-1)

    def begun(self, text: str, options: Sequence[str]) -> dict[str, float]:
        scores = self.logprobs(self.prompt(text))[-1]
        return {option: scores[self.tokens(option)[0]].item() for option in options}


def tiny_adapter(base: Path, folder: Path) -> Path:
    """Write a random low-rank adapter of the model in `base`."""
    import peft
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(3)
    targets = ["q_proj", "down_proj"]
    config = peft.LoraConfig(r=2, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(LlamaForCausalLM.from_pretrained(base), config).save_pretrained(str(folder))
    return folder
