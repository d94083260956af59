"""The layout of a trace in an HDF5 file: names, growing datasets, derived values, ready plots. `docs/trace-format.md` describes it.

All datasets of an entry are made before its first step, so that steps can be appended in HDF5's single-writer mode, in which a
file stays readable if its writer dies.

Shapes: N steps, T positions, S cells, D width, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from hrm_model.analysis import core as analysis
from hrm_model.errors import TraceError
from hrm_model.tasks.base import short_name
from hrm_model.trace.data import LEVEL_H, LEVEL_L, LEVEL_NAMES, Array, Trace
from hrm_model.trace_file.extras import Extras, write_extras
from hrm_model.trace_file.hdf5 import make_collection, pieces, row_sums, write_attributes, write_text

States = Literal["full", "float16", "pooled", "none"]
STATES: tuple[States, ...] = get_args(States)

STEP_NAMES = ("segment", "h_cycle", "l_step", "level", "h_row", "l_row")
Planes = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # by level: see path_of

_SCALAR_ROWS = 256  # rows of a chunk of one number a step
_PIECE = 32_768  # columns at once
_PATH_BYTES = 256 << 20  # states that a plane is fitted on, at most


def pack(states: Array, kept: States) -> Array:
    """States (rows, T, D) as they are kept: unchanged, rounded to float16, or averaged over positions to (rows, 1, D)."""
    if kept == "float16":
        try:
            with np.errstate(over="raise"):
                return states.astype(np.float16)
        except FloatingPointError:
            raise TraceError(f"states go up to {np.abs(states).max():g}, and float16 ends at 65504. Keep them in full") from None
    if kept == "pooled":
        return states.mean(axis=1, keepdims=True, dtype=np.float32)
    return states


def blocks(trace: Trace) -> Iterator[Trace]:
    """A trace segment by segment. The rows of each block begin at 0; row 0 is the state before it."""
    if not len(trace):
        return
    cuts = [0, *(np.flatnonzero(np.diff(trace.segment)) + 1).tolist(), len(trace)]
    h, fast, done = 0, 0, 0
    for start, end in zip(cuts, cuts[1:], strict=False):
        at = slice(start, end)
        last_h, last_l = int(trace.h_row[end - 1]), int(trace.l_row[end - 1])
        ends = min(len(trace.q_halt), int(trace.segment[end - 1]) + 1)
        parts: dict[str, Any] = {name: getattr(trace, name)[at] for name in (*STEP_NAMES, "prediction", "probability")}
        parts |= {"h_row": parts["h_row"] - h, "l_row": parts["l_row"] - fast}
        parts |= {name: getattr(trace, name)[done:ends] for name in ("q_halt", "q_continue")}
        if trace.z_H is not None and trace.z_L is not None:
            parts |= {"z_H": trace.z_H[h : last_h + 1], "z_L": trace.z_L[fast : last_l + 1]}
        yield replace(trace, **parts)
        h, fast, done = last_h, last_l, ends


class EntryWriter:
    """One entry of a file: its group with all datasets, to which blocks of steps are appended."""

    def __init__(self, file: h5py.File, name: str, first: Trace, kept: States, extras: Extras, rows: int) -> None:
        self.name, self.kept = name, _kept(first, kept)
        self._rows = rows  # steps that are written at once, and read at once
        self._h = self._l = 0  # rows of the blocks before
        self._there: dict[str, h5py.Dataset] = {}  # growing datasets; looking one up in the file takes as long as writing a number
        self._group = file.create_group(name)
        write_attributes(self._group, NX_class="NXentry", states=self.kept)
        write_text(self._group, "title", extras.title or _title(first))
        self._group.create_dataset("complete", data=np.uint8(0))
        self._puzzle(first)
        self._model(first)
        self._datasets(first)
        self._plots()
        write_extras(self._group, extras)

    # Making ----------------------------------------------------------------------------------------------------------

    def _puzzle(self, first: Trace) -> None:
        puzzle = make_collection(self._group, "puzzle")
        write_text(puzzle, "task", first.puzzle.task)
        write_text(puzzle, "text", first.puzzle.text)
        if first.puzzle.identifier:
            puzzle.create_dataset("identifier", data=first.puzzle.identifier)
        puzzle.create_dataset("given", data=first.puzzle.given)
        if first.puzzle.solution is not None:
            puzzle.create_dataset("solution", data=first.puzzle.solution)
        task = analysis.task_of(first)
        if task is not None:
            labels = [task.symbols[number] for number in task.from_tokens(np.arange(first.probability.shape[2])).tolist()]
            write_attributes(puzzle["given"], token_labels=labels)

    def _model(self, first: Trace) -> None:
        model = make_collection(self._group, "model")
        write_text(model, "name", first.model.name)
        write_text(model, "config", json.dumps(first.model.config))
        write_text(model, "sha256", first.model.sha256)

    def _datasets(self, first: Trace) -> None:
        for name in ("steps", "segments", "analysis"):
            make_collection(self._group, name)
        many, small = self._rows, self.kept in ("none", "pooled")
        self._add("steps/step", (), np.int32)
        for name in STEP_NAMES:
            self._add(f"steps/{name}", (), getattr(first, name).dtype)
        write_attributes(self._group["steps/level"], labels=list(LEVEL_NAMES))
        self._add("steps/prediction", first.prediction.shape[1:], first.prediction.dtype, rows=many, squeeze=True)
        # With all states it is a fiftieth of the file, and compressing it would take longer than writing them.
        self._add("steps/probability", first.probability.shape[1:], first.probability.dtype, rows=many, squeeze=small)
        for level in "HL" if self.kept != "none" else "":
            states = getattr(first, f"z_{level}")
            shape = (1, states.shape[2]) if self.kept == "pooled" else states.shape[1:]
            # Without filters: HDF5's own checksum takes three times as long as writing them; a CRC-32 of each row does not.
            self._add(f"steps/z_{level}", shape, {"float16": "f2", "pooled": "f4"}.get(self.kept, states.dtype), rows=1, checked=False)
            self._add(f"steps/crc_{level}", (), np.uint32)
        self._add("segments/segment", (), np.int32)
        for name in ("q_halt", "q_continue"):
            self._add(f"segments/{name}", (), getattr(first, name).dtype)
        for name in [*["residual"] * first.has_states, *derived(replace(first, z_H=None, z_L=None))]:
            self._add(f"analysis/{name}", (), np.float32)
        self._add("analysis/board", _board_shape(first), np.int16, rows=many, squeeze=True)
        for level in "HL" if first.has_states else "":
            self._add(f"analysis/residual_{level}", (), np.float32)
            self._add(f"analysis/step_{level}", (), np.int32)
        for level in "HL" if self.kept != "none" else "":
            self._add(f"analysis/row_step_{level}", (), np.int32)
            self._add(f"analysis/pc1_{level}", (), np.float32)
            self._add(f"analysis/pc2_{level}", (), np.float32)
            self._group[f"analysis/explained_{level}"] = np.zeros(2, np.float32)
        for group, scale in (("steps", "step"), ("segments", "segment")):
            self._group[f"{group}/{scale}"].make_scale(scale)
            for name, dataset in self._group[group].items():
                if name != scale and not name.startswith(("z_", "crc_")):
                    dataset.dims[0].attach_scale(self._group[f"{group}/{scale}"])

    def _add(
        self, path: str, shape: tuple[int, ...], dtype: DTypeLike, *, rows: int = _SCALAR_ROWS, squeeze: bool = False, checked: bool = True
    ) -> None:
        how: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if squeeze else {}
        self._there[path] = self._group.create_dataset(
            path, (0, *shape), dtype, maxshape=(None, *shape), chunks=(max(1, rows), *shape), fletcher32=checked, **how
        )

    def _plots(self) -> None:
        there = self._group.__contains__
        plots: list[str] = []

        def plot(name: str, title: str, signal: str, axes: Sequence[str], *more: str, log: bool = False) -> None:
            if not there(signal):
                return
            group = self._group.create_group(name)
            last = [path.rpartition("/")[2] for path in (signal, *axes, *more)]
            write_attributes(group, NX_class="NXdata", signal=last[0], axes=last[1 : 1 + len(axes)])
            if more:
                write_attributes(group, auxiliary_signals=last[1 + len(axes) :])
            if log:
                write_attributes(group, SILX_style='{"signal_scale_type": "log"}')
            write_text(group, "title", title)
            for short, path in zip(last, (signal, *axes, *more), strict=True):
                if path != ".":
                    group[short] = h5py.SoftLink(f"{self._group.name}/{path}")
            plots.append(name)

        step = ["steps/step"]
        plot("residuals", "Residual: how far the module that moves goes in a step", "analysis/residual", step, log=True)
        for level, speed in (("H", "slow"), ("L", "fast")):
            plot(
                f"residuals_{level}",
                f"Residual of z_{level}, the {speed} module",
                f"analysis/residual_{level}",
                [f"analysis/step_{level}"],
                log=True,
            )
        plot("confidence", "Mean probability of the answer over the open cells", "analysis/confidence", step)
        plot("violations", "Broken rules in the answer", "analysis/violations", step)
        plot("accuracy", "Share of the open cells that are right", "analysis/accuracy", step)
        plot("q_values", "Q values at each segment's end", "segments/q_halt", ["segments/segment"], "segments/q_continue")
        plot("boards", "The answer after each step", "analysis/board", ["steps/step", ".", "."])
        for level in "HL":
            axes = [f"analysis/pc1_{level}", f"analysis/pc2_{level}"]
            plot(f"path_{level}", f"Path of z_{level} through its first two principal components", f"analysis/row_step_{level}", axes)
        write_attributes(self._group, default=plots[0])

    # Filling ---------------------------------------------------------------------------------------------------------

    def append(self, block: Trace, states_written: Callable[[], None] | None = None) -> None:
        """The steps of one more block (see `blocks`). `states_written` is called when most of its bytes are in the file."""
        begun, done = len(self._there["steps/step"]), len(self._there["segments/segment"])
        steps = np.arange(begun, begun + len(block), dtype=np.int32)
        packed: dict[str, Array] = {}
        for level in "HL" if self.kept != "none" else "":
            states = getattr(block, f"z_{level}")
            packed[level] = pack(states[1:] if begun else states, self.kept)
            self._extend_by_chunks(f"steps/z_{level}", packed[level])
        if states_written is not None:
            states_written()
        for level, rows in packed.items():
            self._extend(f"steps/crc_{level}", row_sums(rows))
        for name in ("prediction", "probability"):
            self._extend(f"steps/{name}", getattr(block, name))
        self._extend("analysis/board", _board(block))
        for name, values in derived(block).items():
            self._extend(f"analysis/{name}", values)
            if name == "residual":
                for level, number in (("H", LEVEL_H), ("L", LEVEL_L)):
                    self._extend(f"analysis/residual_{level}", values[block.level == number])
                    self._extend(f"analysis/step_{level}", steps[block.level == number])
        self._extend("segments/segment", np.arange(done, done + len(block.q_halt), dtype=np.int32))
        for name in ("q_halt", "q_continue"):
            self._extend(f"segments/{name}", getattr(block, name))
        for name in STEP_NAMES:
            offset = {"h_row": self._h, "l_row": self._l}.get(name, 0)
            self._extend(f"steps/{name}", getattr(block, name) + offset)
        # Last, because a reader of an interrupted file goes by the shortest.
        self._extend("steps/step", steps)
        self._h, self._l = self._h + int(block.h_row[-1]), self._l + int(block.l_row[-1])

    def _extend(self, path: str, values: Array) -> None:
        dataset = self._there[path]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        # Piece by piece, because HDF5 blocks all other Python threads meanwhile.
        for piece in pieces(dataset, len(values)):
            dataset[start + piece.start : start + piece.stop] = np.ascontiguousarray(values[piece], dataset.dtype)

    def _extend_by_chunks(self, path: str, rows: Array) -> None:
        """The same if a row is a chunk without filters: as fast as writing the bytes to a plain file."""
        dataset = self._there[path]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        for k, row in enumerate(np.ascontiguousarray(rows, dataset.dtype)):
            dataset.id.write_direct_chunk((start + k, 0, 0), row)

    @property
    def plane_bytes(self) -> int:
        """Bytes that `finish` will write, at most."""
        return 64 * (self._h + self._l + 2 * _SCALAR_ROWS)

    def finish(self, planes: Planes | None = None) -> None:
        """Write the planes, which need all states (`planes`: those already found), and mark the entry as complete."""
        for level, number in (("H", LEVEL_H), ("L", LEVEL_L)) if self.kept != "none" else ():
            places, explained = planes[level] if planes else path_of(self._there[f"steps/z_{level}"])
            steps = np.flatnonzero(self._there["steps/level"][:] == number)
            self._extend(f"analysis/row_step_{level}", np.concatenate([[-1], steps]))
            self._extend(f"analysis/pc1_{level}", places[:, 0])
            self._extend(f"analysis/pc2_{level}", places[:, 1])
            self._group[f"analysis/explained_{level}"][:] = explained
        self._group["complete"][()] = 1


def planes_of(trace: Trace, wanted: States) -> Planes:
    """Both modules' `path_of`, from a whole trace; empty if few states are kept, because then reading the file is as fast."""
    if trace.z_H is None or trace.z_L is None or wanted in ("none", "pooled"):
        return {}
    return {"H": path_of(trace.z_H), "L": path_of(trace.z_L)}


