"""Code submissions: a folder or zip with `predict.py`, or a run of `dojo train`, run on hidden inputs in the sandbox.

    python predict.py INPUT OUTPUT        INPUT: a folder with test.parquet and its media; OUTPUT: the table to write

What comes back are the bytes of a table, to be scored as if it had been sent.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deepdojo.competition.sandbox.limits import Limits, Outcome
from deepdojo.competition.sandbox.runner import Sandbox
from deepdojo.competition.sandbox.unpack import SubmissionLimits, unpack
from deepdojo.competition.sandbox.words import stopped_by, tail
from deepdojo.errors import ScoreError, UsageError

__all__ = ["CODE_LIMITS", "Ran", "run_submission"]

CODE_LIMITS = Limits(wall_s=600, cpu_s=600, memory_bytes=4 << 30, disk_bytes=256 << 20, output_bytes=64 << 20)
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")
_ROWS = "test.parquet"


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
        inputs: the folder that it reads: the test rows without their targets, and their media.
        output: the table's name, whose ending says its form.
        rows: the file in `inputs` that `dojo predict` is given for a run.
        show_stderr: whether the sender is shown the last lines that the program printed; they may quote inputs.

    Raises:
        ScoreError: one sentence for the sender.
        SandboxError: when the sandbox cannot start: nobody's submission has failed.
    """
    if Path(output).suffix not in _TABLES or "/" in output:
        raise UsageError(f"{output!r} is no name of a table", where="output", todo=f"end it in {', '.join(_TABLES)}")
    with tempfile.TemporaryDirectory(prefix="deepdojo-code-") as scratch:
        folder = unpack(Path(source), Path(scratch), sizes)
        kind = "code" if (folder / "predict.py").is_file() else "run"
        target = f"/tmp/output/{output}"
        if kind == "code":
            command = [sys.executable, "-B", "/code/predict.py", "/input", target]
        else:
            # A run may bring layers of its own; asking for consent protects this machine, which the sandbox does here.
            command = [sys.executable, "-B", "-m", "deepdojo.cli", "predict", "/code", f"/input/{rows}"]
            command += ["-o", target, "--trust"]
        done = sandbox.run(
            command, binds={"/code": folder, "/input": Path(inputs)}, output=output, limits=limits, cwd="/code"
        )
    return _taken(done, kind, output, limits, show_stderr)


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
