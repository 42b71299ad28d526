"""What a hosted board promises, shown by simulation: attacks, honest lag, wrong separations, coverage, time.

    python benchmarks/boards.py [--fast] [--only attacks,separations,power,coverage,timing]

Prints and writes results/boards.md, and the curves of the attacks as results/boards-attacks.svg. About six CPU
minutes; with --fast one, with fewer repetitions, and nothing is written. --only makes some sections and keeps the rest.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from boards_attacks import attacks
from boards_coverage import coverage, sample
from deepdojo.scoring.flips import inverse_scales, largest, pair_p
from deepdojo.scoring.ranking import better
from deepdojo.scoring.standings import Standings
from deepdojo.scoring.standings_file import dump, load

RESULTS = Path(__file__).parent / "results"

# ---- wrong separations: simulated boards whose truth is known ----


def _fields(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray | None]]:
    """(name, (k, n) terms, (k,) true skill, groups): one board of each kind."""
    skill = np.repeat([0.0, 0.03, 0.1], 20)
    ease = rng.beta(6, 2, size=2000)
    yield "60 entries of 3 skills, 2,000 rows right or wrong", _right(rng, ease, skill), skill, None
    yield "200 equal entries, 1,000 rows right or wrong", _right(rng, ease[:1000], np.zeros(200)), np.zeros(200), None
    skill = np.repeat([0.0, 0.01, 0.05], 10)
    yield "30 entries of 3 skills, 20,000 rows (blocks)", _right(rng, rng.beta(6, 2, size=20_000), skill), skill, None
    skill = np.repeat([1.0, 1.3], 10)
    losses = rng.lognormal(size=3000) * rng.lognormal(0, 0.5, size=(20, 3000)) * skill[:, None]
    yield "20 entries of 2 skills, 3,000 skewed losses (blocks)", losses, skill, None
    for m in (6, 8, 10, 12):
        groups = np.repeat(np.arange(m), 20)
        skill = np.repeat([0.0, 1.5], [10, 2])
        shared = rng.normal(size=(1, m)) + rng.normal(size=(12, m)) + skill[:, None]
        yield (
            f"12 entries of 2 skills, {m} groups of 20 rows",
            shared[:, groups] + rng.normal(size=(12, m * 20)),
            skill,
            groups,
        )


def _right(rng: np.random.Generator, ease: np.ndarray, skill: np.ndarray) -> np.ndarray:
    """0/1 rows of entries that share the rows' difficulty; more skill is right on more rows."""
    return (rng.random((len(skill), len(ease))) < ease - skill[:, None]).astype(float)


def separations(boards: int) -> list[str]:
    wrong: dict[str, list[bool]] = {}
    found: dict[str, list[float]] = {}
    for seed in range(boards):
        for name, terms, skill, groups in _fields(np.random.default_rng(seed)):
            values = terms.mean(axis=1)
            beats = better(values, terms - values[:, None], higher_is_better=True, groups=groups, draws=399, seed=seed)
            same = skill[:, None] == skill[None]
            wrong.setdefault(name, []).append(bool((beats & same).any()))
            if not same.all():
                found.setdefault(name, []).append(float((beats | beats.T)[~same].mean()))
    lines = [
        f"## Wrong separations\n\n{boards} boards of each kind. A board is wrong when any two equally able entries are "
        "said to differ (goal: at most 5 % of boards).\n",
        "| boards | wrong | true differences found |\n|---|---|---|",
    ]
    for name, seen in wrong.items():
        power = f"{np.mean(found[name]):.0%}" if name in found else "–"
        lines.append(f"| {name} | {np.mean(seen):.1%} | {power} |")
    return [*lines, ""]


def power(boards: int) -> list[str]:
    """Few groups: what the board finds of what each pair alone would show, against max-T alone."""
    lines = [
        f"## Power on boards of few groups\n\n12 entries, 11 of them equal, one apart by the given number of standard "
        f"deviations of a group's noise; {boards} boards each. Share of its 11 differences found.\n",
        "| groups | apart | each pair alone (`dojo compare`) | max-T alone | the board |\n|---|---|---|---|---|",
    ]
    for m in (6, 8, 10, 12):
        for apart in (4.0, 2.0):
            seen = np.zeros(3)
            for seed in range(boards):
                rng = np.random.default_rng(seed)
                terms = rng.normal(size=(12, m)) + 2 * rng.normal(size=m)
                terms[0] += apart
                values = terms.mean(axis=1)
                beats = better(values, terms - values[:, None], higher_is_better=True, seed=seed)
                seen += (
                    np.mean([pair_p(terms[0], other) <= 0.05 for other in terms[1:]]),
                    _max_t_alone(terms)[0, 1:].mean(),
                    beats[0, 1:].mean(),
                )
            lines.append(f"| {m} | {apart:g} | " + " | ".join(f"{x:.0%}" for x in seen / boards) + " |")
    return [*lines, ""]


