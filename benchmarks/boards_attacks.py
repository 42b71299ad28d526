"""Ten attacks on a public board, plain and behind the Ladder, and how long the Ladder keeps honest entries waiting.

Part of benchmarks/boards.py, which says how it is run. 0/1 labels, accuracy, no model at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepdojo.competition.ladder import Ladder

__all__ = ["attacks"]

ROWS, ENTRIES = 3000, 700
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
