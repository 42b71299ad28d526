"""`python -m deepdojo.baselines FOLDER`: the child process that fits the floors of a job folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Before numpy loads its threads.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


def main(arguments: list[str]) -> int:
    from deepdojo.baselines.job import lower_priority, run_job
    from deepdojo.errors import DojoError, UsageError

    lower_priority()
    try:
        if len(arguments) != 1:
            raise UsageError("one job folder is expected", todo="python -m deepdojo.baselines FOLDER")
        run_job(Path(arguments[0]), progress=lambda sentence: print(sentence, flush=True))
    except DojoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
