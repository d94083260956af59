"""Thread priorities: the window's thread comes before those that compute for it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

_NICENESS = 5


def behind_the_window() -> None:
    """Let the calling thread, and the threads that it starts, compute when the window does not need the processor.

    Linux schedules threads by themselves; elsewhere priorities are a process's, and this does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
