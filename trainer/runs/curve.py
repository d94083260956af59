"""A growing curve that is cheap to draw at any length: the painter gets no more points than the plot has pixel columns.

For each pixel column the plot shows the lowest, the highest and the smoothed value. They come from minima and maxima of blocks of 64 points,
which are updated as the curve grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.runs.log import Floats, Table

_BLOCK = 64
_DENSE = 4 * _BLOCK  # from so many points in a pixel column on, blocks are exact enough
_SMOOTH_CHUNK = 1 << 16  # points smoothed at once, to stay in the CPU's cache
_PIECE = 1 << 16  # rows read at once: about two milliseconds


@dataclass(frozen=True)
class PlotSamples:
    """What to draw between two x: arrays of one length, with an entry for each point or pixel column."""

    x: Floats
    low: Floats
    high: Floats
    smooth: Floats

    @property
    def spread(self) -> bool:
        """Whether an entry stands for several points."""
        return self.low is not self.high


def smoothed(values: Floats, weight: float, carry: float = 0.0, count: int = 0) -> tuple[Floats, float]:
    """Exponential moving average of values that follow `count` earlier ones, without the initial bias towards 0.

    `weight`: share of the past, 0 ≤ weight < 1. `carry`: the biased average so far. Returns the averages and the new carry. Each pass
    doubles the number of terms in every sum, so n values take log2(n) passes over an array instead of n steps.
    """
    if weight <= 0 or not len(values):
        return values, carry
    found = np.empty(len(values))
    for start in range(0, len(values), _SMOOTH_CHUNK):
        part = (1 - weight) * values[start : start + _SMOOTH_CHUNK]
        part[0] += weight * carry
        shift, factor = 1, weight
        while shift < len(part) and factor > 1e-9:
            part[shift:] += factor * part[:-shift]
            shift, factor = 2 * shift, factor * factor
        carry = float(part[-1])
        ages = count + start + 1 + np.arange(len(part))
        found[start : start + len(part)] = part / -np.expm1(ages * np.log(weight))
    return found, carry


class Curve:
    """One column of a table over another, without rows that lack a value. `follow()` reads new rows, a bounded number at a time.

    `x`, `y`, `smooth` and the length contain only points that are smoothed already.
    """

    def __init__(self, table: Table, x: str, y: str, smoothing: float = 0.0, x_scale: float = 1.0) -> None:
        self.table, self.x_name, self.y_name, self.smoothing, self.x_scale = table, x, y, smoothing, x_scale
        self._reset()

    def _reset(self) -> None:
        self._cuts, self._rows, self._taken, self._count, self._carry = self.table.truncations, 0, 0, 0, 0.0
        self._x, self._y, self._smooth = (np.zeros(0) for _ in range(3))
        self._low, self._high = np.zeros(0), np.zeros(0)
        self._blocks = 0

    def __len__(self) -> int:
        return self._count

    @property
    def x(self) -> Floats:
        return self._x[: self._count]

    @property
    def y(self) -> Floats:
        return self._y[: self._count]

    @property
    def smooth(self) -> Floats:
        return self._smooth[: self._count]

    @property
    def behind(self) -> bool:
        """Whether `follow` has more to read."""
        more = self.y_name in self.table and self._rows < len(self.table)
        return more or self._cuts != self.table.truncations or self._count < self._taken

    def follow(self, most: int = _PIECE) -> bool:
        """Read at most so many new rows. Whether anything changed."""
        if not self.behind:
            return False
        if self._cuts != self.table.truncations:
            self._reset()
        if self.y_name in self.table:
            new = slice(self._rows, min(len(self.table), self._rows + most))
            x, y = (self.table.rows(name, new.start, new.stop) for name in (self.x_name, self.y_name))
            self._rows = new.stop
            keep = np.isfinite(x) & np.isfinite(y)
            if keep.any():
                self._take(x[keep] * self.x_scale, y[keep])
        end = min(self._taken, self._count + most)
        self._smooth[self._count : end], self._carry = smoothed(self._y[self._count : end], self.smoothing, self._carry, self._count)
        self._count = end
        return True

    def set_smoothing(self, weight: float) -> None:
        """Set the weight of the past; `follow` then smooths again."""
        if weight != self.smoothing:
            self.smoothing, self._count, self._carry = weight, 0, 0.0

    def _take(self, x: Floats, y: Floats) -> None:
        start, end = self._taken, self._taken + len(x)
        if end > len(self._x):
            self._x, self._y, self._smooth = (_grown(a, start, 2 * end) for a in (self._x, self._y, self._smooth))
        self._x[start:end], self._y[start:end] = x, y
        self._taken = end
        blocks = end // _BLOCK
        if blocks > len(self._low):
            self._low, self._high = (_grown(a, self._blocks, 2 * blocks) for a in (self._low, self._high))
        if blocks > self._blocks:
            fresh = self._y[self._blocks * _BLOCK : blocks * _BLOCK].reshape(-1, _BLOCK)
            self._low[self._blocks : blocks], self._high[self._blocks : blocks] = fresh.min(axis=1), fresh.max(axis=1)
            self._blocks = blocks

    def at(self, x: float) -> int | None:
        """Index of the point nearest to x; None if there are no points."""
        if not self._count:
            return None
        k = int(np.searchsorted(self.x, x))
        return min((k - 1, k), key=lambda i: abs(self._x[i] - x) if 0 <= i < self._count else np.inf)

    def drawn(self, low: float, high: float, pixels: int, log_x: bool = False) -> PlotSamples:
        """What to draw between two x, with one point beyond each, in a plot so many pixels wide."""
        x = self.x
        first = max(0, int(np.searchsorted(x, low)) - 1)
        last = min(self._count, int(np.searchsorted(x, high, side="right")) + 1)
        if last - first <= 2 * pixels:
            y = self._y[first:last]
            return PlotSamples(x[first:last], y, y, self._smooth[first:last])
        begin, end = x[first], x[last - 1]
        spaced = np.geomspace if log_x else np.linspace
        places = spaced(max(begin, end * 1e-9, 1e-300) if log_x else begin, end, pixels + 1)[:-1]
        starts = np.unique(np.append(first, first + np.searchsorted(x[first:last], places)))
        starts = starts[starts < last]
        ends = np.append(starts[1:], last)
        lows, highs = self._extremes(starts, ends)
        return PlotSamples(x[starts], lows, highs, self._smooth[ends - 1])

    def _extremes(self, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Lowest and highest value of each range of points; the ranges follow one another."""
        sparse = np.flatnonzero(ends - starts < _DENSE)
        split = int(sparse[-1]) + 1 if len(sparse) else 0  # from here on every range is dense
        if ends[-1] // _BLOCK > self._blocks or split == len(starts):
            split = len(starts)
        lows, highs = np.empty(len(starts)), np.empty(len(starts))
        if split:
            stop = int(ends[split - 1])
            here = self._y[int(starts[0]) : stop]
            at = starts[:split] - starts[0]
            lows[:split], highs[:split] = np.minimum.reduceat(here, at), np.maximum.reduceat(here, at)
        if split < len(starts):
            # The ranges' edges move to those of blocks, by a quarter of a pixel at most.
            blocks = starts[split:] // _BLOCK
            stop = max(int(blocks[-1]) + 1, int(ends[-1]) // _BLOCK)
            lows[split:] = np.minimum.reduceat(self._low[:stop], blocks)
            highs[split:] = np.maximum.reduceat(self._high[:stop], blocks)
            tail = self._y[stop * _BLOCK : int(ends[-1])]
            if len(tail):
                lows[-1], highs[-1] = min(lows[-1], tail.min()), max(highs[-1], tail.max())
        return lows, highs


def _grown(array: Floats, used: int, size: int) -> Floats:
    new = np.empty(max(size, 64))
    new[:used] = array[:used]
    return new
