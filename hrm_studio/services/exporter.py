"""Makes pictures and animations in a process of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from hrm_studio.export.spec import Spec
from hrm_studio.services.child_process import ChildProcess, Reply


class Exporter(QObject):
    """Makes one file at a time.

    Signals
    -------
    progress(int, int)  pictures made, pictures in all
    finished(object)    the Path that was made
    failed(str)         a sentence; '' if it was cancelled
    """

    progress = Signal(int, int)
    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._child: ChildProcess | None = None
        self._outcome: Reply = {}
        self._cancelled = False

    @property
    def running(self) -> bool:
        return self._child is not None

    def start(self, trace: Path, name: str, spec: Spec, out: Path) -> None:
        """Make `out` of the entry `name` ('' is the first) of a trace file."""
        assert not self.running
        self._outcome, self._cancelled = {}, False
        self._child = ChildProcess(
            ["-m", "hrm_studio.render"], {"trace": str(trace), "name": name, "spec": asdict(spec), "out": str(out)},
            name="The process that makes pictures", doing="making a picture", is_last=_is_outcome, graceful=True, parent=self,
        )  # fmt: skip
        self._child.answered.connect(self._take)
        self._child.ended.connect(self._ended)
        self._child.start()

    def cancel(self) -> None:
        """End it. The unfinished file is removed, an earlier file of that name stays."""
        if self._child is not None:
            self._cancelled = True
            self._child.stop()

    def close(self) -> None:
        """End it now: the window closes."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _take(self, answer: Reply) -> None:
        if _is_outcome(answer):
            self._outcome = answer
        else:
            self.progress.emit(answer["done"], answer["total"])

    def _ended(self, fault: str) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.deleteLater()
        if "finished" in self._outcome:
            self.finished.emit(Path(self._outcome["finished"]))
        else:
            self.failed.emit("" if self._cancelled else self._outcome.get("failed") or fault)


def _is_outcome(answer: Reply) -> bool:
    return "finished" in answer or "failed" in answer
