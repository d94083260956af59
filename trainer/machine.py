"""How busy the machine is: processor, memory and, where an NVIDIA driver answers, the graphics card. Imports neither torch nor Qt."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


class MachineMonitor:
    """One look costs about half a millisecond (two with a graphics card); it tells of the time since the look before."""

    def __init__(self, card: int | None = 0) -> None:
        """`card`: number of the graphics card to look at; None for none."""
        self._me = psutil.Process()
        self._card: Any = None
        psutil.cpu_percent()
        if card is not None:
            # No driver, no library, a driver that is being replaced: all of them mean that there is nothing to tell.
            with suppress(Exception):
                import pynvml

                pynvml.nvmlInit()
                self._card = pynvml.nvmlDeviceGetHandleByIndex(card)

    def read(self) -> dict[str, float]:
        """cpu, memory, gpu, gpu_memory as shares of all there is, process_memory and gpu_memory_bytes in bytes, power in watts.

        What cannot be known is left out.
        """
        found = {
            "cpu": psutil.cpu_percent() / 100,
            "memory": psutil.virtual_memory().percent / 100,
            "process_memory": float(self._me.memory_info().rss),
        }
        if self._card is not None:
            import pynvml

            with suppress(Exception):
                used = pynvml.nvmlDeviceGetMemoryInfo(self._card)
                found |= {"gpu_memory": used.used / used.total, "gpu_memory_bytes": float(used.used)}
            with suppress(Exception):
                found["gpu"] = pynvml.nvmlDeviceGetUtilizationRates(self._card).gpu / 100
            with suppress(Exception):
                found["power"] = pynvml.nvmlDeviceGetPowerUsage(self._card) / 1000
        return found


def keep_memory() -> bool:
    """Let this process keep the memory it frees instead of giving it back and having it cleared again; whether that could be done.

    Activations are large and short-lived: with glibc's defaults each is a mapping of its own. Measured on one core, a step in float32
    takes 5 to 10 % less time without.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        trim, top_pad, mmap_threshold = -1, -2, -3  # malloc.h
        wanted = ((mmap_threshold, 1 << 30), (trim, (1 << 31) - 1), (top_pad, 64 << 20))
        return all(library.mallopt(name, value) == 1 for name, value in wanted)
    except (OSError, AttributeError):  # another C library
        return False


def free_bytes(path: Path) -> int:
    """Bytes that a user may still write where this path is."""
    if hasattr(os, "statvfs"):
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize
    import shutil

    return shutil.disk_usage(path).free
