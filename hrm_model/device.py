"""Choose the device and dtype that a model computes with, and describe them."""

from __future__ import annotations

import torch

from hrm_model.errors import DeviceError
from hrm_model.layers import attention_backend
from hrm_model.model import HRM

_ALL_THREADS = torch.get_num_threads()
_SMALL = 4_000_000  # parameters


def available_devices() -> list[str]:
    """'cuda:0', 'cuda:1' … and 'mps' if this machine has them; always 'cpu', last."""
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name; the best available one for None and 'auto'. DeviceError lists the devices there are."""
    devices = available_devices()
    if name in (None, "", "auto"):
        return torch.device(devices[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"there is no device {name!r}; this machine has: {', '.join(devices)}") from None
    if not any(known.startswith(str(device)) for known in devices):
        raise DeviceError(f"this machine has no device {name!r}; it has: {', '.join(devices)}")
    return device


def pick_dtype(device: torch.device, trained_in: str = "bfloat16") -> str:
    """bfloat16 on CUDA devices that support it, float32 everywhere else and for models that were trained in float32."""
    quick = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return "bfloat16" if quick and trained_in == "bfloat16" else "float32"


def pick_training_dtype(device: torch.device, asked: str = "auto", mixer: str = "attention") -> str:
    """The dtype of training: `asked`; for 'auto' bfloat16 if the device is fast in it (CUDA with bfloat16, a CPU with AMX), else float32.

    Measured on one core with AMX, the step of a 128-wide model took 195 ms in bfloat16 and 372 in float32. A symmetric model (`mixer`
    'units') uses float32 on every CPU: the C++ that trains it knows no other.
    """
    if asked != "auto":
        return asked
    if device.type == "cpu" and mixer == "units":
        return "float32"
    if device.type == "cpu":
        amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
        return "bfloat16" if amx is not None and amx() else "float32"
    return pick_dtype(device)


def wait_for(device: torch.device) -> None:
    """Wait until a device has finished its work. The CPU needs no waiting."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def is_small(model: HRM) -> bool:
    """Whether a model is too small to keep a processor's cores or a card busy."""
    return sum(p.numel() for p in model.parameters()) < _SMALL


def use_threads(model: HRM) -> None:
    """Set the number of threads that is fastest for one puzzle on the CPU: one for a small model, all for a large one.

    Measured on two cores, a segment of 0.4 M parameters took 8 ms with one thread and 6 to 10 with two; of 27 M, 350 and 230 ms. One
    thread leaves the other cores to the window, and never waits for a second thread whose core is busy, for example with a trainer.
    """
    torch.set_num_threads(1 if is_small(model) else _ALL_THREADS)


def describe(model: HRM) -> dict[str, str]:
    """device, dtype and attention backend in use."""
    device = model.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    return {
        "device": name,
        "dtype": model.config.forward_dtype,
        "attention": attention_backend(device, model.dtype) if model.config.mixer == "attention" else "none",
    }
