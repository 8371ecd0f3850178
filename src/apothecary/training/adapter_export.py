"""An adapter in another form: in the weights of its model, as GGUF, in one with others, without its roles."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from apothecary.engines.hf_weights import CHAT_TEMPLATE
from apothecary.engines.tuned import ASKED, read_asked
from apothecary.errors import UsageError
from apothecary.training import adapter_files, role_adapters
from apothecary.training.adapter_files import AdapterFile, read_adapter, write_adapter
from apothecary.training.adapter_form import AdapterForm
from apothecary.training.adapter_sums import averaged, reduced, summed
from apothecary.training.gguf_lora import engine_with, write_gguf_lora

__all__ = ["export_adapter", "merge_adapter"]

_HALF = "only GGUF is written in float16"


def merge_adapter(adapter: Path, out: Path, model: str | None, *, biases: bool = True) -> str:
    """Write the whole model with an adapter in its weights, and name its ENGINE; roles stay, as tables.

    How the adapter wants to be asked (`engines.tuned`) and its chat template are copied. `biases` False is
    for an adapter with roles alone (`role_adapters.merge_role_adapter`). Raises ApothecaryError.
    """
    if role_adapters.has_roles(adapter):
        base = _base(role_adapters.base_of(adapter), adapter, model)
        role_adapters.merge_role_adapter(base, adapter, out, biases=biases)
    elif not biases:
        raise UsageError(
            "has no roles, so it makes no biases", where=str(adapter), hint="leave out --no-biases"
        )
    else:
        adapter_files.merge_adapter(_base(read_adapter(adapter).base, adapter, model), adapter, out)
    _copy_beside(adapter, out)
    return f"hf:{out}"


def _copy_beside(adapter: Path, out: Path, *, roles: bool = True) -> None:
    """What lies beside an adapter, beside its other form; a plain LoRA has no use for roles."""
    if out.suffix != ".gguf" and (adapter / CHAT_TEMPLATE).is_file():
        shutil.copyfile(adapter / CHAT_TEMPLATE, out / CHAT_TEMPLATE)
    if not (adapter / ASKED).is_file():
        return
    told = asdict(read_asked(adapter))
    if not roles:
        for settings in told["settings"].values():
            settings.pop("roles", None)
    place = out.with_name(f"{out.stem}.{ASKED}") if out.suffix == ".gguf" else out / ASKED
    text = json.dumps({name: each for name, each in told.items() if each is not None}, indent=1)
    place.write_text(text + "\n", encoding="utf-8")


def export_adapter(adapter: Path, out: Path, model: str | None, form: AdapterForm) -> str:
    """Write an adapter as `form` says and name the ENGINE that runs it. Raises ApothecaryError.

    How a single adapter wants to be asked is copied, and its chat template (GGUF has no place for one).
    """
    if form.drop_roles:
        return _without_roles(adapter, out, model, form)
    found, name = _formed([read_adapter(each) for each in (adapter, *form.add)], form), str(adapter)
    base = _base(found.base, adapter, model)
    if out.suffix == ".gguf":
        out.parent.mkdir(parents=True, exist_ok=True)
        write_gguf_lora(found, base, out, half=form.half)
    elif form.half:
        raise UsageError(_HALF, where=name, hint="--out FILE.gguf")
    elif out.exists():
        raise UsageError("is there already", where=str(out), hint="name a new folder, or FILE.gguf")
    else:
        write_adapter(replace(found, base=base), out)
    if not form.add:
        _copy_beside(adapter, out)
    return engine_with(base, out)


def _without_roles(adapter: Path, out: Path, model: str | None, form: AdapterForm) -> str:
    if form != AdapterForm(drop_roles=True, half=form.half):
        raise UsageError("roles are dropped from one adapter alone", where=str(adapter))
    if form.half and out.suffix != ".gguf":
        raise UsageError(_HALF, where=str(adapter), hint="--out FILE.gguf")
    # Nothing is written before it is known for which model.
    base = _base(role_adapters.base_of(adapter), adapter, model)
    if out.suffix == ".gguf":
        with TemporaryDirectory() as folder:
            plain = Path(folder) / "plain"
            role_adapters.drop_roles(adapter, plain, base)
            engine = export_adapter(plain, out, base, replace(form, drop_roles=False))
    else:
        role_adapters.drop_roles(adapter, out, base)
        engine = engine_with(base, out)
    _copy_beside(adapter, out, roles=False)
    return engine


def _formed(adapters: list[AdapterFile], form: AdapterForm) -> AdapterFile:
    """All as one. Adapters of different models have different modules or shapes, or say so."""
    bases = sorted({each.base for each in adapters if each.base})
    if len(bases) > 1:
        raise UsageError(f"they were learnt for different models: {', '.join(bases)}")
    found = averaged(adapters) if form.mean else summed(adapters) if len(adapters) > 1 else adapters[0]
    return found if form.rank is None else reduced(found, form.rank)[0]


def _base(own: str, adapter: Path, given: str | None) -> str:
    """The model given, else the one that the adapter names. Raises UsageError for neither."""
    name = given or own
    if not name:
        raise UsageError("does not say for which model it is", where=str(adapter), hint="--model NAME")
    return name
