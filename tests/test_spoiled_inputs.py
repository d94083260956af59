"""A few spoiled inputs for each reader, as `python -m tests.benchmarks.faults` tries by the thousand; and the kinds of faults that it found."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import CheckpointError, DatasetError, HubError, RunError
from hrm_model.hub.client import HubSettings, describe, search
from tests.benchmarks.faults.readers import READERS
from tests.benchmarks.faults.reading import feed
from tests.paths import PUBLISHED_DATA
from tests.support.hub_server import Hub
from trainer.data.published import Dataset
from trainer.runs.log import RunLog, parse_events
from trainer.runs.run_dir import RunDir

ID = "me/model"


@pytest.mark.skipif(sys.platform != "linux", reason="forks, with limits")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in READERS if name not in ("trace", "Hub's answers")])
def test_spoiled_inputs_are_read_or_refused_in_one_sentence(name: str) -> None:
    found = feed(name, seed=7, count=25, until=time.monotonic() + 300)
    assert found.inputs == 25
    assert not found.faults, found


@pytest.mark.parametrize("dtype", [["F32"], {}, None, 7])
def test_a_type_of_numbers_that_is_no_text(tmp_path: Path, dtype: object) -> None:
    header = json.dumps({"a": {"dtype": dtype, "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(CheckpointError, match="the entry 'a' is not a tensor"):
        inspect(tmp_path)


def test_figures_of_hundreds_of_digits_are_unknown() -> None:
    log = RunLog()
    log.apply(parse_events([{"v": 1, "type": "metrics", "step": 1, "time": 1.0, "values": {"loss": 10**400}}]))
    assert np.isnan(log.metrics["loss"]).all()


@pytest.mark.parametrize("value", [10**400, {"a": [["x" * 500]]}, float("nan")])
def test_a_status_with_a_number_that_is_none(tmp_path: Path, value: object) -> None:
    run = RunDir(tmp_path)
    run.status_file.write_text(json.dumps({"v": 1, "state": "running", "step": value}))
    with pytest.raises(RunError, match="which is not a number") as caught:
        run.status()
    assert len(str(caught.value)) < len(str(tmp_path)) + 250


def test_a_damaged_array_header_is_one_plain_sentence(tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED_DATA / "sudoku", tmp_path / "set")
    file = tmp_path / "set" / "train" / "all__group_indices.npy"
    file.write_bytes(file.read_bytes().replace(b"False", b"Maybe"))
    with pytest.raises(DatasetError, match=r"its header is damaged") as caught:
        Dataset(tmp_path / "set")
    assert "object at" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"siblings": 7}, {"siblings": [{}]}, {"siblings": [None]}, {"siblings": [{"rfilename": None, "size": "x"}]}, {"sha": None}, {"sha": 7},
        {"id": None}, {"id": [1]}, {"downloads": "many"}, {"tags": {"a": 1}}, {"siblings": [{"rfilename": "a", "lfs": 3}]},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_that_is_not_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]) -> None:
    with Hub({ID: {"model.safetensors": b"x" * 2000}}) as server:
        handler = server._server.RequestHandlerClass
        good = {"id": ID, "sha": "0" * 40, "siblings": [server.sibling("model.safetensors", b"x" * 2000)], "downloads": 1, "tags": []}
        for answer in (good | change, [good | change]):
            monkeypatch.setattr(handler, "do_GET", lambda self, answer=answer: self._json(answer))
            ask = (
                (lambda: describe(ID, HubSettings(server.url, cache=tmp_path)))
                if isinstance(answer, dict)
                else (lambda: search("x", HubSettings(server.url)))
            )
            with suppress(HubError):  # any other exception would be shown as a bug
                ask()
