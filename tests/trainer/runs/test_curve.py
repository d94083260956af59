from __future__ import annotations

import numpy as np
import pytest

from trainer.runs.curve import Curve, smoothed
from trainer.runs.log import Table


def plain_average(values: np.ndarray, weight: float) -> np.ndarray:
    total, found = 0.0, []
    for k, value in enumerate(values.tolist(), 1):
        total = weight * total + (1 - weight) * value
        found.append(total / (1 - weight**k))
    return np.array(found)


@pytest.mark.parametrize("weight", [0.1, 0.6, 0.97, 0.9995])
def test_smoothing_is_the_debiased_average_whatever_the_pieces(weight: float) -> None:
    values = np.random.default_rng(1).normal(3, 1, 200_000 if weight > 0.99 else 5000)
    first, carry = smoothed(values[:1234], weight)
    rest, _ = smoothed(values[1234:], weight, carry, 1234)
    np.testing.assert_allclose(np.append(first, rest), plain_average(values, weight), rtol=1e-7)
    assert first[0] == pytest.approx(values[0])


def table(rows: int) -> Table:
    found = Table()
    values = np.random.default_rng(2).normal(size=rows)
    for start in range(0, rows, 777):
        part = slice(start, min(rows, start + 777))
        found.append({"step": np.arange(rows)[part] + 1, "loss": values[part]})
    return found


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("rows", [50, 1000, 30_000, 200_003])
def test_drawn_points_keep_every_extreme_and_fit_the_pixels(rows: int, log_x: bool) -> None:
    curve = Curve(table(rows), "step", "loss", 0.9)
    curve.follow(1_000_000)
    drawn = curve.drawn(1, rows, 200, log_x)
    assert len(drawn.x) <= max(201, min(rows, 400))
    assert drawn.low.min() == curve.y.min()
    assert drawn.high.max() == curve.y.max()
    assert drawn.x[0] == 1
    assert drawn.smooth[-1] == curve.smooth[-1]
    assert (np.diff(drawn.x) > 0).all()
    assert (drawn.low <= drawn.high).all()


def test_a_long_history_is_read_piece_by_piece() -> None:
    curve = Curve(table(100_000), "step", "loss", 0.5)
    lengths = []
    while curve.behind:
        assert curve.follow(30_000)
        lengths.append(len(curve))
    assert lengths == [30_000, 60_000, 90_000, 100_000]
    np.testing.assert_allclose(curve.smooth[:5000], plain_average(curve.y[:5000], 0.5), rtol=1e-6, atol=1e-8)
    curve.set_smoothing(0.9)
    assert len(curve) == 0
    while curve.behind:
        curve.follow(70_000)
    np.testing.assert_allclose(curve.smooth[-1], plain_average(curve.y, 0.9)[-1], rtol=1e-6)


def test_zooming_in_gives_the_points_themselves_and_one_beyond_each_end() -> None:
    curve = Curve(table(100_000), "step", "loss")
    curve.follow(1_000_000)
    drawn = curve.drawn(5000.5, 5003.5, 300)
    assert drawn.x.tolist() == [5000, 5001, 5002, 5003, 5004]
    assert not drawn.spread


def test_pixel_columns_are_exact_to_a_quarter_of_a_column() -> None:
    rows, pixels = 200_000, 100
    curve = Curve(table(rows), "step", "loss")
    curve.follow(1_000_000)
    drawn = curve.drawn(1, rows, pixels)
    near = rows // pixels // 4
    for k in range(1, len(drawn.x) - 1):
        start, end = int(drawn.x[k]) - 1, int(drawn.x[k + 1]) - 1
        assert curve.y[max(0, start - near) : end + near].max() >= drawn.high[k] >= curve.y[start + near : end - near].max()


def test_rows_without_a_value_are_left_out_and_a_truncated_table_is_read_again() -> None:
    found = Table()
    found.append({"step": [10, 20, 30, 40], "steps": [np.nan, 3.0, np.nan, 5.0]})
    curve = Curve(found, "step", "steps")
    assert curve.follow()
    assert not curve.follow()
    assert curve.x.tolist() == [20, 40]
    kept = curve.y.copy()
    found.truncate(20)
    found.append({"step": [30], "steps": [7.0]})
    assert curve.follow()
    assert curve.y.tolist() == [3, 7]
    assert kept.tolist() == [3, 5]
    assert curve.at(28) == 1
    assert curve.at(-5) == 0
    assert Curve(found, "step", "nothing").at(1) is None
