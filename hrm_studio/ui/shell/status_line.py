"""The status line: what the worker is doing, with which model, on what device and how fast."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from hrm_model.trace.data import Trace
from hrm_studio.glossary import tip
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel


class StatusLine(QStatusBar):
    """Left: what the worker is doing. Right: model, parameters, device, dtype, attention backend, steps/s."""

    def __init__(self, reasoner: Reasoner, traces: TraceModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(12, 0, 12, 0)
        self.busy = QLabel("")
        self.addWidget(self.busy, 1)
        self.model, self.parameters, self.device, self.dtype, self.attention, self.speed = (QLabel("", visible=False) for _ in range(6))
        for label, term in (
            (self.model, "checkpoint"),
            (self.parameters, "parameters"),
            (self.device, "device"),
            (self.dtype, "dtype"),
            (self.attention, "attention backend"),
            (self.speed, "steps/s"),
        ):
            label.setToolTip(tip(term))
            label.setAccessibleName(term)
            self.addPermanentWidget(label)
        self._begun, self._first, self._steps = 0.0, 0, 0
        reasoner.busy_changed.connect(self.busy.setText)
        self._traces = traces
        self._loaded: LoadedModel | None = None
        reasoner.model_loaded.connect(self._model_loaded)
        traces.trace_replaced.connect(self._show_model)
        reasoner.trace_started.connect(self._started)
        reasoner.trace_grew.connect(self._grew)
        reasoner.trace_finished.connect(self._finished)

    def _model_loaded(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._show_model()

    def _show_model(self) -> None:
        """The model of the trace on the board; nothing without a trace."""
        trace, loaded = self._traces.trace, self._loaded
        texts = ["", "", "", "", ""]
        if trace is not None and (loaded is None or trace.model.name != loaded.name):
            texts[0] = f"{trace.model.name} (recorded)" if trace.model.name else ""
        elif trace is not None and loaded is not None:
            texts = [loaded.name, f"{loaded.parameters:,} parameters", loaded.device, loaded.dtype, f"attention: {loaded.attention}"]
        for label, text in zip((self.model, self.parameters, self.device, self.dtype, self.attention), texts, strict=True):
            label.setText(text)
            label.setVisible(bool(text))
        self.speed.setVisible(bool(texts[1] and self.speed.text()))

    def _started(self, trace: Trace, expected_steps: int) -> None:
        self._begun, self._first, self._steps = time.perf_counter(), len(trace), len(trace)

    def _grew(self, trace: Trace) -> None:
        self._steps = len(trace)

    def _finished(self) -> None:
        seconds = time.perf_counter() - self._begun
        if self._steps > self._first and seconds > 0:
            self.speed.setText(f"{(self._steps - self._first) / seconds:,.0f} steps/s")
            self.speed.show()
