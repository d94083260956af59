"""The background work of the states view: fit a basis, and project a trace's states into it."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, replace

import numpy as np

from hrm_model.analysis.core import Floats, Projection
from hrm_model.analysis.states import Basis, fit_trace, fits, paths_in, states_of
from hrm_model.trace.data import Trace

BOTH = "both"  # like 'H' and 'L' the name of a plot: both modules together
_CELL_ROWS = 40  # states whose cells set the range of the axes in 'Cells'
_LEAST_POINTS = 4
_LEAST_SHARE = 0.005  # of the variance along the second axis
_UMAP_POINTS = 5  # with fewer, neighbours have no meaning


@dataclass(frozen=True)
class PlotPoints:
    """The points of one plot."""

    paths: dict[str, Floats]  # (R, 3) by module; both modules in BOTH
    explained: Floats  # (3,) shares of the variance; zeros for UMAP
    cells: Projection | None  # of a cell's state, (…, D) → (…, 3)
    cells_low: Floats
    cells_high: Floats
    first: int = 0  # the first row of a path that the frame must hold

    @property
    def path(self) -> Floats:
        """(R, 2) the first two components of the only path."""
        return next(iter(self.paths.values()))[:, :2]

    def spread(self, cells: bool) -> bool:
        """Whether the points spread over the plane. The first two or three do not, and axes of rounding errors mean nothing."""
        explained = self.cells.explained if cells and self.cells is not None else self.explained
        enough = cells or max(len(path) for path in self.paths.values()) >= _LEAST_POINTS
        return enough and bool(not explained[0] or explained[1] >= _LEAST_SHARE)

    def extent(self, cells: bool) -> tuple[Floats, Floats]:
        """The lowest and the highest corner of all points, (3,) each."""
        if cells:
            return self.cells_low, self.cells_high
        everything = np.concatenate([path[min(self.first, len(path) - 1) :] for path in self.paths.values()])
        return everything.min(axis=0), everything.max(axis=0)


@dataclass(frozen=True)
class ProjectedTrace:
    """All plots of one trace."""

    basis: Basis
    plots: dict[str, PlotPoints]  # 'H', 'L', BOTH
    own_basis: bool  # the wanted basis has another size, so this is the trace's own
    error: str = ""  # why UMAP failed


def project_trace(trace: Trace, wanted: Basis | None, *, without_start: bool = False) -> ProjectedTrace:
    """A trace in the wanted basis; in its own if that is None or has another size. `without_start`: its own leaves the initial states out."""
    usable = wanted is not None and fits(wanted, trace)
    first = int(without_start and not usable)
    basis = wanted if usable and wanted is not None else fit_trace(trace, first)
    paths = paths_in(basis, trace)
    plots = {}
    cells = len(trace.puzzle.given)
    for level in "HL":
        z = states_of(trace, level)
        sample = np.asarray(z[:: max(1, len(z) // _CELL_ROWS), -cells:], np.float32)
        points = basis.cells[level](sample.reshape(-1, sample.shape[-1]))
        plots[level] = PlotPoints(
            {level: paths.apart[level]}, basis.whole[level].explained, basis.cells[level], points.min(axis=0), points.max(axis=0), first
        )  # fmt: skip
    none = np.zeros(3)
    plots[BOTH] = PlotPoints(dict(paths.together), basis.together.explained, None, none, none, first)
    return ProjectedTrace(basis, plots, wanted is not None and not usable)


def umap_there() -> bool:
    """Whether the package umap-learn (extra `umap`) is installed."""
    return importlib.util.find_spec("umap") is not None


def project_by_umap(trace: Trace, projected: ProjectedTrace) -> ProjectedTrace:
    """The same trace with paths by UMAP: H, L, and both together. The axes have no meaning."""
    try:
        umap = importlib.import_module("umap")
    except ImportError as error:  # installed, but one of its own dependencies is not
        return replace(projected, error=f"UMAP cannot be loaded: {error}.")
    if min(len(states_of(trace, level)) for level in "HL") < _UMAP_POINTS:
        return replace(projected, error="UMAP needs more steps than this trace has. It is shown by principal components.")
    flat = {level: np.asarray(states_of(trace, level), np.float32).reshape(len(states_of(trace, level)), -1) for level in "HL"}

    def laid_out(points: Floats) -> Floats:
        neighbours = max(2, min(15, len(points) - 1))
        found = umap.UMAP(n_components=2, n_neighbors=neighbours, random_state=0, n_jobs=1, init="random").fit_transform(points)
        return np.column_stack([found, np.zeros(len(found))]).astype(np.float32)

    together = laid_out(np.concatenate([flat["H"], flat["L"]]))
    count = len(flat["H"])
    paths = {level: {level: laid_out(flat[level])} for level in "HL"} | {BOTH: {"H": together[:count], "L": together[count:]}}
    plots = {
        name: PlotPoints(paths[name], np.zeros(3), old.cells, old.cells_low, old.cells_high) for name, old in projected.plots.items()
    }  # fmt: skip
    return ProjectedTrace(projected.basis, plots, projected.own_basis)
