"""The number of a puzzle's vector in a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hrm_model.errors import DatasetError
from tests.paths import PUBLISHED_DATA
from trainer.config import write_config
from trainer.data.identifiers import find_number, identify, names_file
from trainer.data.published import fit_to_dataset
from trainer.presets import PRESETS

NAMES = PUBLISHED_DATA / "arc" / "identifiers.json"


def weights(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x")
    return folder


def test_numbers_are_places_in_the_published_list() -> None:
    names = json.loads(NAMES.read_text())
    for number in (0, 1, len(names) // 2, len(names) - 1):
        assert find_number(NAMES, names[number]) == number
    assert find_number(NAMES, "ffffffff") is None


def test_names_with_quotes_commas_and_other_letters(tmp_path: Path) -> None:
    names = ["<blank>", 'a "quoted", one', "ü ☃", "back\\slash", "last"]
    for k, text in enumerate((json.dumps(names), json.dumps(names, ensure_ascii=False, indent=2))):
        file = tmp_path / f"{k}.json"
        file.write_text(text, encoding="utf-8")
        assert [find_number(file, name) for name in names] == list(range(5))
        assert find_number(file, "quoted") is None
    (tmp_path / "none.json").write_text("[ ]")
    assert find_number(tmp_path / "none.json", "a") is None


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', '["a" "b"]', '["a", 1]', '["a", ["b"]]', '["a"', "\udcff"])
def test_a_file_that_is_not_a_list_of_names_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "identifiers.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=r"identifiers\.json: not a JSON list of names"):
        find_number(file, "missing")


def test_the_list_is_found_beside_in_the_run_and_through_its_dataset(tmp_path: Path) -> None:
    beside = weights(tmp_path / "a")
    assert names_file(beside) is None
    shutil.copy(NAMES, beside)
    assert names_file(beside) == names_file(beside / "model.safetensors") == beside / "identifiers.json"

    run = tmp_path / "run"
    step = weights(run / "checkpoints" / "step_000100")
    write_config(fit_to_dataset(PRESETS["arc-agi-1"], PUBLISHED_DATA / "arc"), run / "config.yaml")
    assert names_file(step) == names_file(run) == NAMES
    shutil.copy(NAMES, run)
    assert names_file(step) == run / "identifiers.json"

    published = weights(tmp_path / "published")
    (published / "all_config.yaml").write_text(f"arch: {{}}\ndata_path: {PUBLISHED_DATA / 'arc'}\n")
    assert names_file(published) == NAMES
    for bad in ("data_path: /not/here\n", "data_path: [1]\n", "a: [\n", "- 1\n", "\0"):
        (published / "all_config.yaml").write_text(bad)
        assert names_file(published) is None
    assert names_file(tmp_path / "nowhere") is None


def test_the_message_says_whether_the_model_knows_the_puzzle(tmp_path: Path) -> None:
    model = weights(tmp_path / "m")
    assert identify(model, "m", 0, "evinc").words == ""  # a model without puzzle vectors needs no identifier
    assert "are unknown" in identify(model, "m", 8, "evinc").words
    shutil.copy(NAMES, model)
    number = json.loads(NAMES.read_text()).index("evinc")
    found = identify(model, "m", 1000, "evinc")
    assert (found.number, found.trained) == (number, True)
    assert "has no name" in identify(model, "m", 1000, "").words
    for rows, name, said in ((1000, "ffffffff", "m was not trained on ffffffff"), (number, "evinc", "belongs to another model")):
        found = identify(model, "m", rows, name)
        assert (found.number, found.trained) == (0, False)
        assert said in found.words
        assert "a guess" in found.words
    (model / "identifiers.json").write_text("{}")
    assert "not a JSON list of names" in identify(model, "m", 1000, "evinc").words
