"""Join the traces of several files in one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from hrm_model.trace_file.guard import scan
from hrm_model.trace_file.layout import States
from hrm_model.trace_file.reader import TraceReader
from hrm_model.trace_file.writer import TraceWriter


def merge(files: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str], states: States = "full", titles: Sequence[str] = ()) -> int:
    """Write all traces of `files`, in their order, into `out`, which may be one of them. Returns their number.

    One trace is in memory at a time. `titles`: new titles for the first trace of each file ('' keeps the old one). TraceFileError, WriteError.
    """
    for file in files:
        scan(file)
    count = 0
    with TraceWriter(out, states=states) as writer:
        for number, file in enumerate(files):
            with TraceReader(file) as reader:
                new = {name: _name(count + k) for k, name in enumerate(reader.names, 1)}
                for k, name in enumerate(reader.names):
                    extras = reader.extras(name)
                    title = titles[number] if titles and k == 0 else ""
                    writer.write(reader.read(name), replace(extras, parent=new.get(extras.parent, ""), title=title or extras.title))
                count += len(new)
    return count


def _name(number: int) -> str:
    return "trace" if number == 1 else f"trace_{number}"