def _max_t_alone(terms: np.ndarray) -> np.ndarray:
    m = terms.shape[1]
    signs = 1.0 - 2.0 * ((np.arange(1 << (m - 1))[:, None] >> np.arange(m)) & 1)
    inverse, total = inverse_scales(terms), terms.sum(axis=1)
    peaks = np.sort(largest(terms @ signs.T, inverse)[0])
    observed = np.abs(total[:, None] - total) * inverse
    return (len(peaks) - np.searchsorted(peaks, observed * (1 - 1e-6), "left")) / len(peaks) <= 0.05


# ---- time ----


def _timed(work: Callable[[int], object], times: int) -> tuple[float, float]:
    """(median, 95 % point) of the CPU milliseconds of `work(i)`."""
    seen = []
    for i in range(times):
        began = time.process_time()
        work(i)
        seen.append(1000 * (time.process_time() - began))
    return float(np.median(seen)), float(np.quantile(seen, 0.95))


def timing() -> list[str]:
    rng = np.random.default_rng(0)
    k, n = 1000, 10_000
    skill = rng.normal(0, 0.03, size=k + 50)
    rows = _right(rng, rng.beta(6, 2, size=n), skill)
    values = rows.mean(axis=1)
    influence = rows - values[:, None]
    boards: list[Standings] = []

    def whole(_: int) -> None:
        board = Standings(n, higher_is_better=True, seed=1)
        for i in range(k):
            board.put(str(i), values[i], influence[i])
        board.ranks()
        boards[:] = [board]

    def put(i: int) -> None:
        boards[0].put(str(i), values[k + i], influence[k + i])
        boards[0].ranks()

    def remove(i: int) -> None:
        boards[0].remove(str(i))
        boards[0].ranks()

    found: Sequence[tuple[str, tuple[float, float], str]] = [
        ("whole board from nothing, 1,000 × 10,000", _timed(whole, 5), "500"),
        ("replace one: interval and all ranks", _timed(put, 50), "5"),
        ("remove one, all ranks", _timed(remove, 50), "5"),
        ("add one: interval and all ranks", _timed(put, 50), "5"),
    ]
    assert boards[0].audit()
    again = load(dump(boards[0]))
    assert again.ranks() == boards[0].ranks()
    assert again.audit()
    auc = [sample("roc_auc", np.random.default_rng(i), n) for i in range(10)]
    table = [
        *found,
        (
            "AUC of 10,000 rows: interval and influence",
            _timed(lambda i: (auc[i].interval(), auc[i].influence()), 10),
            "20",
        ),
        ("dump of the board to bytes", _timed(lambda _: dump(boards[0]), 5), "–"),
        ("load of the board from bytes", _timed(lambda _: load(dump(boards[0])), 5), "–"),
    ]
    lines = [
        "## Time\n\nCPU milliseconds of one thread, median (95 % point). After all of it the board equals the one "
        f"computed from nothing bit for bit, and takes {len(dump(boards[0])) / 1e6:.1f} MB as bytes.\n",
        "| operation | ms | goal |\n|---|---|---|",
    ]
    return [*lines, *(f"| {name} | {a:.1f} ({b:.1f}) | {goal} |" for name, (a, b), goal in table), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="fewer repetitions; prints only")
    parser.add_argument("--only", default="timing,attacks,separations,power,coverage", help="parts, with commas")
    told = parser.parse_args()
    scale, parts = (0.1 if told.fast else 1.0), told.only.split(",")
    made: dict[str, list[str]] = {}
    if "timing" in parts:
        made["Time"] = timing()
    if "attacks" in parts:
        found, picture = attacks(max(2, int(6 * scale)))
        made["Attacks on the public board"] = [*found, "![Curves of the ten attacks](boards-attacks.svg)", ""]
        if not told.fast:
            (RESULTS / "boards-attacks.svg").write_text(picture + "\n", encoding="utf-8")
    if "separations" in parts:
        made["Wrong separations"] = separations(int(200 * scale))
    if "power" in parts:
        made["Power on boards of few groups"] = power(int(200 * scale))
    if "coverage" in parts:
        made["Coverage of 95 % intervals"] = coverage(scale)
    print("\n".join(line for lines in made.values() for line in lines))
    if not told.fast:
        _write(made)


def _write(made: dict[str, list[str]]) -> None:
    """Replace the sections of boards.md that were made anew, and leave the others."""
    path = RESULTS / "boards.md"
    old = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.is_file() else []
    sections = {text.split("\n", 1)[0]: "## " + text.rstrip("\n") for text in old}
    sections |= {name: "\n".join(lines).rstrip("\n") for name, lines in made.items()}
    head = "# Hosted boards: attacks, false separations, intervals, time\n\n`python benchmarks/boards.py`"
    path.write_text("\n\n".join([head, *(sections[name] for name in sorted(sections))]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
