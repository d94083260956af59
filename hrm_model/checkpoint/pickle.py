"""Read the pickle in a file of torch.save as data; nothing in it is run.

torch.save writes names, shapes and places as a pickle, which is a program for a small machine. This is that machine without any
way to call, import or make an object: it knows the few instructions that a dict of tensors needs, and refuses every other by
name. It does not read the numbers of tensors, so it costs the same for 1 MB and for 2 GB.
"""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hrm_model.checkpoint.dtypes import BY_STORAGE
from hrm_model.errors import CheckpointError

MOST_BYTES = 16 << 20  # of a pickle; one of 1,000 tensors has 0.1 MB
_REBUILDS = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "collections OrderedDict", "torch Size")


_UNTYPED, _UNTYPED_REBUILD = "torch.storage UntypedStorage", "torch._utils _rebuild_tensor_v3"
_OTHER_STORAGE = re.compile(r"[A-Za-z0-9]{1,40}Storage")
_DTYPE = re.compile(r"u?int\d{1,2}|float\d{1,2}(_[a-z0-9]{1,20})*|bits\w{1,10}|complex\d{1,3}|bool|bfloat16")


@dataclass(frozen=True)
class Storage:
    """A record of the archive with the numbers of a tensor."""

    key: str
    dtype: str
    numel: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as a part of a storage. Offset and strides count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    name: str


class _Mark:
    pass


class DamagedPickle(CheckpointError):
    """The pickle ends too early, or the bytes are not a pickle."""


class _Inconsistent(Exception):
    """The pickle contradicts itself; the message says how."""


class _Unread(Exception):
    """Tensors of a type of numbers that is not read; the message names the type."""


class _Forbidden(Exception):
    """torch.save does not write such a pickle; the message says why."""


def read_pickle(data: bytes, where: str) -> Any:
    """The dicts, lists, tuples, numbers, texts and StoredTensors that a pickle describes. CheckpointError names what is refused."""
    if len(data) > MOST_BYTES:
        raise CheckpointError(f"{where}: refused, because its list of tensors takes {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    machine = _Machine()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of odd escapes in text that is refused anyway
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name == "STOP":
                    return machine.pop()
                machine.do(opcode.name, argument)
    except _Forbidden as error:
        raise CheckpointError(f"{where}: refused, because {error}; a checkpoint may contain tensors only") from None
    except _Unread as error:
        raise CheckpointError(f"{where}: has numbers of type {error}, which cannot be read; save it as float32 or bfloat16") from None
    except _Inconsistent as error:
        raise _damaged(where, str(error)) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError, OverflowError):
        raise _damaged(where) from None
    raise _damaged(where)


def _damaged(where: str, why: str = "its list of tensors is damaged or cut short") -> DamagedPickle:
    return DamagedPickle(f"{where}: not a complete checkpoint ({why}). Copy or download it again")


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while not isinstance(self.stack[place], _Mark):
            place -= 1
            if place < 0:
                raise _Inconsistent("a mark is missing")
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def do(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _LITERALS:
            self.stack.append(argument)
            return
        action = _ACTIONS.get(name)
        if action is None:
            raise _Forbidden(f"it contains the instruction {name}, which makes objects")
        action(self, argument)

    def fill(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(pairs) % 2:
            raise _Inconsistent("entries for something that is not a dict")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # Nested tuples can be built so that hashing them takes forever.
            if type(key) not in (str, int):
                raise _Forbidden(f"it has an entry whose name is a {type(key).__name__}")
            target[key] = value

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise _Inconsistent("items for something that is not a list")
        self.stack[-1].extend(items)

    def find(self, module: str, name: str) -> None:
        full = f"{module} {name}"
        if module == "torch" and _OTHER_STORAGE.fullmatch(name) and full not in (*BY_STORAGE, _UNTYPED):
            raise _Unread(name.removesuffix("Storage"))
        if full == "torch._utils _rebuild_qtensor":
            raise _Unread("quantised integers")
        if full not in (*_REBUILDS, *BY_STORAGE, _UNTYPED, _UNTYPED_REBUILD) and not (module == "torch" and _DTYPE.fullmatch(name)):
            raise _Forbidden(f"it would run {module}.{name}"[:200])
        self.stack.append(_Global(full))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise _Inconsistent("a name that is not a text")
        self.find(module, name)

    def storage(self) -> None:
        kind, dtype, key, _, numel = self.pop()
        if (
            kind != "storage"
            or type(dtype) is not _Global
            or dtype.name not in (*BY_STORAGE, _UNTYPED)
            or type(key) is not str
            or type(numel) is not int
        ):
            raise _Inconsistent("a storage of unknown kind")
        known = BY_STORAGE.get(dtype.name)
        self.stack.append(Storage(key, known.name if known else "untyped", numel))

    def build(self) -> None:
        """Attributes of a state dict (torch's _metadata) are left out."""
        self.pop()
        if type(self.stack[-1]) is not dict:
            raise _Forbidden("it would set the attributes of an object")

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is not _Global or type(arguments) is not tuple:
            raise _Forbidden("it would call something that is not a known function")
        self.stack.append(self._rebuilt(function.name, arguments))

    @staticmethod
    def _rebuilt(name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "collections OrderedDict" and arguments in ((), ([],)):
            return {}
        if name == "torch Size" and len(arguments) == 1:
            return _sizes(arguments[0])
        if name == "torch._utils _rebuild_parameter" and isinstance(arguments[0], StoredTensor):
            return arguments[0]
        if name == _UNTYPED_REBUILD and len(arguments) >= 7 and type(arguments[6]) is _Global:
            # torch writes tensors of the types so that are newer than its storages: float8, unsigned integers.
            raise _Unread(arguments[6].name.removeprefix("torch "))
        if name == "torch._utils _rebuild_tensor_v2" and len(arguments) >= 4:
            storage, offset, shape, strides = arguments[:4]
            if type(storage) is Storage and storage.dtype != "untyped" and type(offset) is int:
                return StoredTensor(storage, offset, _sizes(shape), _sizes(strides))
        raise _Inconsistent(f"{name.replace(' ', '.')} with other arguments than torch.save writes")


def _sizes(found: Any) -> tuple[int, ...]:
    if type(found) is not tuple or len(found) > 8 or any(type(n) is not int or not 0 <= n < 1 << 48 for n in found):
        raise _Inconsistent("sizes that no tensor has")
    return found


_IGNORED = {"PROTO", "FRAME"}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING",
}  # fmt: skip
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "MARK": lambda m, _: m.stack.append(_Mark()),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.stack.append((m.pop(),)),
    "TUPLE2": lambda m, _: m.stack.append(tuple(reversed([m.pop(), m.pop()]))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(reversed([m.pop(), m.pop(), m.pop()]))),
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.fill(list(reversed([m.pop(), m.pop()]))),
    "SETITEMS": lambda m, _: m.fill(m.since_mark()),
    "BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "LONG_BINPUT": lambda m, n: m.memo.__setitem__(n, m.stack[-1]),
    "MEMOIZE": lambda m, _: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "BINGET": lambda m, n: m.stack.append(m.memo[n]),
    "LONG_BINGET": lambda m, n: m.stack.append(m.memo[n]),
    "GLOBAL": lambda m, name: m.find(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.stack_global(),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.storage(),
}
