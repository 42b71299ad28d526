"""MSR-Action3D as most papers report it: AS1, AS2 and AS3, and their mean.

python benchmarks/msr_subsets.py --seeds 3
"""

from __future__ import annotations

import argparse
import statistics

import deepdojo as dd

SUBSETS = ("msr-action3d-as1", "msr-action3d-as2", "msr-action3d-as3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    seeds = parser.parse_args().seeds
    scores = []
    for name in SUBSETS:
        run = dd.train(name, seeds=seeds, explain=False, baselines=False)
        scores.append(float(run.score.value))
        print(f"{name}: {scores[-1]:.1%} of {run.score.n}", flush=True)
    print(f"mean of {len(SUBSETS)} subsets, {seeds} seed{'s' if seeds > 1 else ''}: {statistics.mean(scores):.1%}")


if __name__ == "__main__":
    main()
