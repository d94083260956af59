"""`python -m trainer RUN_DIR`: start the run in that directory, or resume it from its last checkpoint.

`python -m trainer --measure CONFIG.yaml`: measure for a few seconds what such a run would take here, and print it as JSON.

The exit code is 0 if the run finished or was stopped, 1 if it failed or its result could not be saved, 2 if the directory or file cannot be used.
"""

from __future__ import annotations

import _thread
import faulthandler
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress

from hrm_model.errors import HRMError, RunError, is_expected, one_line
from hrm_model.terminal import print_anything
from trainer.distributed import ProcessGroup, join_process_group
from trainer.loop import Diverged
from trainer.machine import keep_memory
from trainer.measure import print_measurements
from trainer.runner import Runner
from trainer.runs.events import Command, LineReader, event
from trainer.runs.run_dir import RunDir
from trainer.saving import NotSaved, what_is_saved


def main(arguments: list[str]) -> int:
    print_anything()
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
        print(
            f"{run.path}: cannot write here ({error.strerror or error}). Make the folder writable, or free some disk space.",
            file=sys.stderr,
        )
        return 2

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: runner.interrupt())
    watch_commands(runner)
    try:
        runner.run()
    except Exception as error:
        message = explain(error, run)
        step = runner.trainer.step if hasattr(runner, "trainer") else run.written_status().get("step", 0)
        runner.emit(event("failed", step, message=message, error=type(error).__name__))
        if processes.is_first:
            with suppress(OSError):
                run.write_status(state="failed", step=step, steps=runner.config.steps, message=message)
        if isinstance(error, RunError | NotSaved):
            print(message, file=sys.stderr)
        else:
            traceback.print_exc()
        return 2 if isinstance(error, RunError) else 1
    finally:
        processes.close()
    return 0


def watch_commands(runner: Runner) -> None:
    """Obey 'stop' and 'abort' while the run starts, which may take minutes: making puzzles, trying a compiler. Other commands wait.

    A thread reads them and interrupts the main thread as a signal would.
    """
    if not runner.processes.is_first or runner.processes.size > 1:
        return
    run, main_thread = runner.run_dir, threading.main_thread()
    reader: LineReader[Command] = LineReader(run.commands_file, offset=runner.commands.offset)

    def watch() -> None:
        while runner.starting:
            if any(command["type"] in ("stop", "abort") for command in reader.read()):
                if sys.platform == "win32":
                    _thread.interrupt_main(signal.SIGTERM)
                else:
                    signal.pthread_kill(main_thread.ident or 0, signal.SIGTERM)  # wakes it, whatever it waits for
                return
            time.sleep(0.2)

    threading.Thread(target=watch, name="commands", daemon=True).start()


def explain(error: Exception, run: RunDir) -> str:
    """What happened, what is saved, and what to do."""
    expected = is_expected(error) or isinstance(error, Diverged)
    message = str(error) or type(error).__name__ if expected else f"Internal error ({one_line(error)}), see log.txt"
    if isinstance(error, RunError | NotSaved):
        return str(error)
    last, saved = run.pointer("last"), what_is_saved(run)
    if isinstance(error, Diverged):
        return (
            f"Training diverged: {message}. The run stopped; {saved}. {'Continue from there' if last else 'Start again'} with a lower learning "
            "rate, a longer warm-up, clipped gradients, or fewer steps."
        )
    return f"{message}; {saved}."


if __name__ == "__main__":
    faulthandler.enable()  # a crash in native code leaves a traceback in log.txt
    sys.exit(main(sys.argv[1:]))
