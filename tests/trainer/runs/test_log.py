from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.runs.events import event
from trainer.runs.log import RunLog, Table, parse_events


def metrics(step: int, **values: object) -> dict[str, object]:
    return event("metrics", step, values=values, phase=0, examples=step * 10, seconds=step / 100)


def test_metrics_become_rows_with_nan_for_missing_values() -> None:
    log = RunLog()
    log.apply(
        parse_events(
            [metrics(10, loss=0.5, lr=1e-3, accuracy=None), metrics(20, loss="odd", lr=1e-3), metrics(30, loss=0.25, grad_norm=2.0)]
        )
    )
    assert log.metrics["step"].tolist() == [10, 20, 30]
    assert log.metrics["loss"][[0, 2]].tolist() == [0.5, 0.25]
    assert math.isnan(log.metrics["loss"][1])
    assert log.metrics["grad_norm"][2] == 2
    assert log.metrics["never told"].shape == (3,)


def test_the_rate_of_examples_is_taken_over_a_second_at_least() -> None:
    log = RunLog()
    for first in range(0, 500, 7):  # in pieces
        log.apply(parse_events([metrics(step, loss=1.0) for step in range(first, min(500, first + 7))]))
    assert log.metrics["examples_per_second"][1:].tolist() == pytest.approx([1000] * 499)


def test_a_start_removes_rows_of_later_steps() -> None:
    log = RunLog()
    told = [
        event("started", 0),
        *(metrics(s, loss=s) for s in (10, 20, 30)),
        event("warning", 25, message="disk"),
        event("started", 15),
        metrics(20, loss=-1),
    ]
    log.apply(parse_events(told))
    assert log.metrics["loss"].tolist() == [10, -1]
    assert [m.kind for m in log.marks] == ["started", "started"]


def test_an_evaluation_row_has_each_set_and_the_interval_of_the_mean() -> None:
    sets = {
        "easy": {"puzzles": 100, "exact": 0.9, "low": 0.8, "high": 0.95, "cells": 0.99, "mean_segments": 2.0, "exact_by_segment": [0.1]},
        "hard": {"puzzles": 100, "exact": 0.5, "low": 0.4, "high": 0.6, "cells": 0.8, "mean_segments": 8.0, "exact_by_segment": [0.1]},
    }
    log = RunLog()
    log.apply(parse_events([event("evaluation", 100, values={"exact_accuracy": 0.7, "accuracy": 0.895}, sets=sets, seconds=3.5)]))
    found = log.evaluations
    assert found["exact/easy"].tolist() == [0.9]
    assert found["low"][0] == pytest.approx(0.7 - math.hypot(0.1, 0.1) / 2)
    assert found["high"][0] == pytest.approx(0.7 + math.hypot(0.05, 0.1) / 2)
    assert found["mean_segments"].tolist() == [5]


def test_invalid_events_are_skipped() -> None:
    log = RunLog()
    odd = [
        {"type": "metrics"},
        {"type": "metrics", "step": 3, "values": [1]},
        {"type": "evaluation", "step": 4, "sets": {"a": None}},
        {"type": "from the future", "step": 5},
    ]
    log.apply(parse_events(odd))
    assert log.metrics["step"].tolist() == [3]
    assert log.evaluations["step"].tolist() == [4]
    assert [m.kind for m in log.marks] == ["from the future"]


def test_a_table_grows_over_its_blocks_and_is_truncated_anywhere() -> None:
    table = Table()
    steps = np.arange(1, 150_001)
    for start in range(0, 150_000, 7001):
        part = steps[start : start + 7001]
        table.append({"step": part, "loss": part * 2.0} | ({"late": part * 3.0} if start > 100_000 else {}))
    assert len(table) == 150_000
    np.testing.assert_array_equal(table["loss"], steps * 2.0)
    np.testing.assert_array_equal(table.rows("loss", 65_530, 65_540), np.arange(65_531, 65_541) * 2.0)
    assert np.isnan(table["late"][:100_000]).all()
    assert table["late"][-1] == 450_000
    before = table.rows("loss", 100_000, 100_010)
    table.truncate(100_005)
    table.append({"step": [100_006], "new": [1.0]})
    assert len(table) == 100_006
    assert np.isnan(table["loss"][-1])
    assert before[5] == 200_012
    table.truncate(65_536)
    assert len(table) == 65_536
    table.append({"step": [65_537], "loss": [7.0]})
    assert table["loss"][-2:].tolist() == [131_072, 7]
    table.truncate(0)
    assert len(table["loss"]) == 0