def derived(block: Trace) -> dict[str, Array]:
    """Curves with one number a step: those that can be computed for this trace."""
    with np.errstate(all="ignore"):  # states with NaN have NaN residuals
        found: dict[str, Array] = {"residual": analysis.residuals(block)} if block.has_states else {}
    found["confidence"] = analysis.confidence(block)
    broken = analysis.violations(block)
    if not np.isnan(broken).all():  # a task that knows rules
        found["violations"] = broken
    if block.puzzle.solution is not None:
        found["accuracy"] = analysis.accuracy(block)
    return found


def _kept(first: Trace, wanted: States) -> States:
    """What can be kept: states that are missing, averaged or rounded already stay so."""
    if first.z_H is None or first.z_L is None:
        return "none"
    if wanted == "full" and first.pooled:
        return "pooled"
    return "float16" if wanted == "full" and first.z_H.dtype == np.float16 else wanted


def path_of(states: h5py.Dataset | Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States (rows, …) → their places (rows, 2) in the plane of the first two principal components, and the explained shares (2,).

    The plane is that of all rows, or of evenly spread ones if all would need more than 256 MB. It is `analysis.pca`'s, found
    piece by piece: no copy of the states is made.
    """
    rows, width = len(states), int(np.prod(states.shape[1:]))
    every = max(1, -(-rows * width * 4 // _PATH_BYTES))
    points = np.asarray(states[::every]).reshape(-1, width)
    pieces = [slice(k, k + _PIECE) for k in range(0, width, _PIECE)]
    gram = np.zeros((len(points), len(points)))
    with np.errstate(all="ignore"):
        for piece in pieces:
            part = np.asarray(points[:, piece], np.float32)
            gram += part @ part.T
        size = float(np.trace(gram))
        # Centred here and not before, which would copy all states.
        gram += gram.mean() - gram.mean(axis=0) - gram.mean(axis=0)[:, None]
    if not np.isfinite(gram).all():  # a model whose states diverged
        return np.full((rows, 2), np.nan), np.zeros(2)
    values, vectors = np.linalg.eigh(gram)
    total = float(np.trace(gram))
    if total <= 1e-6 * size:  # all equal except for rounding
        return np.zeros((rows, 2)), np.zeros(2)
    shares = values[::-1][:2]
    weights = vectors[:, ::-1][:, :2].astype(np.float32)
    weights -= weights.mean(axis=0)  # they sum to 0, so that points need not be centred for the axes
    axes = np.concatenate([weights.T @ np.asarray(points[:, piece], np.float32) for piece in pieces], axis=1)
    places, explained = np.zeros((rows, 2)), np.zeros(2)
    for k, value in enumerate(shares.tolist()):
        if value <= 1e-9 * total:
            continue
        sign = np.sign(axes[k][np.abs(axes[k]).argmax()])
        explained[k] = value / total
        if every == 1:
            places[:, k] = vectors[:, -1 - k] * sign * np.sqrt(value)
        else:
            axis = axes[k] * (sign / np.linalg.norm(axes[k]))
            many = max(1, _PATH_BYTES // 16 // (4 * width))
            for start in range(0, rows, many):
                places[start : start + many, k] = np.asarray(states[start : start + many], np.float32).reshape(-1, width) @ axis
            places[:, k] -= places[::every, k].mean()
    return places, explained


def _title(first: Trace) -> str:
    task = short_name(first.puzzle.task)
    return f"{task}, {first.model.name}" if first.model.name else task


def _board_shape(trace: Trace) -> tuple[int, int]:
    side, cells = trace.side, len(trace.puzzle.given)
    return (side, side) if side * side == cells else (1, cells)


def _board(block: Trace) -> Array:
    """Answers as pictures (N, rows, columns) of the task's own numbers: a Sudoku's digits with 0 for blank, say; tokens if the task is unknown."""
    task = analysis.task_of(block)
    return (block.prediction if task is None else task.from_tokens(block.prediction)).reshape(len(block), *_board_shape(block))
