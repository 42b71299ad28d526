"""Code submissions: a folder or zip with `predict.py`, or a run of `dojo train`, run on hidden inputs in the sandbox.

    python predict.py INPUT OUTPUT        INPUT: a folder with test.parquet and its media; OUTPUT: the table to write

What comes back are the bytes of a table, to be scored as if it had been sent.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deepdojo.competition.sandbox.limits import Limits, Outcome, SandboxError
from deepdojo.competition.sandbox.runner import Sandbox
from deepdojo.competition.sandbox.unpack import SubmissionLimits, unpack
from deepdojo.competition.sandbox.words import stopped_by, tail
from deepdojo.errors import ScoreError, UsageError

__all__ = ["CODE_LIMITS", "Ran", "run_submission"]

CODE_LIMITS = Limits(wall_s=600, cpu_s=600, memory_bytes=4 << 30, disk_bytes=256 << 20, output_bytes=64 << 20)
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")
_ROWS = "test.parquet"
_PROJECT = "/project"
_OUTPUT = "{output}"


@dataclass(frozen=True)
class Ran:
    """The table that a submission wrote, and what it cost."""

    table: bytes
    seconds: float
    peak_bytes: int
    kind: str


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
        show_stderr: whether the sender is shown the last lines that the program printed; they may quote inputs.

    Raises:
        ScoreError: one sentence for the sender.
        SandboxError: when the sandbox cannot start: nobody's submission has failed.
    """
    if Path(output).suffix not in _TABLES or "/" in output:
        raise UsageError(f"{output!r} is no name of a table", where="output", todo=f"end it in {', '.join(_TABLES)}")
    if not inputs.is_dir():
        raise SandboxError("the hidden inputs are no folder", where=str(inputs))
    with tempfile.TemporaryDirectory(prefix="deepdojo-code-") as scratch:
        folder = unpack(Path(source), Path(scratch), sizes)
        kind = "code" if (folder / "predict.py").is_file() else "run"
        command, binds, cwd = _of_code(folder, inputs) if kind == "code" else _of_run(folder, inputs, rows)
        command = [part.replace(_OUTPUT, f"/tmp/output/{output}") for part in command]
        done = sandbox.run(command, binds=binds, output=output, limits=limits, cwd=cwd)
    return _taken(done, kind, output, limits, show_stderr)


def _of_code(folder: Path, inputs: Path) -> tuple[list[str], dict[str, Path], str]:
    """Command, binds and working folder of predict.py."""
    binds = {"/code": folder, "/input": inputs}
    return [sys.executable, "-B", "/code/predict.py", "/input", _OUTPUT], binds, "/code"


def _of_run(folder: Path, inputs: Path, rows: str) -> tuple[list[str], dict[str, Path], str]:
    """Of `dojo predict`: the run lies in runs/ of a project that holds the inputs, as it does at home.

    It may bring layers of its own: what `--trust` would protect is this machine, and the sandbox does that here.
    """
    binds = {f"{_PROJECT}/{path.name}": path for path in inputs.iterdir() if path.name != "runs"}
    run = f"{_PROJECT}/runs/sent"
    command = [sys.executable, "-B", "-m", "deepdojo.cli", "predict", run, f"{_PROJECT}/{rows}", "-o", _OUTPUT]
    return [*command, "--trust"], {**binds, run: folder}, "/tmp"


def _taken(done: Outcome, kind: str, output: str, limits: Limits, show_stderr: bool) -> Ran:
    where = "predict.py" if kind == "code" else "the run"
    why = stopped_by(done, limits)
    if why is not None:
        raise ScoreError(why, where=where, todo="use less of it")
    if done.exit_code != 0:
        ended = f"ended with exit code {done.exit_code}" if (done.exit_code or 0) >= 0 else "was ended by a signal"
        said = tail(done.stderr) if show_stderr else ""
        raise ScoreError(f"{ended}: {said}" if said else ended, where=where)
    if done.output is None:
        raise ScoreError(
            f"there is no table: {done.output_fault}", where=f"{where}, {output}", todo="write it to the path argv[2]"
        )
    if not done.output:
        raise ScoreError("the table is empty", where=f"{where}, {output}", todo="write a row for each id")
    return Ran(done.output, done.seconds, done.peak_bytes, kind)
