"""Unexpected errors: each is logged and shown, whatever thread it happened in, and the program continues.

Expected errors (`hrm_model.errors.is_expected`) are shown where they happen and never come here.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from hrm_model.errors import one_line
from hrm_model.folders import person
from hrm_studio.log import last_lines
from hrm_studio.versions import versions_text

_log = logging.getLogger(__name__)
_LOGGED = 3  # times that the same error is logged with its traceback: a flood must not push the rest out of the log
_MILESTONES = {10**k for k in range(1, 10)}
_OURS = tuple(str(Path(__file__).parents[1] / package) + os.sep for package in ("hrm_model", "trainer", "hrm_studio"))


@dataclass(frozen=True)
class Crash:
    """An unexpected error, ready to be shown."""

    doing: str  # what the program was doing: 'fitting the plane', 'handling a click or key'
    error: str  # one line
    traceback: str
    time: datetime = field(default_factory=datetime.now)

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same error at the same line."""
        lines = [line for line in self.traceback.splitlines() if line.lstrip().startswith("File ")]
        return self.error.partition(":")[0], lines[-1] if lines else self.error

    @classmethod
    def of(cls, error: BaseException, doing: str) -> Crash:
        return cls(doing, one_line(error), "".join(traceback.format_exception(error)).rstrip())


_show: Callable[[Crash], None] | None = None
_doing: Callable[[], str] | None = None
_before: tuple[Any, Any, Any] | None = None  # the hooks that `uninstall` puts back
_busy = threading.local()
_lock = threading.Lock()
_counts: Counter[tuple[str, str]] = Counter()


def install(show: Callable[[Crash], None], doing: Callable[[], str]) -> None:
    """Send every unexpected error to `show`, which is called in the thread of the error.

    `doing` says what the main thread is doing, to complete 'While …'.
    """
    global _show, _doing, _before
    _show, _doing = show, doing
    _counts.clear()
    _before = _before or (sys.excepthook, threading.excepthook, sys.unraisablehook)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _in_main_thread, _in_thread, _unraisable


def uninstall() -> None:
    """Put back what handled uncaught errors before `install`."""
    global _show, _before
    _show = None
    if _before is not None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = _before
        _before = None


def report(error: BaseException, doing: str) -> None:
    """Log an unexpected error and show it. Never raises and does not end the thread."""
    if _show is not None:
        _handle(error, doing)
    else:  # nobody shows it, so it goes where uncaught errors go
        error.add_note(f"While {doing}.")
        sys.excepthook(type(error), error, error.__traceback__)


def report_text(crashes: list[tuple[Crash, int]]) -> str:
    """What *Copy report* copies: the errors with how often each came, versions, and the last lines of the log. No home folder's name."""
    parts = [f"HRM Studio error report, {datetime.now():%Y-%m-%d %H:%M:%S}"]
    for crash, count in crashes:
        times = f" ({count} times)" if count > 1 else ""
        parts.append(f"{crash.time:%H:%M:%S}  While {crash.doing}{times}:\n{crash.traceback}")
    parts.append(versions_text())
    parts.append("Last lines of the log:\n" + "\n".join(last_lines()))
    return "\n\n".join(parts).replace(str(person()), "~") + "\n"


def _handle(error: BaseException, doing: str) -> None:
    if getattr(_busy, "now", False):  # an error while an error is shown
        sys.__excepthook__(type(error), error, error.__traceback__)
        return
    _busy.now = True
    try:
        crash = Crash.of(error, doing)
        with _lock:
            _counts[crash.key] += 1
            times = _counts[crash.key]
        if times <= _LOGGED:
            _log.error("unexpected error while %s\n%s", doing, crash.traceback)
        elif times in _MILESTONES:
            _log.error("unexpected error while %s, %s times now: %s", doing, times, crash.error)
        if _show is not None:
            _show(crash)
    except Exception:  # the last line of defence: what went wrong must not hide the error itself
        sys.__excepthook__(type(error), error, error.__traceback__)
        traceback.print_exc()
    finally:
        _busy.now = False


def _in_main_thread(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, Exception):  # Ctrl+C
        sys.__excepthook__(kind, error, trace)
        return
    _handle(error.with_traceback(trace), _doing() if _doing is not None else "working")


def _in_thread(args: threading.ExceptHookArgs) -> None:
    if isinstance(args.exc_value, Exception):
        name = args.thread.name if args.thread is not None else "unknown"
        _handle(args.exc_value, f"working in the thread '{name}'")


def _unraisable(args: Any) -> None:
    """Errors in finalizers. Those of libraries, which nobody can act on, are only logged."""
    error = args.exc_value
    if not isinstance(error, Exception):
        return
    frames = traceback.extract_tb(error.__traceback__)
    if any(frame.filename.startswith(_OURS) for frame in frames):
        _handle(error, "clearing up")
    else:
        _log.warning("error in a finalizer: %s", args.err_msg or args.object, exc_info=error)
