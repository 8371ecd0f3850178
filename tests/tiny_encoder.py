"""A tokenizer and an untrained encoder of a few kilobytes, for tests."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

__all__ = ["tiny_encoder", "tiny_tokenizer"]

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = ["aspirin", "asthma", "caused", "the", "induced", "lith", "##ium", "tremor", "drug", "patients"]


def tiny_tokenizer(folder: Path) -> Path:
    """Write ``tokenizer.json``: a few words, and letters for all others."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "-", ".", ",", "(", ")"]
    vocabulary = [*marks, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token=marks[1]))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def tiny_encoder(folder: Path) -> Path:
    """Write an untrained encoder of two layers and 24 numbers a token, with its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    tiny_tokenizer(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder
