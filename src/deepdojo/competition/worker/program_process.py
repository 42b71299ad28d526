"""The process that runs entrants' programs: `python -m deepdojo.competition.worker.program_process`.

It unpacks what a stranger sent and drives the sandbox. It has no database and opens no answers; it may be killed at
any instant, and ends at once when its worker does: the sandbox ends with it.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

from deepdojo.competition.packing import unpack
from deepdojo.competition.sandbox import Limits, Sandbox, SandboxError
from deepdojo.competition.sandbox.code import ProgramFault, Ran, run_submission
from deepdojo.competition.sandbox.owner import scratch_folder
from deepdojo.competition.sandbox.selftest import examine
from deepdojo.competition.worker.answering import answer_the_worker
from deepdojo.errors import DojoError, ScoreError

__all__ = ["main"]

_CHARS = 4000
_MIB = 1 << 20


def main(_arguments: list[str]) -> int:
    """Answer until the worker closes the pipe."""
    return answer_the_worker(_answer)


def _answer(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    return _run(head, data) if head["ask"] == "run" else ({"missing": examine(Sandbox())}, b"")


def _run(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        ran = _in_sandbox(head, data)
        return {"ran": _told(ran)}, ran.table or b""
    except ProgramFault as fault:
        return {"refused": fault.as_json(), "ran": _told(fault.ran)}, b""
    except ScoreError as fault:  # of the file, before anything ran
        return {"refused": fault.as_json()}, b""
    except SandboxError as error:
        return {"cannot": str(error)[:_CHARS]}, b""
    except DojoError as error:
        return {"failed": str(error)[:_CHARS]}, b""
    except Exception:  # anything that a file of a stranger can bring about: the host reads it, the worker goes on
        return {"failed": traceback.format_exc()[-_CHARS:]}, b""


def _in_sandbox(head: dict[str, Any], data: bytes) -> Ran:
    data = unpack(data, head["encoding"], head["bytes"])
    place = scratch_folder()
    try:
        (place / head["name"]).write_bytes(data)
        del data
        return run_submission(
            Sandbox(), place / head["name"], Path(head["inputs"]), output=head["output"],
            limits=Limits(**head["limits"]), show_stderr=head["show_printed"],
        )  # fmt: skip
    except OSError as error:
        raise SandboxError(f"there is no room for a program's files ({error.strerror})", where=str(place)) from error
    finally:
        import shutil

        shutil.rmtree(place, ignore_errors=True)


def _told(ran: Ran) -> dict[str, Any]:
    """Rounded: what the sender sees of it must not be a clock that his program tells inputs by."""
    peak = -(-ran.peak_bytes // _MIB) * _MIB
    return {"kind": ran.kind, "seconds": round(ran.seconds, 1), "peak_bytes": peak, "log": ran.log}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
