"""Named weights and what is on this machine of them."""

import os
import re
from pathlib import Path

import pytest

from apothecary.engines.home import home_folder
from apothecary.engines.weights import (
    Weights,
    WeightsFile,
    catalogue,
    find,
    installed,
    models_folder,
    resolve,
    verify,
)
from apothecary.errors import ModelMissing, UsageError, WeightsError
from apothecary.networks.description import file_digest

NAME = "smollm2-135m-instruct"
DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(weights: Weights, data: bytes = b"contents") -> Path:
    """Files with the names of a model, whatever their contents."""
    folder = models_folder() / weights.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in weights.files:
        (folder / file.name).write_bytes(data)
    return folder


@pytest.mark.parametrize("weights", catalogue(), ids=lambda weights: weights.name)
def test_entries_of_the_catalogue_are_well_formed(weights: Weights) -> None:
    assert all((weights.title, weights.parameters, weights.licence, weights.good_for, weights.files))
    assert len({file.name for file in weights.files}) == len(weights.files)
    for file in weights.files:
        assert file.join or weights.hub
        assert re.fullmatch("[0-9a-f]{16,64}", file.sha256)
        assert all(re.fullmatch(r"[\w-]+==[\w.]+/[\w./-]+", piece) for piece in file.join)
        assert len(set(file.join)) == len(file.join)


def test_names_of_the_catalogue_are_unique_and_found() -> None:
    names = [weights.name for weights in catalogue()]
    assert len(set(names)) == len(names)
    assert [find(name).name for name in names] == names


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "..", ".", "", ".hidden", "a\\b", "/etc/passwd", "a\n", "-o"]
)
def test_a_name_cannot_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(WeightsError, match="not a plain file name"):
        Weights(name, "t", "1", "l", "g", ())
    with pytest.raises(WeightsError, match="not a plain file name"):
        WeightsFile(name, DIGEST)
    with pytest.raises(UsageError, match="there are no weights named"):
        find(name)


@pytest.mark.parametrize("digest", ["", "0" * 15, "g" * 64, "0" * 65])
def test_a_digest_that_lets_anything_pass_is_refused(digest: str) -> None:
    with pytest.raises(WeightsError, match="SHA-256"):
        WeightsFile("a.gguf", digest)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=f"known: {NAME}.*or give a file"):
        resolve("llama-900b")


def test_a_missing_path_and_missing_weights_have_their_own_words() -> None:
    with pytest.raises(ModelMissing, match="there is no such file"):
        resolve("nowhere/model.gguf")
    with pytest.raises(ModelMissing, match=f"apothecary models pull {NAME}"):
        resolve(NAME)


def test_a_model_without_all_its_files_is_not_installed() -> None:
    weights = find("minilm-l6")
    folder = put(weights)
    assert installed(weights) == folder
    (folder / "vocab.txt").unlink()
    assert installed(weights) is None


def test_a_model_that_answers_no_questions_says_so() -> None:
    put(find("minilm-l6"))
    with pytest.raises(UsageError, match="not a model that answers questions"):
        resolve("minilm-l6")


def test_installed_weights_with_another_digest_are_refused() -> None:
    put(find(NAME))
    with pytest.raises(WeightsError, match=f"not b179c9523d0e6a0f .*models pull {NAME}"):
        resolve(NAME)
    assert [right for _, right in verify(find(NAME))] == [False]


def test_a_path_gives_the_file_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"a")
    assert resolve(str(path)).digest == file_digest(path)
    with pytest.raises(WeightsError, match="cannot be read"):
        resolve("x" * 5000)
    with pytest.raises(WeightsError, match="cannot be read"):
        file_digest(tmp_path)


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"a")
    os.utime(path, ns=(1, 1))
    first = resolve(str(path)).digest
    path.write_bytes(b"b")
    os.utime(path, ns=(1, 1))
    assert resolve(str(path)).digest == first, "size and time are all that is looked at"
    os.utime(path, ns=(2, 2))
    assert resolve(str(path)).digest == file_digest(path) != first


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"a": 3}', "\x00"])
def test_a_spoilt_memory_of_digests_is_no_harm(tmp_path: Path, memory: str) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / "digests.json").write_text(memory)
    path = tmp_path / "model.gguf"
    path.write_bytes(b"a")
    assert resolve(str(path)).digest == resolve(str(path)).digest == file_digest(path)
    assert [file.name for file in models_folder().iterdir()] == ["digests.json"]


def test_digests_are_told_without_a_writable_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"a")
    monkeypatch.setenv("APOTHECARY_HOME", str(path))
    assert resolve(str(path)).digest == file_digest(path)


def test_the_home_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("APOTHECARY_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home_folder() == tmp_path / "apothecary"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path / ".cache" / "apothecary"
