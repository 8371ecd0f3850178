"""Every page under docs/how-to is rehearsed: its files go into a copy of the package, its check is run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apothecary import api
from apothecary.training.lora_settings import read_grpo_settings, read_sft_settings

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "how-to").glob("add-*.md"))
BLOCK = re.compile(
    r"^```\w+ (file=(?P<path>\S+)|(?P<check>check))\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL
)
LINES_OF_A_PAGE = 140


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_following_the_page_works(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    checks = []
    for block in BLOCK.finditer(page.read_text()):
        if block["check"]:
            checks.append(block["body"])
            continue
        path = tmp_path / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["body"])
    assert checks, "the page has no check"
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "APOTHECARY_HOME": str(tmp_path / "home"),
    }
    for check in checks:
        done = subprocess.run(
            ["sh", "-e", "-c", check],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_a_page(page: Path) -> None:
    assert page.read_text().count("\n") <= LINES_OF_A_PAGE
    assert page.name in (ROOT / "CONTRIBUTING.md").read_text()


def test_all_four_pages_are_there() -> None:
    assert [page.stem for page in PAGES] == ["add-a-corpus", "add-a-metric", "add-a-task", "add-an-engine"]


HOW_TO = ROOT / "docs" / "how-to"
SECONDS = 240
"""A hung command ends; a busy machine does not fail. Alone, the longest page takes some ten seconds."""


def checks_of(name: str) -> list[str]:
    """The commands of a page that are run here."""
    page = (HOW_TO / f"{name}.md").read_text()
    return [block["body"] for block in BLOCK.finditer(page) if block["check"]]


def run_all(checks: list[str], folder: Path, **variables: str) -> None:
    """Run commands one after the other, as a reader of the page does, in a folder of their own."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "APOTHECARY_HOME": str(folder / "home"),
        **variables,
    }
    done = subprocess.run(
        ["sh", "-e", "-c", "".join(checks)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files_of(name: str, folder: Path) -> None:
    """Write the files that a page shows."""
    for block in BLOCK.finditer((HOW_TO / f"{name}.md").read_text()):
        if block["path"]:
            (folder / block["path"]).write_text(block["body"])


@pytest.mark.slow
def test_following_the_page_on_visits_works(tmp_path: Path) -> None:
    files_of("import-visits", tmp_path)
    checks = checks_of("import-visits")
    assert len(checks) == 2
    run_all(checks, tmp_path)


@pytest.mark.slow
def test_following_the_page_on_schemas_works(tmp_path: Path) -> None:
    checks = checks_of("write-a-schema")
    assert len(checks) == 4
    (tmp_path / "abstracts").mkdir()
    (tmp_path / "abstracts" / "1.txt").write_text("Zincol silences ABC1 in mice.")
    for name, title in (("gold", "Zincol and ABC1"), ("other", "Sage and mice")):
        (tmp_path / f"{name}.pubtator").write_text(
            f"{name}|t|{title}\n{name}|a|.\n{name}\t0\t4\t{title[:4]}\tChemical\n\n"
        )
    (tmp_path / "names.txt").write_text("mint\n")
    named = {"contains": ["JSON object"], "reply": {"Chemical": ["Zincol"], "Gene": ["ABC1"]}}
    lines = [json.dumps(line) + "\n" for line in (named, {"reply": "1"})]
    (tmp_path / "script.jsonl").write_text("".join(lines))
    run_all(checks, tmp_path, ENGINE="scripted:script.jsonl")
    record = json.loads((tmp_path / "runs" / "mine" / "predictions.jsonl").read_text())
    assert [relation["type"] for relation in record["relations"]] == ["INHIBITS"]


def write_rows(path: Path) -> None:
    """Rows of DrugComb, invented: enough that some lie on the training side of its split."""
    rows = []
    for number in range(20):
        sentence = f"Drug{number}a plus drug{number}b improved survival ."
        places = [(0, sentence.index(" plus")), (sentence.index(" drug") + 1, sentence.index(" improved"))]
        spans = [
            {"span_id": place, "text": sentence[start:end], "start": start, "end": end}
            for place, (start, end) in enumerate(places)
        ]
        row = {"doc_id": f"d{number}", "sentence": sentence, "paragraph": sentence, "spans": spans}
        rows.append(json.dumps(row | {"rels": [{"class": "POS", "spans": [0, 1]}]}) + "\n")
    path.write_text("".join(rows))


def count_rows(path: Path) -> int:
    return len(path.read_text().splitlines())


@pytest.mark.slow
def test_following_the_page_on_traces_works(tmp_path: Path) -> None:
    checks = checks_of("generate-traces")
    assert len(checks) == 3
    write_rows(tmp_path / "train.jsonl")
    (tmp_path / "held_out.tsv").write_text("set\tid\nmine\td1\n")
    (tmp_path / "none.jsonl").write_text('{"reply": "nonsense"}\n')
    run_all(checks[:1], tmp_path)
    assert not (tmp_path / "runs").exists()
    run_all(checks[1:], tmp_path, ENGINES="write=scripted:none.jsonl,judge=scripted:none.jsonl")
    taken = count_rows(tmp_path / "runs/rules/sft.jsonl")
    assert 0 < taken < 20
    assert count_rows(tmp_path / "runs/traces/failed.jsonl") == taken


@pytest.mark.parametrize(("page", "rows"), [("generate-traces", 2), ("fine-tune-an-adapter", 0)])
def test_the_python_of_a_page_names_what_there_is(page: str, rows: int, tmp_path: Path) -> None:
    text = (HOW_TO / f"{page}.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert all(name in api.__all__ for name in re.findall(r"api\.(\w+)", code))
    if rows:
        write_rows(tmp_path / "train.jsonl")
        run_all([f"python - <<'END'\n{code}END\n"], tmp_path)
        assert (tmp_path / "runs/python/summary.json").exists()


@pytest.mark.slow
def test_the_data_of_the_page_on_adapters_are_made(tmp_path: Path) -> None:
    (tmp_path / "drugcomb").mkdir()
    write_rows(tmp_path / "drugcomb" / "train.jsonl")
    run_all(checks_of("fine-tune-an-adapter")[:1], tmp_path)
    assert count_rows(tmp_path / "runs/answers/sft.jsonl") > 0


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
# PEFT asks the model in a way that transformers is about to drop.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_following_the_page_on_forms_of_adapters_works(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the train extra is not installed")
    pytest.importorskip("peft", reason="the train extra is not installed")
    from tests.engines.tiny_causal import tiny_adapter, tiny_causal

    tiny_adapter(tiny_causal(tmp_path / "model"), tmp_path / "models" / "combinations" / "adapter")
    run_all(checks_of("fine-tune-an-adapter")[1:], tmp_path)
    assert (tmp_path / "models/combinations-merged/model.safetensors").exists()
    assert (tmp_path / "combinations.gguf").read_bytes()[:4] == b"GGUF"


def test_the_settings_of_the_page_on_adapters_are_settings(tmp_path: Path) -> None:
    text = (HOW_TO / "fine-tune-an-adapter.md").read_text()
    taught, sft, grpo = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name, settings in (("taught", f'model = "m"\n{taught}'), ("sft", sft), ("grpo", grpo)):
        (tmp_path / f"{name}.toml").write_text(settings)
    assert read_sft_settings(tmp_path / "taught.toml").data is not None
    assert read_sft_settings(tmp_path / "sft.toml").dev is not None
    assert read_grpo_settings(tmp_path / "grpo.toml").start == "models/combinations/adapter"


@pytest.mark.slow
def test_following_the_page_on_conditions_works(tmp_path: Path) -> None:
    for block in BLOCK.finditer((HOW_TO / "extract-conditions.md").read_text()):
        if block["path"]:
            (tmp_path / block["path"]).write_text(block["body"])
    run_all(checks_of("extract-conditions"), tmp_path)
    record = json.loads((tmp_path / "runs/trial/predictions.jsonl").read_text().splitlines()[0])
    assert [each["span"] for each in record["conditions"]] == ["15 mg/kg", "31 infants"]


@pytest.mark.slow
def test_following_the_page_on_combinations_works(tmp_path: Path) -> None:
    page = (HOW_TO / "extract-combinations.md").read_text()
    for block in BLOCK.finditer(page):
        if block["path"]:
            (tmp_path / block["path"]).write_text(block["body"])
    run_all(checks_of("extract-combinations"), tmp_path)
    record = json.loads((tmp_path / "runs/trial/predictions.jsonl").read_text())
    assert [sorted(each["drugs"]) for each in record["relations"]] == [["Cisplatin", "paclitaxel"]]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["build-a-knowledge-base", "ask-the-knowledge-base"])
def test_following_the_pages_on_the_knowledge_base_works(page: str, tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="duckdb is not installed")
    files_of(page, tmp_path)
    run_all(checks_of(page), tmp_path)
