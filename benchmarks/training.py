"""How fast we train, beside the loop that an expert would write and beside other libraries.

    python benchmarks/training.py                      # all of it: about an hour; --quick: a few minutes
    python benchmarks/training.py --workloads text_cnn --contenders bare,ours,lightning:quick

Needs the extra `bench` (what is not installed is left out and said) and the data folder that DEEPDOJO_DATA names. Each
contender is a process of its own. They take turns in segments of equally many optimizer steps, A B C A B C ..., so that
whatever else the machine does hits all alike; a ratio is the bare loop's segment over the contender's segment of the
same round (above 1: faster than bare), and the table has its median over the rounds. Where batches are of one length,
many of them small, the ratio is for equally many examples. CPU seconds are of all threads.
Ours runs as `dojo train`, with log, live line and checkpoints; the others write nothing, but for the quick-start forms.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WORKLOADS = {
    "fashion_cnn": "CNN, Fashion-MNIST",
    "text_cnn": "TextCNN, MR",
    "bilstm": "BiLSTM, MR",
    "credit_mlp": "MLP, credit-default",
    "decoder": "decoder of 2.7 M parameters, Shakespeare",
}
FASTEST = ("bare", "ours", "lightning", "trainer", "keras-torch", "keras-tensorflow")
QUICK_STARTS = ("lightning:quick", "trainer:quick", "keras-tensorflow:quick")
OTHER_FORMS = {
    "fashion_cnn": ("bare:channels_first",),
    "text_cnn": ("ours:equal_lengths",),
    "bilstm": ("ours:equal_lengths",),
}
NEEDS = {"lightning": "lightning", "trainer": "transformers", "keras-torch": "keras", "keras-tensorflow": "tensorflow"}
PACKAGES = ("torch", "numpy", "lightning", "transformers", "accelerate", "keras", "tensorflow-cpu")
MULTIPLE = 16  # steps of a segment: a peer that takes several steps in one call ends with it
LEVEL = 0.97


@dataclass
class Contender:
    """One contender's process on one workload.

    Attributes:
        first_cpu: CPU seconds from the start of the process to the end of its first optimizer step.
        segments: {"steps", "wall", "cpu"} of each turn that counts.
    """

    name: str
    process: subprocess.Popen[str]
    log: Path
    first_cpu: float = 0.0
    segments: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(
        cls, name: str, workload: str, given: argparse.Namespace, *, steps: int, threads: int, place: Path
    ) -> Any:
        log = place / f"{workload}-{name.replace(':', '-')}.log"
        command = [sys.executable, str(HERE / "worker.py"), name, workload, "--data", str(given.data), "--steps"]
        command += [str(steps), "--threads", str(threads), "--runs", str(place / "runs")]
        with log.open("w") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=place
            )
        contender = cls(name, process, log)
        contender.first_cpu = contender._reply()["cpu"]
        return contender

    def turn(self, steps: int) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self._reply()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def _reply(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait(60)
        last = self.log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-15:]
        raise SystemExit(f"{self.name} ended before its last segment:\n" + "\n".join(last))


def measured(workload: str, names: list[str], threads: int, given: argparse.Namespace) -> dict[str, Any]:
    """One workload: name -> what its row of the table says. The first of `names` is the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        steps = segment_steps(workload, threads, given, place)
        planned = 1 + steps * (given.segments + 1)
        contenders = []
        for name in names:
            contenders.append(Contender.start(name, workload, given, steps=planned, threads=threads, place=place))
            say(f"{workload}: {name} has taken its first step")
        for contender in contenders:
            contender.turn(steps)  # warm: caches, allocators, compilers
        for number in range(given.segments):
            for contender in contenders:
                contender.segments.append(contender.turn(steps))
            say(f"{workload}: round {number + 1} of {given.segments}")
        for contender in contenders:
            contender.end()
    bare = contenders[0]
    filled = {c.name: sum(s.get("examples", 0) for s in c.segments) for c in contenders}
    share = {name: filled[name] / filled["ours"] if filled[name] and filled.get("ours") else 1.0 for name in filled}
    return {
        contender.name: {
            "steps": steps,
            "first_cpu_s": contender.first_cpu,
            "first_more_s": contender.first_cpu - bare.first_cpu,
            **{f"{clock}_ms": 1000 * median(s[clock] for s in contender.segments) / steps for clock in ("wall", "cpu")},
            **{f"{clock}_ratio": share[contender.name] * ratio(bare, contender, clock) for clock in ("wall", "cpu")},
            "examples_share": share[contender.name],
            "segments": contender.segments,
        }
        for contender in contenders
    }


