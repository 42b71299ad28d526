"""A board computed from nothing but the stored submissions and the answers, to be compared with the one that is kept.

Files are read by the scoring process with its limits, as the worker has them read: what was sent may be hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.database.finish import Facts
from deepdojo.competition.ladder import Ladder
from deepdojo.competition.worker.process import Died, ScoringLimits, ScoringProcess
from deepdojo.competition.worker.ranking import empty_board, put_row
from deepdojo.errors import ScoreError

__all__ = ["Program", "Recomputed", "Stored", "differences", "recompute"]

FIGURES = ("value", "low", "high", "n")


@dataclass(frozen=True)
class Program:
    """A program as it was sent; it is kept, and not run again."""

    file_name: str
    data: bytes = field(repr=False)
    encoding: str
    sha256: str


@dataclass(frozen=True)
class Stored:
    """One scored submission as it was kept.

    Attributes:
        number: its place among all, by which a team's are ordered where they were scored at one time.
        scored: seconds since 1970, which order the Ladder's steps.
        final: whether it stands on the final board.
        data, file_name, size_bytes, sha256: of the table that is scored.
        program: what was sent, where that is a program, which wrote this table.
    """

    submission: str
    number: int
    team: str
    file_name: str
    scored: float
    size_bytes: int
    data: bytes = field(repr=False)
    encoding: str = "raw"
    final: bool = False
    sha256: str = ""
    program: Program | None = None


@dataclass
class Recomputed:
    """What came out.

    Attributes:
        scores: submission -> part -> value, low, high, n, and of the public part what the Ladder showed.
        public: team -> rank, value, low, high, n, submissions, submission.
        private: the same of the final board; empty where no submission is `final`.
        failed: submission -> why it could not be scored again.
    """

    scores: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    public: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def recompute(
    private: Path, stored: Iterable[Stored], *, higher_is_better: bool, most_bytes: int,
    progress: Callable[[int], None] | None = None, limits: ScoringLimits | None = None,
) -> Recomputed:  # fmt: skip
    """Score everything again, walk the Ladders again, rank again.

    Args:
        private: the folder of the answers. stored: in any order of teams; each team's in the order of scoring.
        higher_is_better: of a host's own metric, which the answers do not know.
        most_bytes: that a file may have, as the event's rules say.
    """
    process, found = ScoringProcess(limits or ScoringLimits()), Recomputed()
    try:
        facts = _facts(process, private, higher_is_better)
        ladders: dict[str, Ladder] = {}
        counts: dict[str, int] = {}
        finals = empty_board(facts, "private")
        held: dict[str, dict[str, Any]] = {}
        for done, one in enumerate(stored):
            if progress is not None:
                progress(done)
            counts[one.team] = counts.get(one.team, 0) + 1
            try:
                parts, influences = _score(process, private, one, facts, most_bytes)
            except (ScoreError, Died) as error:
                found.failed[one.submission] = str(error)
                continue
            before = ladders.get(one.team) or Ladder(facts.n["public"], facts.higher_is_better)
            public = parts["public"]
            after, offer = before.offer(
                str(one.number), public["value"], influences["public"], groups=facts.groups["public"]
            )
            ladders[one.team] = after
            found.scores[one.submission] = {"public": {**public, "shown": after.shown, "moved": offer.moved},
                                            "private": parts["private"]}  # fmt: skip
            if offer.moved:
                held[one.team] = {**public, "submission": one.submission}
            if one.final:
                _enter(finals, found.private, one, parts["private"], influences["private"])
        found.public = _ranked(facts, ladders, held)
        for team, row in found.public.items():
            row["submissions"] = ladders[team].offered
        ranks = finals.ranks()
        for team, row in found.private.items():
            row["rank"], row["submissions"] = ranks.get(team), counts[team]
    finally:
        process.close()
    return found


def _facts(process: ScoringProcess, private: Path, higher_is_better: bool) -> Facts:
    answer, body = process.ask({"ask": "facts", "private": str(private.absolute())})
    if "failed" in answer:
        raise ScoreError(str(answer["failed"]), where=str(private), todo="restore the event from its backup")
    n = answer["n"]
    groups: dict[str, np.ndarray | None] = {"public": None, "private": None}
    if answer["grouped"]:
        numbers = np.frombuffer(body, dtype="<i8")
        groups = {"public": numbers[: n["public"]], "private": numbers[n["public"] :]}
    higher = answer["higher_is_better"]
    return Facts(
        n, higher_is_better if higher is None else higher, groups, bytes.fromhex(answer["seed"]), answer["custom"]
    )


def _score(
    process: ScoringProcess, private: Path, one: Stored, facts: Facts, most_bytes: int
) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:  # fmt: skip
    head = {"ask": "score", "private": str(private.absolute()), "encoding": one.encoding, "bytes": one.size_bytes,
            "name": one.file_name, "parts": ("public", "private"), "most_bytes": most_bytes}  # fmt: skip
    answer, body = process.ask(head, one.data, wall_s=process.limits.custom_wall_s if facts.custom else None)
    if "scores" not in answer:
        why = answer.get("failed") or (answer.get("refused") or {}).get("error") or "no result came"
        raise ScoreError(str(why).strip().splitlines()[-1], where=one.submission)
    public, private_n = facts.n["public"], facts.n["private"]
    cells = np.frombuffer(body, dtype="<f4")
    if not len(cells):
        cells = np.zeros(public + private_n, dtype=np.float32)
    figures = {part: {name: of[name] for name in FIGURES} for part, of in answer["scores"].items()}
    return figures, {"public": cells[:public], "private": cells[public : public + private_n]}


def _enter(
    board: Any, rows: dict[str, dict[str, Any]], one: Stored, figures: Mapping[str, Any], influence: np.ndarray
) -> None:  # fmt: skip
    cells = (influence.astype(np.float64) + figures["value"]).astype(np.float32)
    put_row(board, one.team, figures["value"], cells, (figures["low"], figures["high"]))  # type: ignore[arg-type]
    rows[one.team] = {**figures, "submission": one.submission}


def _ranked(facts: Facts, ladders: Mapping[str, Ladder], rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    board = empty_board(facts, "public")
    for team, row in rows.items():
        held = ladders[team].held
        assert held is not None
        put_row(board, team, row["value"], held, (row["low"], row["high"]))  # type: ignore[arg-type]
    ranks = board.ranks()
    return {team: {"rank": ranks.get(team), **row} for team, row in rows.items()}


def differences(kept: Mapping[str, Mapping[str, Any]], made: Mapping[str, Mapping[str, Any]], what: str) -> list[str]:
    """One sentence for each row that is not equal to the last digit, or is on one side alone.

    Args:
        kept, made: team or submission -> figures; what `kept` has of each is compared.
    """
    said = [f"{what} {name}: it is kept, and does not come out again" for name in kept if name not in made]
    said += [f"{what} {name}: it comes out, and is not kept" for name in made if name not in kept]
    for name in kept:
        for key, value in kept[name].items() if name in made else ():
            if value != made[name].get(key):
                said.append(f"{what} {name}: {key} is kept as {value!r}, and comes out as {made[name].get(key)!r}")
    return said
