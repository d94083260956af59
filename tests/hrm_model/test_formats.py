"""Versions of file formats: one check with one message. The tests of each reader test what it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hrm_model.checkpoint.format import load, save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import CheckpointError, ConfigError, TraceFileError
from hrm_model.formats import CHECKPOINT, RUN, TRACE, Format
from tests.paths import DATA, ROOT
from tests.support.models import tiny
from tests.support.runs import small
from trainer.config import read_config, write_config


def test_all_up_to_the_newest_are_read() -> None:
    made = Format("made", 3)
    assert [made.check(v, "a.json is", CheckpointError) for v in (1, 2, 3)] == [1, 2, 3]
    with pytest.raises(TraceFileError) as caught:
        made.check(99, "a.json is", TraceFileError)
    assert str(caught.value) == "a.json is of format version 99; this version of HRM Studio reads up to 3. Update HRM Studio."


@pytest.mark.parametrize("found", [0, -1, 1.0, True, "1", None, [1]])
def test_what_is_not_a_version(found: Any) -> None:
    with pytest.raises(ConfigError, match=r"a\.json is of format version .*, which does not exist"):
        Format("made", 3).check(found, "a.json is", ConfigError)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    save(tiny(), tmp_path / "model", {"task": "sudoku-4x4"})
    return tmp_path / "model" / "config.json"


def changed(file: Path, **fields: Any) -> None:
    content = json.loads(file.read_text()) | fields
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def test_a_checkpoint_of_a_newer_version_or_another_format_is_refused_by_name(config: Path) -> None:
    changed(config, format_version=99)
    with pytest.raises(CheckpointError) as caught:
        inspect(config.parent)
    assert str(caught.value) == f"{config} is of format version 99; this version of HRM Studio reads up to 1. Update HRM Studio."
    changed(config, model=None)  # a later version may keep its model elsewhere
    with pytest.raises(CheckpointError, match="is of format version 99"):
        load(config.parent, "cpu")
    changed(config, format="llama", format_version=1, model={})
    with pytest.raises(CheckpointError, match=r"config\.json: its format is 'llama', and 'hrm-model' is needed"):
        inspect(config.parent)


def test_a_checkpoint_without_a_header_is_of_version_1(config: Path) -> None:
    expected = inspect(config.parent).config
    changed(config, format=None, format_version=None)
    assert inspect(config.parent).config == expected
    changed(config, format="hrm-model")
    assert inspect(config.parent).config == expected


def test_a_run_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    write_config(small(), file)
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"version": 99, "a_field_of_tomorrow": 1}))
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert str(caught.value) == f"{file} is of format version 99; this version of HRM Studio reads up to 1. Update HRM Studio."


def test_the_page_of_formats_has_the_numbers_that_are_written() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for start, made in (("| [trace]", TRACE), ("| checkpoint", CHECKPOINT), ("| [run directory](events-format.md): `config.yaml`", RUN)):
        (line,) = [line for line in page.splitlines() if line.startswith(start)]
        assert f"| **{made.version}**" in line
    header = json.loads((DATA / "before_0.2" / "checkpoints" / "own" / "config.json").read_text())
    assert (header["format"], header["format_version"]) == (CHECKPOINT.name, 1)
