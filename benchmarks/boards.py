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

from deepdojo.competition.ladder import Ladder
from deepdojo.scoring.flips import inverse_scales, largest, pair_p
from deepdojo.scoring.formulas import normal_cdf
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics import METRICS
from deepdojo.scoring.ranking import better
from deepdojo.scoring.standings import Standings
from deepdojo.scoring.standings_file import dump, load

RESULTS = Path(__file__).parent / "results"
ROWS, ENTRIES = 3000, 700

# ---- attacks on the public board: 0/1 labels, accuracy, no model at all ----

Ask = Callable[[np.ndarray], float]


class Board:
    """One team's public board; `ask` answers as the page would, `curve` is what the page showed after each entry."""

    def __init__(self, labels: np.ndarray, kind: str) -> None:
        self.labels, self.kind, self.curve, self.best = labels, kind, [], 0.0
        self.ladder = Ladder(len(labels), higher_is_better=True)

    def ask(self, guess: np.ndarray) -> float:
        right = (guess == self.labels).astype(float)
        value = float(right.mean())
        if self.kind == "plain":
            self.best = max(self.best, value)
            self.curve.append(self.best)
            return value
        self.ladder, _ = self.ladder.offer(str(len(self.curve)), value, right - value)
        self.curve.append(self.ladder.shown)
        return self.curve[-1]


def _guess(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, size=ROWS)


def best_of_many(board: Board, rng: np.random.Generator) -> None:
    for _ in range(ENTRIES):
        board.ask(_guess(rng))


def boosting(board: Board, rng: np.random.Generator, weighted: bool = False) -> None:
    """Majority vote of the random guesses that the board liked (Blum and Hardt 2015, section 4)."""
    votes, before = np.zeros(ROWS), 0.5
    for _ in range(ENTRIES - 1):
        guess = _guess(rng)
        said = board.ask(guess)
        liked = said - 0.5 if board.kind == "plain" else said - before
        before = said
        if liked > 0 or (weighted and board.kind == "plain"):
            votes += (2 * guess - 1) * (liked if weighted else 1.0)
    board.ask((votes + 1e-9 * rng.normal(size=ROWS) > 0).astype(int))


def climb(board: Board, rng: np.random.Generator, size: Callable[[int], int], fresh: bool) -> None:
    """Keep a guess, flip some rows, keep the flip if the board goes up. `fresh`: each row is tried once in turn."""
    held = _guess(rng)
    shown, order = board.ask(held), rng.permutation(ROWS)
    start = 0
    for turn in range(ENTRIES - 1):
        count = size(turn)
        rows = order[np.arange(start, start + count) % ROWS] if fresh else rng.choice(ROWS, count, replace=False)
        start += count
        tried = held.copy()
        tried[rows] = 1 - tried[rows]
        said = board.ask(tried)
        if said > shown:
            held, shown = tried, said


ATTACKS: dict[str, Callable[[Board, np.random.Generator], None]] = {
    "best of all": best_of_many,
    "boosting": boosting,
    "boosting, weighted": lambda board, rng: boosting(board, rng, weighted=True),
    "flip 1 fresh row": lambda board, rng: climb(board, rng, lambda _: 1, fresh=True),
    "flip 4": lambda board, rng: climb(board, rng, lambda _: 4, fresh=True),
    "flip 16": lambda board, rng: climb(board, rng, lambda _: 16, fresh=True),
    "flip 64": lambda board, rng: climb(board, rng, lambda _: 64, fresh=True),
    "climb, 1 % of rows": lambda board, rng: climb(board, rng, lambda _: 30, fresh=False),
    "climb, 5 % of rows": lambda board, rng: climb(board, rng, lambda _: 150, fresh=False),
    "climb, 30 % down to 1 %": lambda board, rng: climb(
        board, rng, lambda turn: int(ROWS * 0.3 * (1 / 30) ** (turn / ENTRIES)), fresh=False
    ),
}


