"""How busy the machine is: processor, memory and an NVIDIA graphics card, if there is one. Imports neither torch nor Qt."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


class MachineMonitor:
    """Reads the machine's load. A read takes about half a millisecond, two with a graphics card."""

    def __init__(self, card: int | None = 0) -> None:
        """`card`: number of the graphics card; None: none."""
        self._me = psutil.Process()
        self._card: Any = None
        psutil.cpu_percent()
        if card is not None:
            # Without a driver or library, or while a driver is replaced, there is no card to read.
            with suppress(Exception):
                import pynvml

                pynvml.nvmlInit()
                self._card = pynvml.nvmlDeviceGetHandleByIndex(card)

    def read(self) -> dict[str, float]:
        """Load since the last read: cpu, memory, gpu and gpu_memory are shares, process_memory and gpu_memory_bytes bytes, power watts.

        What is unknown is left out.
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
    """Let this process keep the memory that it frees, instead of returning it to the system. Whether that is possible here.

    Activations are large and live briefly. By default glibc maps each anew, and the system clears it: on one core, a float32 step takes
    5 to 10 % less time without that.
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
    """Bytes that may still be written to the disk of this path."""
    if hasattr(os, "statvfs"):
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize
    import shutil

    return shutil.disk_usage(path).free
