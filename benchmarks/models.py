"""How fast our layers and models are, beside torch's own modules, pytorch-crf and Hugging Face Transformers.

    python benchmarks/models.py                        # about ten minutes on two idle cores
    python benchmarks/models.py --groups models,generation --only GPT-2 --json

Both of a pair do the same work (the tests show that their numbers are equal), in turns: a segment of ours, a segment
of theirs, and so on, so that whatever else the machine does hits both. The ratio is theirs over ours (above 1: ours is
faster), segment by segment; a row has the median of at least 7. `--cpu` counts CPU seconds over all threads instead of
wall seconds, for a machine that does other things. The last rows are memory: the largest tensor that attention makes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator

import torch

from model_pairs import Pair, measure
from model_pairs.generation import generation_pairs
from model_pairs.memory import memory_rows
from model_pairs.recurrence import crf_pairs, recurrence_pairs
from model_pairs.transformers import layer_pairs, model_pairs

GROUPS = {
    "layers": layer_pairs,
    "recurrence": recurrence_pairs,
    "crf": crf_pairs,
    "models": model_pairs,
    "generation": generation_pairs,
}


def pairs(groups: list[str]) -> Iterator[Pair]:
    for group in groups:
        if group != "memory":
            yield from GROUPS[group]()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--segments", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a segment")
    parser.add_argument("--groups", default=",".join([*GROUPS, "memory"]), help="of these, with commas between")
    parser.add_argument("--only", default="", help="measure the rows whose name has this in it")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of wall seconds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    groups = given.groups.split(",")
    if unknown := set(groups) - {*GROUPS, "memory"}:
        parser.error(f"no group is named {unknown.pop()!r}; these are: {', '.join([*GROUPS, 'memory'])}")
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    if not given.json:
        print(f"{'':46} {'ours ms':>8} {'theirs':>8} {'ratio':>6} {'range':>12}  goal")
    for pair in pairs(groups):
        if given.only not in pair.name:
            continue
        m = measure(pair, given.segments, given.seconds, time.process_time if given.cpu else time.perf_counter)
        if given.json:
            print(json.dumps(vars(m)), flush=True)
            continue
        spread, met = f"{m.lowest:.2f}-{m.highest:.2f}", "" if m.ratio >= m.goal else "  missed"
        print(f"{m.name:46} {m.ours_ms:8.2f} {m.theirs_ms:8.2f} {m.ratio:6.2f} {spread:>12}  {m.goal}{met}", flush=True)
    for row in memory_rows() if "memory" in groups else ():
        if given.only in row["name"]:
            print(json.dumps(row) if given.json else f"{row['name']:46} {row['largest']:>12,} numbers  {row['said']}")


if __name__ == "__main__":
    main()
