"""A thread that runs generators as jobs: they stream results, can be cancelled between two steps, and give way to newer jobs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hrm_model.errors import is_expected
from hrm_studio.crash import report
from hrm_studio.services.priority import behind_the_window

Report = Callable[[], None]
Job = Callable[[], Iterator[Report]]  # yields one report a step, called in the thread


@dataclass(frozen=True)
class _QueuedJob:
    lane: str
    number: int
    steps: Iterator[Report]
    failed: Callable[[Exception], None]


class Worker:
    """Runs the newest job first; an older one continues after that.

    A job has a lane ('reason', 'attention', …): another job in the same lane takes its place. `idle` and a job's `failed` are
    called in the thread.
    """

    def __init__(self, name: str, idle: Callable[[], None]) -> None:
        self._name, self._idle = name, idle
        self._arrived: queue.SimpleQueue[_QueuedJob | None] = queue.SimpleQueue()
        self._newest: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    def claim(self, lane: str) -> int:
        """A number for the lane's next job. The job that runs there ends after its current step."""
        number = self._newest[lane] = self._newest.get(lane, 0) + 1
        return number

    def submit(self, lane: str, number: int, job: Job, failed: Callable[[Exception], None]) -> None:
        """Start the job for which a number was claimed."""
        # A generator does nothing until it is advanced, so all of it runs in the thread.
        self._arrived.put(_QueuedJob(lane, number, _lazily(job), failed))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def wanted(self, lane: str, number: int) -> bool:
        """Whether this is still the lane's job."""
        return self._newest.get(lane) == number

    def close(self) -> None:
        """End all jobs and the thread; waits at most for one step."""
        for lane in self._newest:
            self.claim(lane)
        self._arrived.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        behind_the_window()
        running: list[_QueuedJob] = []
        while True:
            while not running or not self._arrived.empty():
                arrived = self._arrived.get()
                if arrived is None:
                    return
                running.append(arrived)
            job = running[-1]
            if self.wanted(job.lane, job.number):
                try:
                    call = next(job.steps, None)
                    if call is not None:
                        call()
                        continue
                except Exception as error:  # it must not end the thread or leave the caller waiting
                    if not is_expected(error):
                        report(error, f"working on the job “{job.lane}” of the {self._name}")
                    job.failed(error)
            running.pop()
            if not running and self._arrived.empty():
                self._idle()


def _lazily(job: Job) -> Iterator[Report]:
    yield from job()
