"""Events: their fields and their file."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from tests.support.runs import small
from trainer.runner import Runner
from trainer.runs.events import FIELDS, append_line, event
from trainer.runs.run_dir import RunDir


def test_every_event_of_a_run_has_the_fields_of_its_type(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=14, evaluate_every=7, probe_puzzles=1, patience=1, lr=0.0))
    run.command("save")  # before the start: not for this trainer
    Runner(run).run()
    events = run.events().read()
    assert {entry["type"] for entry in events} == {"started", "metrics", "evaluation", "machine", "saved", "finished"}
    for entry in events:
        kind = FIELDS[entry["type"]]
        assert kind.__required_keys__ <= entry.keys() <= kind.__annotations__.keys(), entry
        assert list(entry)[:4] == ["v", "type", "time", "step"]
    assert any("probe" in entry for entry in events if entry["type"] == "evaluation")
    assert "message" in events[-1]


def test_a_misspelt_field_fails_at_once() -> None:
    with pytest.raises(AssertionError, match="warning events have no field {'mesage'}"):
        event("warning", 3, code="disk", mesage="full")


def test_each_type_is_named_by_its_class() -> None:
    assert set(FIELDS) == {
        "started", "metrics", "evaluation", "machine", "saved", "paused", "resumed", "warning", "failed", "finished",
    }  # fmt: skip
    for name, kind in FIELDS.items():
        assert get_type_hints(kind)["type"].__args__ == (name,)


def test_nan_becomes_null(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    append_line(file, event("metrics", 1, values={"loss": float("nan"), "lr": 1e-3}, ended=0))
    assert '"values": {"loss": null, "lr": 0.001}, "ended": 0}' in file.read_text()
