"""Code submissions: a folder or zip with `predict.py`, or a run of `dojo train`, run on hidden inputs in the sandbox.

    python predict.py INPUT OUTPUT        INPUT: a folder with test.parquet and its media; OUTPUT: the table to write

What comes back are the bytes of a table, to be scored as if it had been sent.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepdojo.competition.sandbox.failing import place_of_failure
from deepdojo.competition.sandbox.limits import Limits, Outcome, SandboxError
from deepdojo.competition.sandbox.mounts import SYSTEM, toolchain
from deepdojo.competition.sandbox.owner import scratch_folder
from deepdojo.competition.sandbox.runner import Sandbox
from deepdojo.competition.sandbox.unpack import SubmissionLimits, unpack
from deepdojo.competition.sandbox.words import stopped_by, tail
from deepdojo.errors import ScoreError, UsageError

__all__ = ["CODE_LIMITS", "ProgramFault", "Ran", "run_submission"]

CODE_LIMITS = Limits(wall_s=600, cpu_s=600, memory_bytes=4 << 30, disk_bytes=256 << 20, output_bytes=64 << 20)
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")
_ROWS = "test.parquet"
_PROJECT = "/project"
_OUTPUT = "{output}"
_DEEPEST_ID = 4
_LOG_LINES, _LOG_CHARS = 60, 4000
_LESS = "see the limits on the rules page, and try on the example rows how much it needs"
_AT_HOME = {"code": "run it on the example rows first: python predict.py FOLDER mine.csv",
            "run": "try it on the example rows first: dojo predict RUN test.parquet"}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What a submission's run was: the table that it wrote, and what it cost.

    Attributes:
        table: None where it came to none.
        log: the end of what it printed, for the host: it can quote hidden inputs.
    """

    table: bytes | None
    seconds: float
    peak_bytes: int
    kind: str
    log: str


class ProgramFault(ScoreError):
    """A program ran and gave no table. `ran` has what it cost and printed, for the host."""

    def __init__(self, ran: Ran, what: str, *, where: str, todo: str | None = None) -> None:
        super().__init__(what, where=where, todo=todo)
        self.ran = ran


def run_submission(
    sandbox: Sandbox,
    source: Path,
    inputs: Path,
    *,
    output: str = "predictions.csv",
    rows: str = _ROWS,
    limits: Limits = CODE_LIMITS,
    sizes: SubmissionLimits | None = None,
    show_stderr: bool = True,
) -> Ran:
    """Unpack, run, and take the table.

    Args:
        source: a folder or a zip, with predict.py or run.toml at its top.
        inputs: the folder that it reads: the test rows without their targets, and their media; for a run also the
            project.toml of the event.
        output: the table's name, whose ending says its form.
        rows: the file in `inputs` that `dojo predict` is given for a run.
        show_stderr: whether the sender is shown the last lines that the program printed, which may quote inputs;
            otherwise he is told what `failing.place_of_failure` knows.

    Raises:
        ScoreError: one sentence for the sender; ProgramFault where it ran.
        SandboxError: when the sandbox cannot start: nobody's submission has failed.
    """
    if Path(output).suffix not in _TABLES or "/" in output:
        raise UsageError(f"{output!r} is no name of a table", where="output", todo=f"end it in {', '.join(_TABLES)}")
    if not inputs.is_dir():
        raise SandboxError("the hidden inputs are no folder", where=str(inputs))
    _refuse_within(inputs)
    with _scratch() as scratch:
        folder = unpack(Path(source), scratch, sizes)
        kind = "code" if (folder / "predict.py").is_file() else "run"
        command, binds, cwd = _of_code(folder, inputs) if kind == "code" else _of_run(folder, inputs, rows)
        command = [part.replace(_OUTPUT, f"/tmp/output/{output}") for part in command]
        done = sandbox.run(command, binds=binds, output=output, limits=limits, cwd=cwd)
        failed_at = "" if show_stderr or done.exit_code == 0 else place_of_failure(done.stderr, folder)
    return _taken(done, kind, output, limits, tail(done.stderr) if show_stderr else failed_at)


def _refuse_within(inputs: Path) -> None:
    """What lies beside the inputs must not be shown to programs with the interpreter's own folders."""
    for top in (*toolchain(), *map(Path, SYSTEM)):
        if inputs.resolve().is_relative_to(top):
            raise SandboxError(
                f"the store lies in {top}, which every program sees", where=str(inputs), todo="move the store elsewhere"
            )


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that the next process removes where this one is killed."""
    folder = scratch_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _of_code(folder: Path, inputs: Path) -> tuple[list[str], dict[str, Path], str]:
    """Command, binds and working folder of predict.py."""
    binds = {"/code": folder, "/input": inputs}
    return [sys.executable, "-B", "/code/predict.py", "/input", _OUTPUT], binds, "/code"


def _of_run(folder: Path, inputs: Path, rows: str) -> tuple[list[str], dict[str, Path], str]:
    """Of `dojo predict`: the run lies in runs/ of a project that holds the inputs, as it does at home.

    It may bring layers of its own: what `--trust` would protect is this machine, and the sandbox does that here.
    """
    binds = {f"{_PROJECT}/{path.name}": path for path in inputs.iterdir() if path.name != "runs"}
    run = f"{_PROJECT}/runs/{'/'.join(['sent'] * (1 + _depth(folder / 'run.toml')))}"
    command = [sys.executable, "-B", "-m", "deepdojo.cli", "predict", run, f"{_PROJECT}/{rows}", "-o", _OUTPUT]
    return [*command, "--trust"], {**binds, run: folder}, "/tmp"


def _depth(run: Path) -> int:
    """A seed's run says ID/seeds/2, and looks for its project two folders higher."""
    try:
        return min(_DEEPEST_ID, str(tomllib.loads(run.read_text(encoding="utf-8"))["id"]).count("/"))
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # `dojo predict` will say what is wrong with it


def _taken(done: Outcome, kind: str, output: str, limits: Limits, said: str) -> Ran:
    where = "predict.py" if kind == "code" else "the run"
    ran = Ran(done.output, done.seconds, done.peak_bytes, kind, _log(done))
    why = stopped_by(done, limits)
    if why is not None:
        raise ProgramFault(ran, why, where=where, todo=_LESS)
    if done.exit_code != 0:
        ended = f"ended with exit code {done.exit_code}" if (done.exit_code or 0) >= 0 else "was ended by a signal"
        raise ProgramFault(ran, f"{ended}: {said}" if said else ended, where=where, todo=_AT_HOME[kind])
    if done.output is None:
        raise ProgramFault(
            ran, f"there is no table: {done.output_fault}", where=f"{where}, {output}",
            todo="write it to the path argv[2]",
        )  # fmt: skip
    if not done.output:
        raise ProgramFault(ran, "the table is empty", where=f"{where}, {output}", todo="write a row for each id")
    return ran


def _log(done: Outcome) -> str:
    """All that a host may want to know, in the order in which it is looked for."""
    ended = f"stopped: {done.stopped}" if done.stopped else f"exit code {done.exit_code}"
    parts = [f"{ended}; {done.seconds:.1f} s; {done.peak_bytes / (1 << 20):,.0f} MiB at the most"]
    for name, printed in (("stderr", done.stderr), ("stdout", done.stdout)):
        end = tail(printed, lines=_LOG_LINES, chars=_LOG_CHARS)
        if end:
            parts.append(f"the end of {name}:\n{end}")
    return "\n".join(parts)
