"""Well-known ways to write a conversation, by name, for models that have none of their own.

Each is written here from the published form of its models. A model can learn in one only if its tokenizer has
the marks as single tokens: in pieces they are words like others, and nothing ends a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["CHAT_TEMPLATES", "ChatTemplate", "TemplateName"]

TemplateName = Literal["", "chatml", "llama3", "gemma", "mistral", "phi3", "zephyr", "eod"]
"""The names; "" is the model's own."""


@dataclass(frozen=True)
class ChatTemplate:
    """A template in the form of the transformers library, and the marks that must be tokens."""

    text: str
    marks: tuple[str, ...]


def _turns(turn: str, ask: str, begin: str = "", end: str = "") -> str:
    """`turn` for each message, where ``ROLE`` and ``TEXT`` stand for its own; `ask` before an answer."""
    body = turn.replace("ROLE", "{{ message['role'] }}").replace("TEXT", "{{ message['content'] | trim }}")
    loop = "{% for message in messages %}" + body + "{% endfor %}"
    return begin + loop + "{% if add_generation_prompt %}" + ask + "{% endif %}" + end


_USER_MODEL = "{{ 'model' if message['role'] == 'assistant' else 'user' }}"
CHAT_TEMPLATES: Mapping[str, ChatTemplate] = {
    # Qwen and SmolLM too; Qwen2.5 puts a system message of its own before it, which says who it is.
    "chatml": ChatTemplate(
        _turns("<|im_start|>ROLE\nTEXT<|im_end|>\n", "<|im_start|>assistant\n"),
        ("<|im_start|>", "<|im_end|>"),
    ),
    "llama3": ChatTemplate(
        _turns(
            "<|start_header_id|>ROLE<|end_header_id|>\n\nTEXT<|eot_id|>",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            begin="<|begin_of_text|>",
        ),
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    # It knows no system: what such a message says comes as the user's.
    "gemma": ChatTemplate(
        _turns(f"<start_of_turn>{_USER_MODEL}\nTEXT<end_of_turn>\n", "<start_of_turn>model\n", begin="<bos>"),
        ("<bos>", "<start_of_turn>", "<end_of_turn>"),
    ),
    "mistral": ChatTemplate(
        _turns(
            "{% if message['role'] == 'assistant' %} TEXT</s>{% else %}[INST] TEXT [/INST]{% endif %}",
            "",
            begin="<s>",
        ),
        ("<s>", "</s>"),
    ),
    "phi3": ChatTemplate(
        _turns("<|ROLE|>\nTEXT<|end|>\n", "<|assistant|>\n"), ("<|user|>", "<|assistant|>", "<|end|>")
    ),
    "zephyr": ChatTemplate(_turns("<|ROLE|>\nTEXT</s>\n", "<|assistant|>\n"), ("</s>",)),
    # Taiyi on Qwen-7B: one token begins, parts and ends all.
    "eod": ChatTemplate(
        _turns(
            "<|endoftext|>TEXT",
            "<|endoftext|>",
            end="{% if not add_generation_prompt %}<|endoftext|>{% endif %}",
        ),
        ("<|endoftext|>",),
    ),
}
