from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hrm_model.errors import HubError
from hrm_model.hub.client import HubSettings
from hrm_model.hub.dataset import local_file
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_studio.cli import data as cli_data
from tests.paths import PUBLISHED_DATA
from tests.support.hub_server import Hub

ID = Path("someone/sudoku-some")
CSVS = PUBLISHED_DATA / "csv"
FILES = {"train.csv": (CSVS / "sudoku_train.csv").read_bytes(), "test.csv": (CSVS / "sudoku_test.csv").read_bytes()}


def test_a_dataset_is_fetched_once_and_read_from_the_cache_offline(tmp_path: Path) -> None:
    with Hub({ID.as_posix(): FILES}) as server:
        settings = HubSettings(server.url, cache=tmp_path / "cache")
        file = local_file(ID, "train.csv", settings)
        assert file.read_bytes() == FILES["train.csv"]
        assert len(read_puzzles(file)) == 10
        with pytest.raises(HubError, match=r"someone/sudoku-some, none\.csv: no such file"):
            local_file(ID, "none.csv", settings)
        with pytest.raises(HubError, match="nobody/none"):
            local_file(Path("nobody/none"), "train.csv", settings)
    offline = HubSettings(server.url, cache=tmp_path / "cache", offline=True)
    assert local_file(ID, "train.csv", offline) == file
    with pytest.raises(HubError, match="not in the cache, and the Hub cannot be reached|offline mode is on"):
        local_file(ID, "test.csv", offline)
    assert local_file(file, "train.csv") == file


def test_building_and_importing_straight_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub({ID.as_posix(): FILES}) as server:
        monkeypatch.setattr(
            cli_data, "local_file", lambda path, name: local_file(path, name, HubSettings(server.url, cache=tmp_path / "cache"))
        )
        told = CliRunner().invoke(
            cli_data.app,
            ["build", "sudoku", str(tmp_path / "d"), "--train", str(ID), "--test", str(ID), "--subsample", "8", "--augment", "3"],
        )
        assert told.exit_code == 0, told.output
        assert "train 32 examples of 8 puzzles, test 6 examples of 6 puzzles" in told.stdout
        told = CliRunner().invoke(cli_data.app, ["import", str(ID), str(tmp_path / "o.csv"), "--file", "train.csv"])
        assert "10 puzzles" in told.stdout