def segment_steps(workload: str, threads: int, given: argparse.Namespace, place: Path) -> int:
    """Steps that take the bare loop about `--seconds` of CPU time for each thread."""
    trial = Contender.start("bare", workload, given, steps=10**9, threads=threads, place=place)
    trial.turn(8)
    step_s = trial.turn(8)["cpu"] / 8 / threads
    trial.end()
    return max(MULTIPLE, round(given.seconds / step_s / MULTIPLE) * MULTIPLE)


def median(values: Any) -> float:
    return statistics.median(values)


def ratio(bare: Contender, other: Contender, clock: str) -> float:
    return median(b[clock] / o[clock] for b, o in zip(bare.segments, other.segments, strict=True))


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def table(workload: str, threads: int, rows: dict[str, Any]) -> list[str]:
    """Markdown."""
    some = next(iter(rows.values()))
    lines = [
        f"### {WORKLOADS[workload]}, {threads} thread{'s' if threads > 1 else ''}: "
        f"{len(some['segments'])} segments of {some['steps']} steps",
        "",
        "| | CPU ms a step | × bare, CPU | × bare, wall | ours × it, CPU | ours × it, wall | CPU s to the first step |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = rows.get("ours")
    for name, row in rows.items():
        beside = ["", ""]
        if ours is not None and name != "ours":
            beside = [f"{ours[f'{clock}_ratio'] / row[f'{clock}_ratio']:.2f}" for clock in ("cpu", "wall")]
        lines.append(
            f"| {name} | {row['cpu_ms']:.2f} | {row['cpu_ratio']:.2f} | {row['wall_ratio']:.2f} | {beside[0]} | "
            f"{beside[1]} | {row['first_cpu_s']:.1f} (bare {row['first_more_s']:+.1f}) |"
        )
    return [*lines, ""]


def machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n")
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": date.today().isoformat(), "processor": model, "cores": os.cpu_count(),
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.system(), "python": platform.python_version(), "versions": versions,
    }  # fmt: skip


def contenders_of(workload: str, given: argparse.Namespace) -> list[str]:
    """The wanted ones that are installed, the bare loop first."""
    wanted = given.contenders or [*FASTEST, *QUICK_STARTS, *OTHER_FORMS.get(workload, ())]
    names = ["bare", *(name for name in wanted if name != "bare")]
    lacking = {n for n in names if n.partition(":")[0] in NEEDS and not installed(NEEDS[n.partition(":")[0]])}
    if lacking:
        say(f"not installed, left out: {', '.join(sorted(lacking))}")
    return [name for name in names if name not in lacking]


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("DEEPDOJO_DATA"), help="default: DEEPDOJO_DATA")
    parser.add_argument("--workloads", type=lambda t: t.split(","), default=list(WORKLOADS))
    parser.add_argument("--contenders", type=lambda t: t.split(","), help="default: all that are installed")
    parser.add_argument("--threads", type=lambda t: [int(n) for n in t.split(",")], default=[1])
    parser.add_argument("--segments", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=6.0, help="CPU seconds of a segment of the bare loop")
    parser.add_argument("--quick", action="store_true", help="3 segments of one second")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "training", help="gets .json and .md")
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit("set DEEPDOJO_DATA or give --data FOLDER: the folder with fashion_mnist and the others")
    given.data = given.data.absolute()
    if given.quick:
        given.segments, given.seconds = 3, 1.0
    facts = {**machine(), "command": " ".join(["python", "benchmarks/training.py", *sys.argv[1:]])}
    found: dict[str, Any] = {}
    text = [f"<!-- {json.dumps(facts)} -->", ""]
    for threads in given.threads:
        for workload in given.workloads:
            rows = measured(workload, contenders_of(workload, given), threads, given)
            found[f"{workload}, {threads} threads"] = rows
            lines = table(workload, threads, rows)
            print("\n".join(lines), flush=True)
            text += lines
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.with_suffix(".json").write_text(json.dumps({**facts, "workloads": found}, indent=1) + "\n")
            given.out.with_suffix(".md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
