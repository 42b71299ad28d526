"""One hostile file through the very code of the scoring process, and what may come of it.

Allowed: scores, or a refusal in one sentence. A finding is whatever else there is: "failed" (an error that the sender
cannot mend), an exception, more than five seconds, a file that the two CSV readers read differently, a refusal that
quotes a hidden answer, an event that scores a good file otherwise afterwards.
"""

from __future__ import annotations

import json
import time
import traceback
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from deepdojo.columns import Coded, Numbers
from deepdojo.competition.worker.judge import Judge
from deepdojo.competition.worker.scoring import _answer
from deepdojo.errors import ScoreError
from deepdojo.tables import align, check_cells
from deepdojo.tables_io import read_bytes
from tests.competition.fuzzing.hosted import Hosted

LONGEST_S = 5.0
MOST_BYTES = 1 << 20
_NAMES = ("mine.csv", "mine.tsv", "mine.jsonl", "mine.parquet", "mine.zip", "../../x", "", "\0.csv")


@dataclass
class Finding:
    """`kind` and the last line of code tell two apart."""

    kind: str
    text: str

    @property
    def place(self) -> str:
        frames = [line.strip() for line in self.text.splitlines() if line.strip().startswith("File ")]
        return f"{self.kind}: {frames[-1] if frames else self.text[:80]}"


@dataclass
class Target:
    """Runs files. The first byte of an input chooses the event, the second the file's name; the rest is the file."""

    events: list[Hosted]
    judges: OrderedDict[str, Judge] = field(default_factory=OrderedDict)
    counts: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    runs: int = 0

    def __post_init__(self) -> None:
        self.judges.update((str(event.private), event.judge) for event in self.events)
        self.good = [self._ask(event, *self._whole(event)) for event in self.events]
        for event, said in zip(self.events, self.good, strict=True):
            assert "scores" in said[0], (event.name, said)

    def seeds(self) -> list[bytes]:
        """Inputs that hold whole submissions."""
        return [
            bytes([number, _NAMES.index("mine." + ending.split(".")[-1])]) + data
            for number, event in enumerate(self.events)
            for ending, data in event.whole.items()
        ]

    def run(self, data: bytes) -> Finding | None:
        """One input; None where nothing is wrong."""
        if len(data) < 3:
            return None
        event, name, file = self.events[data[0] % len(self.events)], _NAMES[data[1] % len(_NAMES)], data[2:]
        self.runs += 1
        begun = time.perf_counter()
        try:
            said = self._ask(event, name, file)
            found = self._look(event, said[0], file) or self._both_readers(event, file)
        except Exception:
            found = Finding("exception", traceback.format_exc())
        took = time.perf_counter() - begun
        self.slowest_s = max(self.slowest_s, took)
        if found is None and took > LONGEST_S:
            found = Finding("slow", f"{event.name}: {took:.1f} s for {len(file):,} bytes")
        if found is None and self.runs % 500 == 0:
            found = self._still_the_same()
        return found

    def _whole(self, event: Hosted) -> tuple[str, bytes]:
        ending = ".csv" if ".csv" in event.whole else ".zip"
        return f"mine{ending}", event.whole[ending]

    def _ask(self, event: Hosted, name: str, file: bytes) -> tuple[dict[str, object], bytes]:
        head = {"ask": "score", "private": str(event.private), "encoding": "raw", "bytes": len(file), "name": name,
                "parts": ("public", "private"), "most_bytes": MOST_BYTES}  # fmt: skip
        return _answer(self.judges, head, file)

    def _look(self, event: Hosted, said: dict[str, object], file: bytes) -> Finding | None:
        kind = next((key for key in ("scores", "refused", "failed", "unfit") if key in said), "nothing")
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == "scores":
            json.dumps(said, allow_nan=False)
            return None
        if kind != "refused":
            return Finding(kind, f"{event.name}: {said}".replace("\\n", "\n"))
        fault = said["refused"]
        assert isinstance(fault, dict)
        parts = [str(part or "") for part in fault.values()]
        if not parts[0].strip() or max(map(len, parts)) > 4000 or "Traceback" in parts[0]:
            return Finding("no sentence", f"{event.name}: {json.dumps(fault)[:400]}")
        return None

    def _both_readers(self, event: Hosted, file: bytes) -> Finding | None:
        """Where the fast reader gives cells, the strict one gives the same."""
        judge = event.judge
        fast = judge.plain.read(file)
        if fast is None:
            return None
        kinds = {judge.column: judge.solution.contract.predictions[judge.column]}
        try:
            table = read_bytes("mine.csv", file, kinds, {judge.column})
            check_cells(table, kinds, labels=judge.solution.labels)
            strict = list(align(judge.solution.ids, table).columns[judge.column])
        except ScoreError as error:
            return Finding("two readers", f"{event.name}: the strict one refuses: {error}")
        if isinstance(fast, Numbers):
            same = np.array(strict, dtype=np.float64).tobytes() == fast.values.tobytes()
        elif isinstance(fast, Coded):
            same = strict == [fast.names[code] for code in fast.codes]
        else:
            same = strict == list(fast)
        return None if same else Finding("two readers", f"{event.name}: {strict} and {list(fast)}")

    def _still_the_same(self) -> Finding | None:
        for event, before in zip(self.events, self.good, strict=True):
            if self._ask(event, *self._whole(event)) != before:
                return Finding("changed", f"{event.name}: a good file is scored otherwise than at the start")
        return None
