"""What a user writes to train a pocket model: one TOML file, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from apothecary.errors import UsageError
from apothecary.formats.toml_settings import checked, toml_table

__all__ = ["HeadSettings", "PocketSettings", "Source", "read_settings"]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Source:
    """A file of annotated documents, or of drug-combination rows, and how its labels are called here.

    `corpus` names a reader for what is no plain document file (``drugcomb``, ``chemdisgene``). `part` takes
    one side of that reader's own split, or of a split of the file by the ids of its documents. `types` and
    `relations` map labels of the file to those of the head; labels that are not named are left out. An
    empty mapping keeps all under their own names.
    """

    path: str
    corpus: Literal["", "drugcomb", "chemdisgene"] = ""
    part: Literal["all", "train", "dev"] = "all"
    types: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadSettings:
    """One head: what it answers, and what it learns from.

    `kind`: ``spans`` tags `labels`; ``pairs`` gives `labels` to pairs of concepts; ``names`` says which
    two names are one concept; ``sets`` gives `labels` to sets of mentions (the first label: none).
    `steps` are those that the model then serves; none for a head that only helps the encoder to learn.
    `pair_types` are the types of first and second side; a pair of one type is taken once, in the order of
    the text. `directed` false counts a relation whichever way round the file has it. `weight` scales the
    loss, `judge` the share in the figure that chooses the epoch. `aliases` are further names for labels.
    """

    name: str
    kind: Literal["spans", "pairs", "names", "sets"]
    labels: tuple[str, ...]
    train: tuple[Source, ...]
    dev: tuple[Source, ...] = ()
    steps: tuple[str, ...] = ()
    pair_types: tuple[tuple[str, str], ...] = ()
    directed: bool = True
    weight: float = 1.0
    judge: float = 1.0
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PocketSettings:
    """One encoder with its heads, and how it is trained.

    `keep_out` names documents that are left out of training though no head is judged by them: development
    parts of a later training that starts from this one. `encoder` is a name of `apothecary models list`
    or a folder with config.json, tokenizer.json and safetensors; `start` is the folder of an earlier
    training, whose encoder, and heads of the same name and form, are then trained further: an encoder
    that knows mentions learns relations from fewer abstracts. `window` and `overlap` are in tokens,
    `batch_tokens` bounds the padded tokens that are worked on at once, and `accumulate` such batches make
    one step (a batch holds texts of like length, hence mostly of one task). `patience` is how many epochs
    without a better development figure end the training. `average` is the decay of the running mean of
    the weights that is evaluated and kept (0: the last weights). `word_dropout` is the share of words
    that are hidden from the encoder in training: what a name is must then be read off what stands around
    it. `frozen` trains the heads alone, on states that are computed once: many epochs in little time,
    after a training of the whole.
    """

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
    head: tuple[HeadSettings, ...]
    encoder: str = "minilm-l6"
    start: str = ""
    held_out: str = ""
    keep_out: tuple[Source, ...] = ()
    seed: int = 13
    epochs: Count = 8
    patience: Count = 3
    learning_rate: Rate = 5e-4
    head_learning_rate: Rate = 1e-3
    warm_up: Share = 0.08
    weight_decay: Share = 0.01
    batch_tokens: Count = 4096
    accumulate: Count = 1
    window: Count = 382
    overlap: Annotated[int, Field(ge=0)] = 64
    average: Share = 0.99
    tag_dropout: Share = 0.1
    word_dropout: Share = 0.0
    frozen: bool = False


_ADAPTER = TypeAdapter(PocketSettings)


def read_settings(path: Path) -> PocketSettings:
    """Read and check a configuration. Raises UsageError, FormatError."""
    return check_settings(toml_table(path), str(path))


def check_settings(table: Mapping[str, object], where: str) -> PocketSettings:
    """Settings from plain values. Raises UsageError that names the key."""
    settings = checked(_ADAPTER, table, where)
    names = [head.name for head in settings.head]
    for name in names:
        if names.count(name) > 1 or not name.isidentifier():
            raise UsageError(f"head '{name}' is named twice, or not by a plain word", where=where)
    if not settings.head:
        raise UsageError("has no [[head]]", where=where)
    return settings
