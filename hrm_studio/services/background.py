"""One thread for computations that views must not wait for, such as PCA."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from hrm_studio.crash import report
from hrm_studio.services.priority import behind_the_window

T = TypeVar("T")


class Background(QObject):
    """`run` computes in the thread, one job after the other, and passes the result on in the GUI thread."""

    _done = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "background", initializer=behind_the_window)
        # Always queued: the result of a quick job must not arrive before `run` returns.
        self._done.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Compute work() in the thread, then call then(result) in the GUI thread. `work` must handle errors that people can cause;
        any other is reported as a bug.

        Once closed, nothing is computed: a timer may still fire while the window closes.
        """
        if not self._closed:
            self._thread.submit(work).add_done_callback(partial(self._finished, then))

    def _finished(self, then: Callable[[Any], object], future: Future[Any]) -> None:
        """In the thread."""
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._done.emit(then, future.result())
        elif isinstance(error, Exception):
            report(error, "computing in the background")

    def _hand_over(self, then: Callable[[Any], object], result: Any) -> None:
        if not self._closed:  # the receiver may be gone with the window
            then(result)

    def close(self) -> None:
        """End the thread. Waits for the running job and drops the others."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def finish(self) -> None:
        """End the thread after all jobs are done, so that nothing is lost. Their results are dropped."""
        self._closed = True
        self._thread.shutdown(wait=True)