def attacks(draws: int) -> tuple[list[str], str]:
    """Table and curves of the ten attacks on both boards."""
    curves: dict[tuple[str, str], np.ndarray] = {}
    for name, attack in ATTACKS.items():
        for kind in ("plain", "ladder"):
            seen = []
            for draw in range(draws):
                rng = np.random.default_rng(draw)
                board = Board(_guess(rng), kind)
                attack(board, rng)
                seen.append(board.curve)
            curves[name, kind] = np.array(seen) - 0.5
    lines = [
        f"## Attacks on the public board\n\n{ROWS:,} public rows of two classes, {ENTRIES} entries, {draws} draws: what"
        " the board shows above chance (0.5) at the end, mean (highest draw). The private gain of all is 0.\n",
        "| attack | plain board | Ladder | Ladder at 150 entries |\n|---|---|---|---|",
    ]
    for name in ATTACKS:
        plain, ladder = curves[name, "plain"], curves[name, "ladder"]
        lines.append(
            f"| {name} | {plain[:, -1].mean():+.3f} ({plain[:, -1].max():+.3f}) | {ladder[:, -1].mean():+.3f} "
            f"({ladder[:, -1].max():+.3f}) | {ladder[:, 149].mean():+.3f} |"
        )
    worst = {kind: max(curves[name, kind][:, -1].mean() for name in ATTACKS) for kind in ("plain", "ladder")}
    lag = [honest_lag(seed) for seed in range(4 * draws)]
    lines.append(
        f"\nBoosting on the Ladder {curves['boosting', 'ladder'][:, -1].mean():+.3f} (goal at most +0.02); worst of ten"
        f" {worst['ladder']:+.3f} (goal at most +0.04), on a plain board {worst['plain']:+.3f}. Honest lag, 40 real"
        f" steps from 0.80 to 0.86: {np.mean(lag):.4f} on average, {np.max(lag):.4f} in the worst of {len(lag)} draws"
        " (goal at most 0.005).\n"
    )
    return lines, svg({name: (curves[name, "plain"].mean(0), curves[name, "ladder"].mean(0)) for name in ATTACKS})


def honest_lag(seed: int) -> float:
    """How far the shown value stays behind the best plain one, mean over 40 entries that truly get better."""
    rng = np.random.default_rng(1000 + seed)
    ease, ladder, best, behind = rng.random(ROWS), Ladder(ROWS, higher_is_better=True), 0.0, []
    for step, skill in enumerate(np.linspace(0.80, 0.86, 40)):
        own = np.where(rng.random(ROWS) < 0.1, rng.random(ROWS), ease)  # a tenth of the rows falls as chance has it
        right = (own < skill).astype(float)
        best = max(best, float(right.mean()))
        ladder, _ = ladder.offer(str(step), float(right.mean()), right - right.mean())
        behind.append(best - float(ladder.shown or 0.0))
    return float(np.mean(behind))


