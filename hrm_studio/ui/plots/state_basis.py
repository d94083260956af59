"""The choice of the states' axes: fitted on this trace, on a set of puzzles, kept from another trace, or UMAP."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QToolButton

from hrm_model.analysis.core import task_of
from hrm_model.analysis.states import Basis
from hrm_model.trace.data import Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.model_jobs import basis_job
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.ui.plots.state_projection import ProjectedTrace, umap_there

SET = 16  # puzzles that the basis of a set is fitted on
LANE = "basis"

_Key = tuple[str, str]  # name of the model, name of the task


class BasisChoice(QComboBox):
    """The box, and a button (`keep`) that keeps the basis which is shown.

    The basis of a set belongs to a model and a task: for others the model reasons about another set.

    Signals
    -------
    changed()   another basis was chosen, or the message about it changed
    """

    changed = Signal()

    def __init__(self, traces: TraceModel, models: ModelChoice | None, reasoner: Reasoner | None) -> None:
        super().__init__(toolTip="What the axes are fitted on. Only paths in the same basis can be compared.", accessibleName="Basis")
        self._traces, self._models, self._reasoner = traces, models, reasoner
        self._shown: Basis | None = None
        self._kept: Basis | None = None
        self._sets: dict[_Key, Basis | str] = {}  # a basis, or a message why there is none yet
        self._asked: _Key | None = None
        tips = {
            "trace": ("own basis", "Fitted on this trace alone"),
            "later": ("without the start", "Fitted on this trace without the initial states, whose first jump would fill the plot"),
            "kept": ("kept basis", "Press Keep first to keep a basis"),
            "set": ("basis of a set", f"Fitted on the model's states for {SET} new puzzles"),
            "umap": ("UMAP", "A layout that keeps neighbours together. Its axes have no meaning." if umap_there() else "Install umap-learn first: pip install 'hrm-studio[umap]'"),
        }  # fmt: skip
        for kind, (label, tip) in tips.items():
            self.addItem(label, kind)
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        for kind, allowed in (("kept", False), ("set", reasoner is not None and models is not None), ("umap", umap_there())):
            self._allow(kind, allowed)
        self.keep = QToolButton(text="Keep", objectName="chip", toolTip="Keep this basis, to draw later traces of the same size in it")
        self.keep.clicked.connect(self._keep)
        self.activated.connect(self._chosen)

    def _allow(self, kind: str, allowed: bool) -> None:
        self.model().item(self.findData(kind)).setEnabled(allowed)  # type: ignore[attr-defined]

    def _chosen(self) -> None:
        self._sets = {key: found for key, found in self._sets.items() if isinstance(found, Basis)}  # choosing the set again tries again
        self.changed.emit()

    @property
    def without_start(self) -> bool:
        """Whether the trace's own basis leaves the initial states out."""
        return bool(self.currentData() == "later")

    @property
    def umap(self) -> bool:
        return self.currentData() == "umap"

    def wanted(self, trace: Trace) -> Basis | None:
        """The chosen basis; None for the trace's own, which is also shown until the basis of a set is there."""
        if self.currentData() == "kept":
            return self._kept
        if self.currentData() != "set":
            return None
        key = (trace.model.name, trace.puzzle.task)
        if key not in self._sets:
            self._ask(trace, key)
        found = self._sets[key]
        return found if isinstance(found, Basis) else None

    def shown(self, basis: Basis) -> None:
        """Remember the basis that is drawn now, for `keep`."""
        self._shown = basis

    def words(self, trace: Trace, projected: ProjectedTrace) -> str:
        """A message if another basis than the chosen one is shown; '' otherwise."""
        if self.currentData() == "set":
            found = self._sets.get((trace.model.name, trace.puzzle.task), "")
            return found if isinstance(found, str) else ""
        if self.umap:
            return projected.error
        kept = self.currentData() == "kept" and projected.own_basis
        return "The kept basis is for states of another size. This trace is shown in its own basis." if kept else ""

    def _keep(self) -> None:
        if self._shown is not None:
            self._kept = self._shown
            self._allow("kept", True)
            self.setItemData(self.findData("kept"), f"Kept from {self._kept.name}", Qt.ItemDataRole.ToolTipRole)
            self.setCurrentIndex(self.findData("kept"))
            self.changed.emit()

    def _ask(self, trace: Trace, key: _Key) -> None:
        assert self._models is not None
        assert self._reasoner is not None
        path, task = self._models.named(trace.model.name), task_of(trace)
        if task is None or not task.known_rules:
            self._sets[key] = "HRM Studio cannot generate puzzles of this task. This trace is shown in its own basis."
        elif path is None:
            self._sets[key] = (
                f"{trace.model.name or 'The model'} is not loaded, so it cannot reason about a set. This trace is shown in its own basis."
            )
        else:
            if self._asked is not None and isinstance(self._sets.get(self._asked), str):
                del self._sets[self._asked]  # this request replaces it, so it gets no answer
            self._asked = key
            self._sets[key] = f"Reasoning about {SET} puzzles …"
            self._reasoner.run(
                path, self._models.device, basis_job(trace.puzzle.task, SET),
                lambda found: self._answered(key, found), lambda words: self._answered(key, words), lane=LANE,
            )  # fmt: skip

    def _answered(self, key: _Key, found: Basis | str) -> None:
        self._sets[key] = found
        self.changed.emit()
