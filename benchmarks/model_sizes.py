"""Parameters and operations of every model, as `dojo list models` shows them.

    python benchmarks/model_sizes.py            says where the file differs from what is measured (then exit code 1)
    python benchmarks/model_sizes.py --write    measures and writes src/deepdojo/models/sizes.json

The example that a model is counted at is in src/deepdojo/models/example_inputs.py.
"""

from __future__ import annotations

import sys

from deepdojo.models import MODELS
from deepdojo.models.sizes import kept_sizes, measure_size, write_sizes


def main() -> int:
    if "--write" in sys.argv[1:]:
        for name, size in write_sizes().items():
            print(f"{name:<20} {size.parameters:>12,} parameters {size.flops or 0:>16,} FLOPs for {size.example}")
        return 0
    differ = [name for name in {**MODELS, **kept_sizes()} if _said(name) != kept_sizes().get(name)]
    for name in differ:
        print(f"{name}: sizes.json says {kept_sizes().get(name)}, measured is {_said(name)}")
    return int(bool(differ))


def _said(name: str) -> object:
    return measure_size(name) if name in MODELS else None


if __name__ == "__main__":
    sys.exit(main())
