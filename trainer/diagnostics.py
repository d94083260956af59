"""What a good teacher would say while looking on: warnings from a run's own figures. Imports neither torch nor Qt.

Each is told once a run. The figures behind them are those of arXiv 2506.21734's authors and of later reports: late overfitting makes
training and the Q head diverge, and cells can be right long before any puzzle is.
"""

from __future__ import annotations

from typing import Any

from trainer.config import RunConfig
from trainer.runs.events import Evaluated, Event, Metrics, Warned, event

_ENDED = 2000  # examples that running figures are taken over
_LEARNED = 0.995  # of training examples wholly right
_GAP = 0.05  # held-out accuracy that far behind training is overfitting
_RISE = 0.05
_FLAT = 8  # evaluations
_HARDLY = 0.005


class Diagnostics:
    """Takes metrics and evaluation events in their order, and gives warning events."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.told: set[str] = set()
        self._ended = 0.0
        self._exact = self._steps = 0.0  # running means over examples as they end
        self._held_out: list[tuple[int, float, float]] = []  # step, exact, cells

    def replay(self, entry: Event) -> None:
        """Take in what a run told before this process went on with it."""
        if entry["type"] == "warning" and isinstance(entry.get("code"), str):
            self.told.add(entry["code"])
        elif entry["type"] == "metrics" or entry["type"] == "evaluation":
            self._take(entry)

    def check(self, entry: Event) -> list[Warned]:
        """Warnings that this event gives reason for."""
        if entry["type"] != "metrics" and entry["type"] != "evaluation":
            return []
        self._take(entry)
        found = {
            "overfitting": self._overfitting(),
            "pinned": self._pinned(entry["step"]),
            "nothing-solved": self._nothing_solved(),
            "plateau": self._plateau(),
        }
        new = {code: text for code, text in found.items() if text and code not in self.told}
        self.told |= new.keys()
        return [event("warning", entry["step"], code=code, message=text) for code, text in new.items()]

    def _take(self, entry: Metrics | Evaluated) -> None:
        values: dict[str, Any] = dict(entry["values"] or {})
        if entry["type"] == "evaluation":
            if values:
                self._held_out.append((entry["step"], float(values["exact_accuracy"]), float(values["accuracy"])))
            return
        ended = entry.get("ended") or 0
        if ended and values.get("exact_accuracy") is not None:
            self._ended += ended
            weight = min(1.0, max(ended / _ENDED, ended / self._ended))  # a plain mean at first
            self._exact += weight * (values["exact_accuracy"] - self._exact)
            self._steps += weight * (values["steps"] - self._steps)

    def _overfitting(self) -> str:
        if self._ended < _ENDED or self._exact < _LEARNED:
            return ""
        held_out = max((exact for _, exact, _ in self._held_out[-3:]), default=None)
        if held_out is None:
            return (
                f"{self._exact:.1%} of training examples are wholly right. From here on HRM tends to overfit and to diverge; "
                "stop soon, or judge it by puzzles that it has not seen."
            )
        if held_out > self._exact - _GAP:
            return ""
        return (
            f"{self._exact:.1%} of training examples are wholly right but only {held_out:.1%} of unseen ones: the model learns its examples "
            "by heart. Late overfitting makes HRM diverge; use more puzzles or stop here. The best checkpoint is kept."
        )

    def _pinned(self, step: int) -> str:
        most = self.config.model.halt_max_steps
        wished = self.config.full_length == 1  # every row must think to the end
        if most < 4 or wished or self._ended < _ENDED or step < self.config.steps / 5 or step < 2 * self.config.warmup_steps:
            return ""
        if self._steps < 0.97 * most:
            return ""
        if self._exact > 0.5:
            return (
                f"Examples think for all {most} segments although {self._exact:.0%} of them are solved: the Q head has not learned to halt. "
                "Training costs more than it need; answers are not affected."
            )
        return (
            f"After a fifth of the run nearly every example still thinks for all {most} segments without an answer it is sure of. "
            "Easier puzzles, or easier_copies, give the Q head something to learn from."
        )

    def _nothing_solved(self) -> str:
        if len(self._held_out) < 4 or max(exact for _, exact, _ in self._held_out) > 0:
            return ""
        first, last = self._held_out[0][2], self._held_out[-1][2]
        if last < 0.5 or last - first < _RISE:
            return ""
        return (
            f"{last:.0%} of unseen cells are right, up from {first:.0%}, and still not one whole puzzle. That is usual for a while: whole puzzles "
            "come late and then quickly. Where it stays so, more cycles with gradient (gradient: all) or easier puzzles help."
        )

    def _plateau(self) -> str:
        if len(self._held_out) <= _FLAT:
            return ""
        before = max(exact for _, exact, _ in self._held_out[:-_FLAT])
        since = max(exact for _, exact, _ in self._held_out[-_FLAT:])
        cells = [c for _, _, c in self._held_out]
        long_enough = self._held_out[-1][0] - self._held_out[-_FLAT - 1][0] >= self.config.steps / 10
        if not long_enough or before >= 0.98 or since > before + _HARDLY or max(cells[-_FLAT:]) > max(cells[:-_FLAT]) + _HARDLY:
            return ""
        return (
            f"The last {_FLAT} evaluations are no better than {before:.1%} of unseen puzzles before them. A lower learning rate, more puzzles "
            "or more cycles may help; continue with changes from the best checkpoint."
        )
