"""`python -m deepdojo.cli` does what `dojo` does."""

from __future__ import annotations

import sys

from deepdojo.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
