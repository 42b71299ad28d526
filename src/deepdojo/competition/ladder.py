"""The Ladder of one team on the public board: a shown value moves only when the new entry is surely better.

Legend: n public rows, m units (rows, or groups of rows), dᵤ a unit's difference of new and held entry, in the better
direction.

A board that answers every entry to the last digit tells which single answers are right; 700 entries of guesses climb
from 0.50 to 0.68 without a model. So a team is shown the value of its last step, and a new entry is a step only if

    Σ dᵤ / n  >  max(2 s, floor) · √m / n,    s = standard deviation of the dᵤ (m - 1 in the denominator)

which for single rows is mean d > max(2 s, floor)/√n. The 2 s keep chance out; the floor keeps out entries that copy the
held one but for a few rows, where s is too small to tell. With m in the denominator of s instead, one right flip among
n rows would pass.

The floor is half of the standard deviation that a row's own contribution has. For 0/1 rows it is 0.25, half of the
largest that a 0/1 row can have, whatever the value. Every other metric, bounded or not, has its own scale in its
influence: there the floor is half of the larger standard deviation of the two entries' units, so that it follows the
metric's unit, and neither a smooth held entry nor a smooth new one can lower it.

Only public rows ever come here. The first entry is a step, shown at its plain value, and so is every step.

Source: Blum and Hardt 2015, "The Ladder: A Reliable Leaderboard for Machine Learning Competitions", whose
parameter-free step stops boosting but not hill climbing (`benchmarks/boards.py` shows both); hence factor and floor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from deepdojo.errors import ScoreError

__all__ = ["FACTOR", "Ladder", "Offer"]

FACTOR = 2.0
_FLOOR = 0.5  # of a unit's standard deviation
_KEPT = 1000  # offers since the last step that are listed one by one; all are counted


@dataclass(frozen=True)
class Offer:
    """What the Ladder said of one submission; for the host, since gain and value are those that it hides.

    Attributes:
        value: the plain public value.
        gain: how much better than the held entry, positive = better; None for the first.
        needed: the gain that it had to exceed.
        moved: whether it became the step that is shown.
    """

    submission: str
    value: float
    gain: float | None
    needed: float | None
    moved: bool


@dataclass(frozen=True)
class Ladder:
    """One team's state; `offer` gives the next. Plain values and one vector, so that it fits a database row.

    Attributes:
        n: public rows.
        steps: the submissions that moved it, oldest first.
        since: the offers since the last step, newest last; at most 1,000 of them are kept.
        offered: how many submissions there were in all.
        held: (n,) float32 pseudo-values (value + influence) of the last step; None before the first.
    """

    n: int
    higher_is_better: bool
    steps: tuple[Offer, ...] = ()
    since: tuple[Offer, ...] = ()
    offered: int = 0
    held: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> float | None:
        """What the entrant and the public board see; None before the first entry."""
        return self.steps[-1].value if self.steps else None

    @property
    def submission(self) -> str | None:
        """The one that is shown."""
        return self.steps[-1].submission if self.steps else None

    def offer(
        self, submission: str, value: float, influence: np.ndarray, *, groups: np.ndarray | None = None
    ) -> tuple[Ladder, Offer]:
        """Judge a scored submission.

        Args:
            value: of the metric on the public rows.
            influence: (n,) per-row influence on it, of the public rows alone.
            groups: (n,) numbers from 0 of rows that belong together.

        Returns:
            The state afterwards and what was decided. The state before is unchanged.

        Raises:
            ScoreError: another number of rows, or something that is not finite.
        """
        influence = np.asarray(influence, dtype=np.float64)
        if influence.shape != (self.n,):
            raise ScoreError(f"an entry with {influence.size} rows does not fit {self.n} public ones")
        with np.errstate(over="ignore", invalid="ignore"):
            terms = (influence + value).astype(np.float32)
        if not np.isfinite(terms).all():
            raise ScoreError(f"{submission} has a value or an influence that is not finite", todo="score it again")
        gain, needed = (None, None) if self.held is None else self._judge(terms, groups)
        moved = gain is None or needed is None or gain > needed
        made = Offer(submission, float(value), gain, needed, moved)
        if moved:
            return replace(self, steps=(*self.steps, made), since=(), offered=self.offered + 1, held=terms), made
        return replace(self, since=(*self.since, made)[-_KEPT:], offered=self.offered + 1), made

    def _judge(self, terms: np.ndarray, groups: np.ndarray | None) -> tuple[float, float]:
        """(gain, needed gain) over the held entry."""
        assert self.held is not None
        sign = 1.0 if self.higher_is_better else -1.0
        new, old = _units(terms, groups), _units(self.held, groups)
        difference = sign * (new - old)
        m = len(difference)
        if m < 2:
            return float(difference.sum()) / self.n, math.inf
        floor = 0.25 if groups is None and _zero_one(new) and _zero_one(old) else _FLOOR * max(_sd(new), _sd(old))
        return float(difference.sum()) / self.n, max(FACTOR * _sd(difference), floor) * math.sqrt(m) / self.n

    def as_json(self) -> dict[str, Any]:
        """Everything but the vector, for the database and the host's eyes."""
        return {
            "n": self.n,
            "higher_is_better": self.higher_is_better,
            "shown": self.shown,
            "offered": self.offered,
            "steps": [asdict(offer) for offer in self.steps],
            "since": [asdict(offer) for offer in self.since],
        }

    def vector(self) -> bytes:
        """The held entry's (n,) float32, little-endian; empty before the first step."""
        return b"" if self.held is None else self.held.astype("<f4").tobytes()

    @classmethod
    def from_json(cls, state: Mapping[str, Any] | str, vector: bytes) -> Ladder:
        """Back from `as_json` and `vector`.

        Raises:
            ScoreError: they are broken or do not go together.
        """
        try:
            told = json.loads(state) if isinstance(state, str) else state
            steps, since = (tuple(_offer(item) for item in told[name]) for name in ("steps", "since"))
            found = cls(int(told["n"]), bool(told["higher_is_better"]), steps, since, int(told["offered"]))
            held = np.frombuffer(vector, dtype="<f4").astype(np.float32) if vector else None
        except (KeyError, TypeError, ValueError) as error:
            raise ScoreError(f"a ladder's state is broken ({error})", todo="offer its submissions again") from None
        fits = (held is None) == (not steps) and (held is None or (len(held) == found.n and np.isfinite(held).all()))
        if not fits or told.get("shown") != found.shown or found.offered < len(steps) + len(since):
            raise ScoreError("a ladder's state and its vector do not fit", todo="offer its submissions again")
        return replace(found, held=held)


def _offer(item: Mapping[str, Any]) -> Offer:
    gain, needed = (None if item[name] is None else float(item[name]) for name in ("gain", "needed"))
    return Offer(str(item["submission"]), float(item["value"]), gain, needed, bool(item["moved"]))


def _units(terms: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    terms = terms.astype(np.float64)
    return terms if groups is None else np.bincount(groups, weights=terms)


def _zero_one(terms: np.ndarray) -> bool:
    return bool(np.all(np.minimum(np.abs(terms), np.abs(terms - 1)) < 1e-6))


def _sd(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1))
