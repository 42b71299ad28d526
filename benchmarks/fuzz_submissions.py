"""A coverage-guided fuzzer on everything that reads a submission: CSV, TSV, JSON lines, Parquet, zip, every metric.

    pip install "deepdojo[fuzz]"                                     # atheris (libFuzzer); Linux, Python 3.11 to 3.13
    python benchmarks/fuzz_submissions.py --seconds 600
    python benchmarks/fuzz_submissions.py --again FOLDER/input-…     # one input once more

What runs is the code of the scoring process (worker/scoring.py, judge.py, plain_csv.py, bounds.py, tables_io.py, the
metrics); what counts as a finding is told in tests/competition/fuzzing/target.py. Half of the changes are libFuzzer's
own, half know what a submission is (mutations.py). Findings are kept, one for each place in the code, and the fuzzer
goes on; it is started anew after a crash. Memory is held as the scoring process holds it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

LARGEST_BYTES = 1 << 17
MEMORY_BYTES = 3 << 30
_WATCHED = ["deepdojo.competition", "deepdojo.tables", "deepdojo.tables_io", "deepdojo.scoring", "deepdojo.columns",
            "deepdojo.boxes", "deepdojo.data.sounds", "zipfile", "json"]  # fmt: skip


def fuzz(work: Path, seconds: int, options: list[str]) -> None:
    """In a process of its own: libFuzzer does not come back."""
    import atheris

    with atheris.instrument_imports(include=_WATCHED, enable_loader_override=False):
        from tests.competition.fuzzing.hosted import host_all
        from tests.competition.fuzzing.mutations import mutate
        from tests.competition.fuzzing.target import Target

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="dojo-fuzz-") as folder:
        target = Target(host_all(Path(folder)))
        seeds = target.seeds()
        for number, seed in enumerate(seeds):
            (work / "corpus" / f"seed-{number:03d}").write_bytes(seed)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))

        def one(data: bytes) -> None:
            found = target.run(data)
            if found is not None:
                keep(work, found.place, found.text, data)
            if target.runs % 100 == 0:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
                (work / "told").write_text(f"{target.counts} slowest {target.slowest_s:.2f} s, {peak} MB")

        def changed(data: bytes, most: int, number: int) -> bytes:
            draws = random.Random(number)
            if draws.random() < 0.3:  # else all that is kept is broken somewhere, and no metric is reached any more
                data = draws.choice(seeds)
            if draws.random() < 0.5:
                return bytes(atheris.Mutate(data, min(most, len(data) + 64)))
            made = mutate(data, draws, lambda found: bytes(atheris.Mutate(found, min(most, len(found) + 64))))
            return made[:most]

        words = [sys.argv[0], str(work / "corpus"), f"-max_total_time={seconds}", f"-max_len={LARGEST_BYTES}",
                 "-timeout=20", f"-rss_limit_mb={MEMORY_BYTES >> 20}", f"-artifact_prefix={work}/crash-",
                 "-print_final_stats=1", "-len_control=0", *options]  # fmt: skip
        atheris.Setup(words, one, custom_mutator=changed)
        atheris.Fuzz()


def keep(work: Path, place: str, text: str, data: bytes) -> None:
    """One finding for each place."""
    name = re.sub(r"[^\w]+", "-", place)[-120:].strip("-")
    if not (work / f"input-{name}").exists():
        (work / f"input-{name}").write_bytes(data)
        (work / f"finding-{name}.txt").write_text(f"{place}\n\n{text}", errors="replace")


def again(file: Path) -> int:
    """Run one input and say what comes of it."""
    from tests.competition.fuzzing.hosted import host_all
    from tests.competition.fuzzing.target import Target

    with tempfile.TemporaryDirectory(prefix="dojo-fuzz-") as folder:
        target = Target(host_all(Path(folder)))
        found = target.run(file.read_bytes())
    print(found.text if found is not None else f"nothing: {target.counts}")
    return 1 if found is not None else 0


def watch(work: Path, seconds: int) -> int:
    """Start the fuzzer as often as it takes; print the figures; 1 where there are findings."""
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    begun, starts, runs, covered = time.monotonic(), 0, 0, [0, 0]
    while (left := int(seconds - (time.monotonic() - begun))) > 0:
        starts += 1
        log = work / f"log-{starts}"
        with log.open("wb") as file:
            words = [sys.executable, __file__, "--inside", str(work), "--seconds", str(left)]
            subprocess.run(words, stdout=file, stderr=subprocess.STDOUT, check=False)
        text = log.read_text(errors="replace")
        found = [int(number) for number in re.findall(r"\bcov: (\d+)", text)]
        covered = [covered[0] or (found[0] if found else 0), max([covered[1], *found])]
        runs += max((int(number) for number in re.findall(r"^#(\d+)", text, re.M)), default=0)
        if not found:
            print(text[-2000:])
            break
    told = ""
    with contextlib.suppress(OSError):
        told = (work / "told").read_text()
    kept = sorted(work.glob("finding-*")) + sorted(work.glob("crash-*"))
    corpus = len(list((work / "corpus").iterdir()))
    print(f"{runs:,} files in {time.monotonic() - begun:,.0f} s ({starts} starts); edges of the code reached: "
          f"{covered[0]:,} by the seeds' first, {covered[1]:,} in the end; {corpus:,} inputs kept; {told}")  # fmt: skip
    for file in kept:
        print(f"finding: {file}: {file.read_text(errors='replace').splitlines()[0][:200] if file.suffix else ''}")
    print(f"{len(kept)} findings; all is in {work}")
    return 1 if kept or not runs else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--work", type=Path, help="a folder for inputs and findings; default: a new one")
    parser.add_argument("--again", type=Path, metavar="INPUT", help="run this input alone")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        fuzz(given.inside, given.seconds, [])
    if given.again is not None:
        return again(given.again)
    try:
        import atheris  # noqa: F401
    except ImportError:
        print('this needs atheris: pip install "deepdojo[fuzz]" (Linux)', file=sys.stderr)
        return 2
    return watch(given.work or Path(tempfile.mkdtemp(prefix="dojo-fuzz-kept-")), given.seconds)


if __name__ == "__main__":
    sys.exit(main())
