"""The readers of everything that is no document: examples, instructions, visits, vocabularies, settings."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from apothecary.formats import conll, ddi_tsv, example_rows, instruction_rows, json_members, visit_rows
from apothecary.runs.evaluation_suite import read_suite
from apothecary.store.label_studio_import import read_tasks
from apothecary.training.lora_settings import read_grpo_settings, read_sft_settings
from apothecary.training.mixture_settings import read_mixture_settings
from apothecary.training.recommender_settings import read_recommender_settings
from apothecary.training.stage_settings import read_stages_settings
from apothecary.training.stepwise_settings import read_stepwise_settings
from apothecary.vocab.drug_groups import read_drug_groups
from apothecary.vocab.drug_names import read_drug_names
from apothecary.vocab.interaction_files import read_interactions
from apothecary.vocab.ndc import read_ndc
from apothecary.vocab.vocabularies import vocabulary_entries
from tests.hostile.readers import MARK, Reader

__all__ = ["SIDE_READERS"]

_EXAMPLES = Path(__file__).parent.parent.parent / "examples"
_EXAMPLE = {
    "dataset": "d",
    "split": "train",
    "language": "en",
    "task": "classification",
    "family": "labelled",
    "id": "1",
    "text": f"{MARK} and tremor.",
    "labels": ["A"],
    "options": ["A", "B"],
}
_INSTRUCTION = {
    "conversation_id": 1,
    "category": "mentions",
    "dataset": "d",
    "language": "en",
    "conversation": [{"human": f"Which drugs? {MARK}.", "assistant": MARK}],
    "split": "train",
    "gold": {"drug": [MARK]},
}
_VISIT = {
    "visit_id": "v1",
    "patient_id": "p1",
    "order": 1,
    "age": 61.5,
    "sex": "female",
    "diagnoses": ["ICD9:401.9"],
    "procedures": [],
    "allergies": [MARK],
    "exclusions": [],
    "note": "Fever.",
    "gold": [MARK, "zyzxa"],
}
_PAIRS = b"effect\t<e1> DRUG1 </e1> raises <e2> DRUG2 </e2>.\tZyzxa\tzyzxb\n"
_CRESCENDDI = (
    b"DRUG_1_CONCEPT_NAME,DRUG_2_CONCEPT_NAME,EVENT_CONCEPT_NAME,EVENT_SOURCE,BNF_SEV_LEVEL,ANSM_SEV_LEVEL,"
    b"MICROMEDEX_SEV_LEVEL\nzyzxa,zyzxb,bleeding,BNF,Severe,,Major\n"
)
_MERGED = b"drug1\tobject\tdrug2\tprecipitant\tseverity\tsource\nD1\tzyzxa\tD2\tzyzxb\t\tNDF-RT\n"
_RRF = f"161|ENG|P|L1|PF|S1|Y|A1||161||RXNORM|IN|161|{MARK}|0|N|4096|\n".encode()
_GILDA = (
    "norm_text\ttext\tdb\tid\tentry_name\tstatus\tsource\torganism\tsource_db\tsource_id\n"
    f"zyxxomab\t{MARK}\tCHEBI\tCHEBI:1\t{MARK}\tname\tchebi\t\t\t\n"
).encode()
_OBO = (
    f'format-version: 1.2\n\n[Term]\nid: CHEBI:1\nname: {MARK}\nsynonym: "Zyx" EXACT []\n\n'
    "[Term]\nid: CHEBI:2\nname: old\nis_obsolete: true\n"
).encode()
_TASKS = [{"id": 1, "data": {"text": MARK}, "annotations": [{"id": 2, "result": []}]}]


def _lines(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _one(read: Callable[[Path], object]) -> Callable[[Path], Iterable[object]]:
    return lambda path: [read(path)]


def _example(*names: str) -> bytes:
    return _EXAMPLES.joinpath(*names).read_bytes()


SIDE_READERS: tuple[Reader, ...] = (
    Reader(
        "conll", "a.conll", f"{MARK}\tB-Chemical\nand\tO\n\ntremor\tB-Disease\n".encode(), conll.read, True
    ),
    Reader("examples", "e.jsonl", _lines(_EXAMPLE), example_rows.read),
    Reader("instructions", "i.jsonl", _lines(_INSTRUCTION), instruction_rows.read),
    Reader("members", "m.json", b"[" + _lines(_EXAMPLE) + b"]", json_members.read_members),
    Reader("pair lines", "p.tsv", _PAIRS, ddi_tsv.read, True),
    Reader("visits", "v.jsonl", _lines(_VISIT), visit_rows.read),
    Reader(
        "interactions",
        "i.csv",
        b"drug_a,drug_b,severity,source\nzyzxa,zyzxb,major,x\n",
        lambda path: _table(path),
    ),
    Reader("crescenddi", "c.csv", _CRESCENDDI, lambda path: _table(path)),
    Reader("merged interactions", "m.tsv", _MERGED, lambda path: _table(path)),
    Reader("drug names", "n.csv", b"name,alias,excluded\nzyzxa,zyzx,\nzyzxb,,yes\n", _one(read_drug_names)),
    Reader("drug classes", "k.csv", b"drug,class\nzyzxa,N02\n", read_drug_groups),
    Reader("ndc", "ndc.csv", b"ndc,ingredient\n00002322730,zyzxa\n", _one(read_ndc)),
    Reader("rxnorm", "RXNCONSO.RRF", _RRF, vocabulary_entries),
    Reader("gilda", "grounding_terms.tsv", _GILDA, vocabulary_entries),
    Reader("obo", "v.obo", _OBO, vocabulary_entries),
    Reader("label studio", "t.json", _lines(_TASKS), read_tasks),
    Reader("sft settings", "s.toml", _example("medication", "sft.toml"), _one(read_sft_settings)),
    Reader("grpo settings", "g.toml", _example("medication", "grpo.toml"), _one(read_grpo_settings)),
    Reader("mixture settings", "m.toml", _example("instruct", "mixture.toml"), _one(read_mixture_settings)),
    Reader(
        "stages settings", "t.toml", _example("instruct", "pocket-stages.toml"), _one(read_stages_settings)
    ),
    Reader("suite", "suite.toml", _example("instruct", "suite.toml"), lambda path: [read_suite(str(path))]),
    Reader(
        "recommender settings",
        "r.toml",
        _example("medication", "logistic.toml"),
        _one(read_recommender_settings),
    ),
    Reader(
        "stepwise settings", "w.toml", _example("medication", "stepwise.toml"), _one(read_stepwise_settings)
    ),
)


def _table(path: Path) -> Iterable[object]:
    return [read_interactions([path])]
