"""Data that do not fit: peak memory of `dojo train` by the size of the set, and seconds of the first and second start.

    python benchmarks/large_data.py table FOLDER 250000 500000 1000000 2000000     # a CSV of so many rows each
    python benchmarks/large_data.py images FOLDER 50000 100000 200000              # so many 32 × 32 pictures each
    python benchmarks/large_data.py table FOLDER 2000000 --only-make
    python benchmarks/large_data.py cut FOLDER          # CPU time of a shuffled batch, from memory and from the map

The data are made in FOLDER (and kept there), the cache too. Each set is trained twice with the same command: the first
reads and packs, the second starts from what is packed. Memory is that of all processes of the command together, looked
at fifty times a second: `resident` counts pages of mapped files and of libraries as well, `own` what the processes
alone hold (anonymous pages). Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DOJO = [sys.executable, "-m", "deepdojo.cli"]
STEPS = {"table": 300, "images": 40}
PLANS = ("free", "basic", "plus", "pro")
NUMBERS = ("age", "income", "height", "weight", "score", "visits", "balance")


def make_table(folder: Path, n: int) -> None:
    """Seven numbers and three columns of words; the label follows from nine of them and some noise."""
    generator = np.random.default_rng(0)
    with (folder / "rows.csv").open("w", encoding="utf-8") as file:
        file.write(",".join([*NUMBERS, "city", "job", "plan", "label"]) + "\n")
        for start in range(0, n, 50_000):
            m = min(50_000, n - start)
            x = generator.normal(size=(m, len(NUMBERS)))
            city, job, plan = (generator.integers(k, size=m) for k in (40, 15, 4))
            z = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.5 * x[:, 3] + 0.4 * (city % 5 - 2)
            z += 0.5 * (job % 3 - 1) * x[:, 4] + 0.3 * plan - 0.45 + 0.5 * generator.normal(size=m)
            label = np.array(["low", "mid", "high"])[np.digitize(z, [-1, 1])]
            for k in range(m):
                cells = [f"{v:.4f}" for v in x[k]] + [f"city{city[k]}", f"job{job[k]}", PLANS[plan[k]], label[k]]
                file.write(",".join(cells) + "\n")


def make_images(folder: Path, n: int) -> None:
    """32 × 32 pictures, half PNG and half JPEG, in a folder a class: a bar that stands, lies, rises or falls."""
    from PIL import Image

    generator = np.random.default_rng(0)
    steps = np.arange(32)
    for label in ("stands", "lies", "rises", "falls"):
        (folder / label).mkdir()
    for i in range(n):
        pixels = generator.integers(0, 140, size=(32, 32, 3), dtype=np.uint8)
        at, label = int(generator.integers(4, 28)), ("stands", "lies", "rises", "falls")[i % 4]
        y, x = {
            "stands": (steps, at), "lies": (at, steps), "rises": (31 - steps, (steps + at) % 32),
            "falls": (steps, (steps + at) % 32),
        }[label]  # fmt: skip
        pixels[y, x] = generator.integers(150, 255, size=3)
        name = folder / label / f"{i:06d}"
        if i // 4 % 2:
            Image.fromarray(pixels).save(f"{name}.png", compress_level=1)
        else:
            Image.fromarray(pixels).save(f"{name}.jpg", quality=90)


def processes(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    try:
        for task in os.listdir(f"/proc/{root}/task"):
            for child in Path(f"/proc/{root}/task/{task}/children").read_text().split():
                found += processes(int(child))
    except OSError:  # it has just ended
        pass
    return found


def memory(pid: int) -> tuple[int, int]:
    """(resident, anonymous) KiB of one process."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
        return tuple(int(lines[name].split()[0]) for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]
    except (OSError, KeyError):
        return 0, 0


@dataclass
class Watched:
    """What a command took.

    Attributes:
        resident, own: peak over time of the sum over all processes, MiB.
        first_step_s: until training began; stages: the most resident memory of each stage, MiB.
    """

    resident: float = 0.0
    own: float = 0.0
    wall_s: float = 0.0
    first_step_s: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


def watched(command: list[str], environ: dict[str, str]) -> Watched:
    found, began, stage = Watched(), time.monotonic(), ["start"]
    child = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tail: list[str] = []

    def follow() -> None:
        assert child.stderr is not None
        for line in child.stderr:
            tail.append(line.rstrip())
            word = line.split("·", 1)[0].strip()
            if word in ("data", "pack", "train", "score", "baselines", "explain", "report"):
                stage[0] = word
                if word == "train" and not found.first_step_s:
                    found.first_step_s = time.monotonic() - began

    threading.Thread(target=follow, daemon=True).start()
    assert child.stdout is not None
    threading.Thread(target=child.stdout.read, daemon=True).start()
    while child.poll() is None:
        sums = [sum(kind) / 1024 for kind in zip(*map(memory, processes(child.pid)), strict=True)]
        found.resident, found.own = max(found.resident, sums[0]), max(found.own, sums[1])
        found.stages[stage[0]] = max(found.stages.get(stage[0], 0.0), sums[0])
        time.sleep(0.02)
    found.wall_s = time.monotonic() - began
    if child.returncode != 0:
        raise SystemExit("\n".join(tail[-5:]))
    return found


