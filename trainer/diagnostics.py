"""Warnings about a run, from its own figures. Imports neither torch nor Qt.

Each warning comes once a run. They rest on what the authors of arXiv 2506.21734 and later reports found: late overfitting makes training
and the Q head diverge, and many cells can be right long before a whole puzzle is.
"""

from __future__ import annotations

from typing import Any

from trainer.config import RunConfig
from trainer.runs.events import Evaluated, Event, Metrics, Warned, event

_ENDED = 2000  # examples that the running means cover
_LEARNED = 0.995  # share of training examples solved
_GAP = 0.05  # accuracy on unseen puzzles that much below training means overfitting
_RISE = 0.05
_FLAT = 8  # evaluations
_HARDLY = 0.005


class Diagnostics:
    """Takes metrics and evaluation events in order, and returns warning events."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.reported: set[str] = set()
        self._ended = 0.0
        self._exact = self._steps = 0.0  # running means over examples as they end
        self._unseen: list[tuple[int, float, float]] = []  # step, exact, cells

    def replay(self, entry: Event) -> None:
        """Take in an event from before the run was resumed. Its warnings are not repeated."""
        if entry["type"] == "warning" and isinstance(entry.get("code"), str):
            self.reported.add(entry["code"])
        elif entry["type"] == "metrics" or entry["type"] == "evaluation":
            self._take(entry)

    def check(self, entry: Event) -> list[Warned]:
        """New warnings after this event."""
        if entry["type"] != "metrics" and entry["type"] != "evaluation":
            return []
        self._take(entry)
        found = {
            "overfitting": self._overfitting(),
            "pinned": self._pinned(entry["step"]),
            "nothing-solved": self._nothing_solved(),
            "plateau": self._plateau(),
        }
        new = {code: text for code, text in found.items() if text and code not in self.reported}
        self.reported |= new.keys()
        return [event("warning", entry["step"], code=code, message=text) for code, text in new.items()]

    def _take(self, entry: Metrics | Evaluated) -> None:
        values: dict[str, Any] = dict(entry["values"])
        if entry["type"] == "evaluation":
            if values.get("exact_accuracy") is not None and values.get("accuracy") is not None:
                self._unseen.append((entry["step"], float(values["exact_accuracy"]), float(values["accuracy"])))
            return
        ended = entry.get("ended") or 0
        if ended and values.get("exact_accuracy") is not None and values.get("steps") is not None:
            self._ended += ended
            weight = min(1.0, max(ended / _ENDED, ended / self._ended))  # a plain mean at first
            self._exact += weight * (values["exact_accuracy"] - self._exact)
            self._steps += weight * (values["steps"] - self._steps)

    def _overfitting(self) -> str:
        if self._ended < _ENDED or self._exact < _LEARNED:
            return ""
        unseen = max((exact for _, exact, _ in self._unseen[-3:]), default=None)
        if unseen is None:
            return (
                f"{self._exact:.1%} of training examples are solved. From here on an HRM tends to overfit and diverge. "
                "Stop soon, or add an evaluation set of unseen puzzles."
            )
        if unseen > self._exact - _GAP:
            return ""
        return (
            f"Overfitting: {self._exact:.1%} of training examples are solved but only {unseen:.1%} of unseen puzzles. "
            "Late overfitting makes an HRM diverge. Use more puzzles, or stop here; the best checkpoint is kept."
        )

    def _pinned(self, step: int) -> str:
        most = self.config.model.halt_max_steps
        wanted = self.config.full_length == 1  # every row must take all segments
        if most < 4 or wanted or self._ended < _ENDED or step < self.config.steps / 5 or step < 2 * self.config.warmup_steps:
            return ""
        if self._steps < 0.97 * most:
            return ""
        if self._exact > 0.5:
            return (
                f"The Q head has not learned to halt: examples take all {most} segments although {self._exact:.0%} of them are solved. "
                "Training takes longer than it needs to; answers are not affected."
            )
        return (
            f"After a fifth of the run nearly every example still takes all {most} segments and never halts. "
            "Easier puzzles, or a higher easier_copies, let the Q head learn when to halt."
        )

    def _nothing_solved(self) -> str:
        if len(self._unseen) < 4 or max(exact for _, exact, _ in self._unseen) > 0:
            return ""
        first, last = self._unseen[0][2], self._unseen[-1][2]
        if last < 0.5 or last - first < _RISE:
            return ""
        return (
            f"{last:.0%} of unseen cells are right, up from {first:.0%}, but no puzzle is solved yet. This is normal for a while: solved puzzles "
            "come late and then quickly. If it lasts, a gradient through all cycles (gradient: all) or easier puzzles help."
        )

    def _plateau(self) -> str:
        if len(self._unseen) <= _FLAT:
            return ""
        before = max(exact for _, exact, _ in self._unseen[:-_FLAT])
        since = max(exact for _, exact, _ in self._unseen[-_FLAT:])
        cells = [c for _, _, c in self._unseen]
        long_enough = self._unseen[-1][0] - self._unseen[-_FLAT - 1][0] >= self.config.steps / 10
        if not long_enough or before >= 0.98 or since > before + _HARDLY or max(cells[-_FLAT:]) > max(cells[:-_FLAT]) + _HARDLY:
            return ""
        return (
            f"No improvement in the last {_FLAT} evaluations: {before:.1%} of unseen puzzles were solved before them. A lower learning rate, more "
            "puzzles or more cycles may help; continue with changes from the best checkpoint."
        )
