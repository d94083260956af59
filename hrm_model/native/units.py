"""A segment of a symmetric model in C++: the same numbers as in torch, to rounding, in two thirds of the time on a CPU.

torch computes one operation after the other for all boards and is limited by memory. Here one board at a time goes through the whole
segment, and what it needs stays in the processor's cache. The backward pass computes the segment again, so nothing is kept for it.

Shapes: B boards, T cells, D = digits · W.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hrm_model.native.build import library

if TYPE_CHECKING:
    from hrm_model.config import ModelConfig

_LINE = 64  # bytes; what the C++ code takes as the alignment of every array


class _Board(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("digits", "cells", "units", "units_of_cell", "kinds")),
        *((name, ctypes.c_void_p) for name in ("unit_cells", "unit_start", "unit_kind", "units_of")),
        ("scale", ctypes.c_float),
        ("eps", ctypes.c_float),
    ]


class _Shape(ctypes.Structure):
    _fields_ = [
        ("board", _Board),
        *((name, ctypes.c_int) for name in ("inner", "nonlinear", "L_layers", "H_layers", "H_cycles", "L_cycles")),
    ]


class UnitArrays:
    """The units of a board as the C++ code reads them. member: (cells, units), 1 where a cell belongs to a unit; kinds: (units,)."""

    def __init__(self, digits: int, member: Tensor, kinds: Tensor) -> None:
        inside = member.numpy() > 0
        counts = inside.sum(axis=1)
        if (counts != counts[0]).any():
            raise ValueError("every cell must be in the same number of units")
        self.digits, (self.cells, self.units) = digits, inside.shape
        self.unit_cells = np.nonzero(inside.T)[1].astype(np.int32)
        self.unit_start = np.concatenate([[0], inside.sum(axis=0).cumsum()]).astype(np.int32)
        self.unit_kind = kinds.numpy().astype(np.int32)
        self.units_of = np.nonzero(inside)[1].reshape(self.cells, -1).astype(np.int32)

    def structure(self, eps: float) -> _Board:
        arrays = (self.unit_cells, self.unit_start, self.unit_kind, self.units_of)
        numbers = (self.digits, self.cells, self.units, self.units_of.shape[1], int(self.unit_kind.max()) + 1)
        return _Board(*numbers, *(array.ctypes.data for array in arrays), self.digits**0.5, eps)


def usable(config: ModelConfig, device: torch.device) -> bool:
    """Whether segments of such a model can be computed here in C++. Compiles the code when first asked, which takes some seconds."""
    return (
        device.type == "cpu"
        and config.mixer == "units"
        and config.forward_dtype == "float32"
        and config.hidden_size % 16 == config.swiglu_size % 16 == 0
        and library("unit_segment.cpp", config.hidden_size) is not None
    )


def segment(model: Any, units: UnitArrays, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """z_H and z_L after one segment, each (B, T, D) float32, with gradients for states, x and the modules' matrices."""
    matrices = [p for level in (model.L_level, model.H_level) for layer in level.layers for p in _in_order(layer)]
    after: tuple[Tensor, Tensor] = _Segment.apply(model.config, units, z_H, z_L, x, *matrices)
    return after


def _in_order(block: Any) -> Iterator[Tensor]:
    """A block's matrices in the order of `Places` in unit_block.h."""
    mixer, mlp = block.mixer, block.mlp
    linears = [mixer.own, *mixer.units, mixer.digits, mixer.out]
    if hasattr(mixer, "unit_outs"):
        linears += [*mixer.unit_outs, mixer.digits_out]
    return (linear.weight for linear in (*linears, mlp.gate_up_proj, mlp.down_proj))


class _Segment(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, config: ModelConfig, units: UnitArrays, z_H: Tensor, z_L: Tensor, x: Tensor, *matrices: Tensor) -> Any:
        packed = _aligned(torch.cat([m.mT.reshape(-1) for m in matrices]))
        x, new_H, new_L = _aligned(x), _aligned(z_H, copy=True), _aligned(z_L, copy=True)
        code, shape = _code(config), _shape(config, units)
        _in_parts(len(x), lambda rows, _: code.forward(shape, len(x[rows]), *_addresses(packed, x[rows], new_H[rows], new_L[rows])))
        ctx.config, ctx.units = config, units
        ctx.save_for_backward(z_H, z_L, x, *matrices)
        return new_H, new_L

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        z_H, z_L, x, *matrices = ctx.saved_tensors
        packed = _aligned(torch.cat([m.mT.reshape(-1) for m in matrices]))
        transposed = _aligned(torch.cat([m.reshape(-1) for m in matrices]))
        H, L = _aligned(z_H, copy=True), _aligned(z_L, copy=True)
        d_H, d_L = (_aligned(gradient, copy=True) for gradient in gradients)
        d_x = _aligned(torch.empty_like(x))
        threads = _threads(len(x))
        found = [_aligned(torch.zeros_like(packed)) for _ in range(threads)]
        code, shape = _code(ctx.config), _shape(ctx.config, ctx.units)

        def part(rows: slice, thread: int) -> None:
            arrays = (packed, transposed, x[rows], H[rows], L[rows], d_H[rows], d_L[rows], d_x[rows], found[thread])
            code.backward(shape, len(x[rows]), *_addresses(*arrays))

        _in_parts(len(x), part)
        total = torch.stack(found).sum(dim=0) if threads > 1 else found[0]
        sizes = [m.numel() for m in matrices]
        of_matrices = [g.view(m.shape[::-1]).mT for g, m in zip(total.split(sizes), matrices, strict=True)]
        return None, None, d_H, d_L, d_x, *of_matrices


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="segment")


def _threads(rows: int) -> int:
    return max(1, min(torch.get_num_threads(), rows))


def _in_parts(rows: int, work: Callable[[slice, int], None]) -> None:
    """Do `work` on as many parts of the rows as torch has threads. (ctypes lets other threads run meanwhile.)"""
    threads = _threads(rows)
    cuts = [rows * i // threads for i in range(threads + 1)]
    others: list[Future[None]] = [_pool().submit(work, slice(cuts[i], cuts[i + 1]), i) for i in range(1, threads)]
    work(slice(0, cuts[1]), 0)
    for other in others:
        other.result()


def _aligned(tensor: Tensor, copy: bool = False) -> Tensor:
    """The same numbers, contiguous and beginning at a multiple of 64 bytes. copy: never the tensor itself."""
    if not copy and tensor.is_contiguous() and tensor.data_ptr() % _LINE == 0:
        return tensor
    room = torch.empty(tensor.numel() + _LINE // 4)
    begin = -room.data_ptr() % _LINE // 4
    return room[begin : begin + tensor.numel()].view(tensor.shape).copy_(tensor)


def _addresses(*tensors: Tensor) -> list[ctypes.c_void_p]:
    for tensor in tensors:
        if not (tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.data_ptr() % _LINE == 0):
            raise ValueError(f"{tensor.dtype} of shape {tuple(tensor.shape)}, stride {tensor.stride()}: not as the C++ code reads it")
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


def _code(config: ModelConfig) -> ctypes.CDLL:
    code = library("unit_segment.cpp", config.hidden_size)
    assert code is not None, "ask `usable` first"
    return code


def _shape(config: ModelConfig, units: UnitArrays) -> Any:
    numbers = (config.swiglu_size, int(config.unit_mlp), config.L_layers, config.H_layers, config.H_cycles, config.L_cycles)
    return ctypes.byref(_Shape(units.structure(config.rms_norm_eps), *numbers))