def svg(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Small multiples: one panel an attack, the plain board above, the Ladder below."""
    width, height, across, top = 190, 120, 5, 0.3
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across * width} {2 * height + 24}" font-size="10" '
        'font-family="system-ui, sans-serif" role="img" aria-label="Gain above chance that ten attacks show on a plain '
        'board and on the Ladder, by number of entries">',
        f'<rect width="{across * width}" height="{2 * height + 24}" fill="#fff"/>',
    ]
    for number, (name, both) in enumerate(curves.items()):
        left, up = number % across * width + 8, number // across * height + 6
        w, h = width - 16, height - 34
        parts.append(f'<text x="{left}" y="{up + 10}" fill="#222">{name}</text>')
        for gain in (0.0, 0.1, 0.2, 0.3):
            y = up + 16 + h * (1 - gain / top)
            parts.append(f'<path d="M{left} {y:.1f}h{w}" stroke="#ddd"/>')
            if gain:  # at the left, where the curves begin at 0
                parts.append(f'<text x="{left}" y="{y - 2:.1f}" fill="#777">+{gain:.1f}</text>')
        for curve, colour in zip(both, ("#b2182b", "#2166ac"), strict=True):
            picked = np.linspace(0, len(curve) - 1, 120).astype(int)
            x, y = left + picked / (len(curve) - 1) * w, up + 16 + h * (1 - np.clip(curve[picked], 0, top) / top)
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    foot = 2 * height + 16
    parts.append(
        f'<text x="8" y="{foot}"><tspan fill="#b2182b">plain board</tspan>  <tspan fill="#2166ac">Ladder</tspan>'
        f'<tspan fill="#222">  gain shown above chance, entries 1 to {ENTRIES}</tspan></text></svg>'
    )
    return "\n".join(parts)


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


# ---- coverage: how often the interval holds the value of the whole population ----

_WORDS = np.array([f"w{i}" for i in range(60)])


def _sample(metric: str, rng: np.random.Generator, n: int) -> Measured:
    if metric in ("rmse", "rmse, normal errors"):  # Student's t of 6: errors² have no third moment
        truth = rng.normal(size=n)
        errors = rng.standard_t(6, size=n) if metric == "rmse" else rng.normal(size=n)
        return METRICS["rmse"](list(truth), list(truth + errors))
    if metric == "bleu":
        return METRICS[metric](*_sentences(rng, n))
    if metric == "roc_auc":
        label = rng.random(n) < 0.3
        score = 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * label))
        cells = [{"yes": float(s), "no": 1 - float(s)} for s in score]
        return METRICS[metric](["yes" if x else "no" for x in label], cells)
    truth = rng.choice(3, size=n, p=(0.6, 0.3, 0.1))
    said = np.where(rng.random(n) < 0.8, truth, rng.integers(3, size=n))
    names = np.array(["a", "b", "c"])
    return METRICS[metric](list(names[truth]), list(names[said]))


def _sentences(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """References of 5 to 20 words, and copies in which a share of the words, its own for each row, was replaced."""
    said, told = [], []
    for length, noise in zip(rng.integers(5, 21, size=n), rng.beta(2, 4, size=n), strict=True):
        words = rng.integers(60, size=length)
        made = np.where(rng.random(length) < noise, rng.integers(60, size=length), words)
        told.append(" ".join(_WORDS[words]))
        said.append(" ".join(_WORDS[made]))
    return told, said


def _population(metric: str) -> float:
    """What a sample of endless rows would give."""
    if metric == "bleu":
        return _sample(metric, np.random.default_rng(77), 300_000).value()
    if metric == "roc_auc":
        return normal_cdf(1.5 / 2**0.5)
    if metric.startswith("rmse"):
        return 1.5**0.5 if metric == "rmse" else 1.0
    shares = np.array([0.6, 0.3, 0.1])
    table = np.diag(0.8 * shares) + 0.2 * shares[:, None] / 3
    right = np.diag(table)
    return float(right.sum() if metric == "accuracy" else (2 * right / (table.sum(0) + table.sum(1))).mean())


_COVERED = ("accuracy", "macro_f1", "roc_auc", "rmse, normal errors", "rmse", "bleu")


def coverage(scale: float, metrics: Sequence[str] = _COVERED) -> list[str]:
    lines = [
        "## Coverage of 95 % intervals\n\nHow often the interval of n rows holds the value of the population that they "
        "come from (computed; of BLEU that of 300,000 sentences). Goal: 93 to 97 %. Bootstrap draws: 1,000, "
        "none (the normal interval) at 10,000.\n",
        "| metric | n = 200 | n = 2,000 | n = 10,000 | milliseconds an interval, n = 10,000 |\n|---|---|---|---|---|",
    ]
    for metric in metrics:
        true = _population(metric)
        cells = []
        for n, repeats in ((200, 1500), (2000, 800), (10_000, 800)):
            share = scale / 4 if metric == "bleu" else scale
            repeats, hits, spent = max(20, int(repeats * share)), 0, 0.0
            for seed in range(repeats):
                measured = _sample(metric, np.random.default_rng([n, seed]), n)
                began = time.process_time()
                low, high = measured.interval()
                measured.influence()
                spent += time.process_time() - began
                hits += low <= true <= high
            cells.append(f"{hits / repeats:.1%} (± {(hits / repeats * (1 - hits / repeats) / repeats) ** 0.5:.1%})")
        name = "rmse, heavy-tailed errors (t, 6)" if metric == "rmse" else metric
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {1000 * spent / repeats:.1f} |")
    return [*lines, ""]


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
    auc = [_sample("roc_auc", np.random.default_rng(i), n) for i in range(10)]
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