def compare_cuts(folder: Path) -> None:
    """CPU milliseconds of a batch of 512 shuffled examples, medians of 9 interleaved segments of 30 batches, one
    thread."""
    os.environ["DEEPDOJO_CACHE"] = str(folder / "cache-cut")
    import torch

    from deepdojo.packs import packing
    from deepdojo.training.store import Store

    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    sets = {
        "table of 1,400,000 rows, 60 bytes each": {
            "numbers": draw.random((1_400_000, 7), dtype=np.float32),
            "categories": draw.integers(9, size=(1_400_000, 3)),
            "label": draw.integers(3, size=1_400_000),
        },
        "140,000 pictures, 3,072 bytes each": {
            "image": draw.integers(255, size=(140_000, 3, 32, 32), dtype=np.uint8),
            "label": draw.integers(4, size=140_000),
        },
    }
    for name, arrays in sets.items():
        n = len(arrays["label"])
        with packing("cut") as work:
            for entry, array in arrays.items():
                work.append(entry, array)
            work.append("row_of", np.arange(n))
            pack = work.finish({})
        fixed = [{k: torch.from_numpy(v) for k, v in arrays.items()}]
        fixed += [{k: torch.from_numpy(pack.map(k, v.dtype, v.shape)) for k, v in arrays.items()}]
        stores = [Store(fixed[0], {}, {}, np.arange(n)), Store(fixed[1], {}, {}, np.arange(n), pack_folder=pack)]
        batches = stores[0].batches(512, generator=torch.Generator().manual_seed(0))
        took: list[list[float]] = [[], []]
        for segment in range(9):
            for times, store in zip(took, stores, strict=True):
                began = time.process_time()
                for index in batches[30 * segment % 240 : 30 * segment % 240 + 30]:
                    store.cut(index)
                times.append((time.process_time() - began) / 30 * 1e3)
        print(f"{name}: from memory {np.median(took[0]):.2f} ms, from the map {np.median(took[1]):.2f} ms")


def project(kind: str, folder: Path, n: int) -> Path:
    """The data and the project of one size; made once."""
    data = folder / f"{kind}-{n}"
    if not (data / "made").is_file():
        data.mkdir(parents=True, exist_ok=True)
        inside = data / "pictures" if kind == "images" else data
        inside.mkdir(exist_ok=True)
        (make_images if kind == "images" else make_table)(inside, n)
        (data / "made").touch()
    target = folder / f"{kind}-{n}-project"
    if not target.is_dir():
        source = data / "pictures" if kind == "images" else data / "rows.csv"
        options = [] if kind == "images" else ["--target", "label"]
        subprocess.run([*DOJO, "new", str(target), "--from", str(source), *options], check=True, stdout=subprocess.PIPE)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["table", "images", "cut"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("sizes", type=int, nargs="*")
    parser.add_argument("--only-make", action="store_true", help="make the data and stop")
    parser.add_argument("--no-baselines", action="store_true", help="without the floors, which take most of the memory")
    given = parser.parse_args()
    if given.kind == "cut":
        compare_cuts(given.folder)
        return
    print(
        f"{'rows':>10} {'start':>7} {'to first step':>14} {'whole':>8} {'resident':>10} {'own':>9}   resident by stage"
    )
    for n in given.sizes:
        place = project(given.kind, given.folder, n)
        if given.only_make:
            continue
        cache = given.folder / f"cache-{given.kind}-{n}"
        environ = {**os.environ, "DEEPDOJO_CACHE": str(cache)}
        command = [
            *DOJO,
            "train",
            str(place),
            "--set",
            f"train.steps={STEPS[given.kind]}",
            "--runs",
            str(given.folder / "runs" / str(n)),
        ]
        command += ["--no-baselines"] if given.no_baselines else []
        for start in ("first", "second"):
            found = watched(command, environ)
            stages = " ".join(f"{name} {peak:.0f}" for name, peak in found.stages.items())
            print(
                f"{n:>10,} {start:>7} {found.first_step_s:>12.1f} s {found.wall_s:>6.0f} s {found.resident:>6.0f} MiB "
                f"{found.own:>5.0f} MiB   {stages}",
                flush=True,
            )
            print(
                json.dumps({"kind": given.kind, "rows": n, "start": start, **vars(found)}), file=sys.stderr, flush=True
            )


if __name__ == "__main__":
    main()
