"""`python -m hrm_studio.render`: the process that renders pictures. Reads one line of JSON from standard input and writes progress as JSON lines.

In: `{"trace": PATH, "name": ENTRY, "spec": {…}, "out": PATH}`. Out: `{"done": k, "total": n}` …, at the end `{"finished": PATH}` or `{"failed": SENTENCE}`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hrm_model.errors import ExportError, HRMError


def prepare(scale: float) -> None:
    """Set up Qt before it is imported: no window system, and pictures at their scale."""
    if sys.platform.startswith("linux"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"  # on other systems it has no fonts, and the native platform can draw unseen
    os.environ["QT_SCALE_FACTOR"] = f"{scale:g}"
    os.environ["QT_ENABLE_HIGHDPI_SCALING"] = "0" if scale == 1 else "1"
    os.environ["QT_LOGGING_RULES"] = "qt.qpa.*=false"


def _send(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def main() -> int:
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_stop.append(number))

    def report(done: int, total: int) -> None:
        if asked_to_stop:
            raise ExportError("stopped")  # raised here, not inside a Qt call, so that unfinished files are removed
        _send(done=done, total=total)

    asked = json.loads(sys.stdin.readline())
    from hrm_studio.export.spec import Spec

    try:
        spec = Spec.from_json(json.dumps(asked["spec"]))
        prepare(max(2.0, spec.scale) if spec.kind in ("svg", "pdf") else spec.scale)  # embedded bitmaps need at least scale 2 to be sharp
        from hrm_model.trace_file.io import TraceReader
        from hrm_studio.app import make_application
        from hrm_studio.render.pictures import export

        with TraceReader(asked["trace"]) as reader:
            trace = reader.read(asked["name"] or reader.names[0])
        make_application(["export"])
        _send(finished=str(export(trace, spec, Path(asked["out"]), report)))
    except (HRMError, OSError, MemoryError) as error:
        _send(failed=str(error) or type(error).__name__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
