"""`python -m trainer RUN_DIR`: start the run of that directory, or go on where its last checkpoint stands.

`python -m trainer --measure CONFIG.yaml`: measure for some seconds what such a run would take here, and print it as JSON.

Ends with 0 when the run finished or was stopped, 1 when it failed, 2 when the directory cannot be used.
"""

from __future__ import annotations

import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType

from hrm_model.errors import HRMError, RunError, is_expected, one_line
from trainer.distributed import ProcessGroup, join_process_group
from trainer.loop import Diverged
from trainer.machine import keep_memory
from trainer.measure import print_measurements
from trainer.runner import Runner
from trainer.runs.events import event
from trainer.runs.run_dir import RunDir


def main(arguments: list[str]) -> int:
    keep_memory()
    if len(arguments) == 2 and arguments[0] in ("--measure", "--probe"):  # --probe: its name in 0.1
        return print_measurements(arguments[1])
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m trainer RUN_DIR, or python -m trainer --measure CONFIG.yaml", file=sys.stderr)
        return 2
    run = RunDir(arguments[0])
    processes = ProcessGroup()
    try:
        processes, device = join_process_group(run.config().device)
        if processes.is_first:
            run.claim()
        runner = Runner(run, processes, device)
    except HRMError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{run.path}: a run cannot be kept here ({error.strerror or error}); make the folder writable, or make room", file=sys.stderr)
        return 2

    def end(number: int, frame: FrameType | None) -> None:
        runner.ending = "stop"

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        runner.run()
    except RunError as error:
        if processes.is_first:
            run.write_status(state="failed", step=0, message=str(error))
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        message = explain(error, run)
        step = runner.trainer.step if hasattr(runner, "trainer") else 0
        runner.emit(event("failed", step, message=message, error=type(error).__name__))
        if processes.is_first:
            with suppress(OSError):
                run.write_status(state="failed", step=step, message=message)
        traceback.print_exc()
        return 1
    finally:
        processes.close()
    return 0


def explain(error: Exception, run: RunDir) -> str:
    """What happened, what is left, and what to do."""
    expected = is_expected(error) or isinstance(error, Diverged)
    message = str(error) or type(error).__name__ if expected else f"Internal error ({one_line(error)}), see log.txt"
    last = run.pointer("last")
    left = f"its last checkpoint, {last.name}, is whole" if last else "it had saved nothing yet"
    if isinstance(error, Diverged):
        return (
            f"Training diverged: {message}. The run stopped; {left}. {'Continue from there' if last else 'Begin anew'} with changes: a lower "
            "learning rate, a longer warm-up, clipped gradients, or an earlier end."
        )
    return f"{message}; {left}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
