"""How busy this machine is: processor, memory, and graphics card where NVIDIA's driver tells."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import psutil
from PySide6.QtCore import QObject, Signal

_EVERY = 1.0  # seconds


class MachineLoad(QObject):
    """Samples in a thread of its own while it is switched on.

    Signals (delivered in the GUI thread)
    -------
    sampled(dict)   cpu, memory and, with a driver, gpu, gpu_memory (shares 0 … 1) and power (watts)
    """

    sampled = Signal(dict)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def on(self) -> bool:
        return self._stop is not None

    def switch(self, on: bool) -> None:
        """Begin or end; asking twice does nothing."""
        if on and self._stop is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._work, args=(self._stop,), name="machine load", daemon=True)
            self._thread.start()
        elif not on and self._stop is not None:
            self._stop.set()
            self._stop = None

    def close(self) -> None:
        thread = self._thread
        self.switch(False)
        if thread is not None:
            thread.join(timeout=5)

    def _work(self, stop: threading.Event) -> None:
        cards = Cards()
        psutil.cpu_percent()  # the first value means nothing
        while not stop.wait(_EVERY):
            values = {"cpu": psutil.cpu_percent() / 100, "memory": psutil.virtual_memory().percent / 100, **cards.sample()}
            if not stop.is_set():
                self.sampled.emit(values)
        cards.close()


class Cards:
    """NVIDIA graphics cards; without a driver there are none, and nobody is told."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._handles: list[Any] = []
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(k) for k in range(pynvml.nvmlDeviceGetCount())]
        except Exception:  # no driver, no card, no library: each has errors of its own
            self._handles = []

    def sample(self) -> dict[str, float]:
        """The busiest card's load, the fullest one's memory, the power of all; {} without a card."""
        found: dict[str, float] = {}
        for handle in self._handles:
            try:
                use = self._nvml.nvmlDeviceGetUtilizationRates(handle)
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
                found["gpu"] = max(found.get("gpu", 0.0), use.gpu / 100)
                found["gpu_memory"] = max(found.get("gpu_memory", 0.0), memory.used / memory.total)
                found["power"] = found.get("power", 0.0) + self._nvml.nvmlDeviceGetPowerUsage(handle) / 1000
            except self._nvml.NVMLError:
                continue  # a card that does not tell this
        return found

    def close(self) -> None:
        if self._nvml is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
