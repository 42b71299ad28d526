"""The honest floor: baselines without a network, trained once in a child process, each kept as a small run beside
the others."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo import __version__
from deepdojo.data.dataset import Dataset
from deepdojo.data.digests import digest_of_lines
from deepdojo.data.rowset import positions_of, select
from deepdojo.errors import DojoError
from deepdojo.places import write_json
from deepdojo.runs import now_utc, write_toml
from deepdojo.session.evaluate import Judge, table_of, write_predictions, write_rows
from deepdojo.session.listener import Listener
from deepdojo.tables import Table

__all__ = ["Floors", "write_floor"]


MOST_TRAIN = {"audio": 10_000, "image": 60_000, "matrix": 20_000, "any": 100_000}
"""Training rows of a floor at most, by the kind of input: more are drawn with the seed."""
MOST_VALIDATION = 20_000


def drawn(rows: Sequence[dict[str, Any]], most: int, seed: int) -> Sequence[dict[str, Any]]:
    """All rows, or `most` of them in their order."""
    if len(rows) <= most:
        return rows
    return select(rows, np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False)))


class Floors:
    """Baselines of one project on one split; starts the child early so that it can run beside other work.

    Args:
        runs: the project's runs folder.
        train: training rows with targets, those that could be packed; the network's share of them.
        test: held-out rows, inputs only.
        share: of all training rows, that `train` is. Of more than `MOST_TRAIN` rows a floor sees a sample, and says so.
    """

    def __init__(
        self,
        dataset: Dataset,
        judge: Judge,
        runs: Path,
        *,
        train: Sequence[dict[str, Any]],
        test: Sequence[dict[str, Any]],
        seed: int,
        share: float = 1.0,
    ) -> None:
        from deepdojo.baselines import FLOORS, floors_for

        self.dataset, self.judge, self.runs, self.test, self.seed = dataset, judge, runs, test, seed
        kind = judge.contract.input_kind
        self.train = drawn(train, MOST_TRAIN.get(kind, MOST_TRAIN["any"]), seed)
        self.validation = drawn(dataset.rows("validation"), MOST_VALIDATION, seed)
        self.of_rows = len(train)
        share *= len(self.train) / max(1, len(train))
        self.names = floors_for(dataset.project.spec.task)
        self.share = share
        self.titles = {name: FLOORS[name].title for name in self.names}
        self.digest = self._digest()
        self.job: tempfile.TemporaryDirectory[str] | None = None
        self.child: subprocess.Popen[bytes] | None = None

    def _digest(self) -> str:
        """Where all is the same that a floor or its score depends on, the floor that lies there can be used again."""
        spec, data, metric = self.dataset.project.spec, self.dataset, self.judge.metric
        targets = ("id", *self.judge.contract.targets)
        facts = {
            "version": __version__,
            "seed": self.seed,
            "spec": spec.model_dump(
                mode="json", include={"task", "positive", "threshold", "data", "columns", "labels"}
            ),
            "groups": spec.split.group,
            "metric": metric,
            "metric file": _sha256(self.judge.folder / metric.removeprefix("python:")) if self.judge.custom else None,
            "files": data.files,
            "test": data.digest("test"),
            "validation": data.digest("validation"),
            "train": digest_of_lines(json.dumps([str(row[name]) for name in targets]) for row in self.train),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]

    def folder(self, name: str) -> Path:
        return self.runs / f"baseline-{name}-{self.digest}"

    def missing(self) -> list[str]:
        return [name for name in self.names if not (self.folder(name) / "score.json").is_file()]

    def start(self) -> None:
        """Write the job and start the child at lower priority; does nothing when every floor is there."""
        missing = self.missing()
        if not missing:
            return
        from deepdojo.baselines import write_job

        self.job = tempfile.TemporaryDirectory(prefix="deepdojo-floors-", ignore_cleanup_errors=True)
        write_job(
            Path(self.job.name), task=self.dataset.project.spec.task, metric=self.judge.metric, seed=self.seed,
            floors=missing, train=self.train, validation=self.validation, test=self.test,
            positive=self.dataset.project.spec.positive, threshold=self.dataset.project.spec.threshold,
        )  # fmt: skip
        environ = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        with self._errors(self.job).open("wb") as errors:  # a pipe that nobody reads fills up, and the child hangs
            self.child = subprocess.Popen(
                [sys.executable, "-m", "deepdojo.baselines", self.job.name],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environ,
            )  # fmt: skip

    def finish(self, listener: Listener, *, deadline: float | None = None) -> list[Path]:
        """Wait for the child, score what it left, and give the folders of all floors that there are.

        Args:
            deadline: the child is ended then (of `time.monotonic()`); what it has finished is scored while that takes
                less than a quarter as long again.
        """
        if self.child is not None and self.job is not None:
            now = time.monotonic()
            until = math.inf if deadline is None else now + 1.25 * max(0.0, deadline - now)
            try:
                self._wait(listener, deadline)
                self._keep(Path(self.job.name), listener, until)
            finally:
                if self.child.poll() is None:
                    self.child.kill()
                    self.child.wait()
                self.job.cleanup()
        return [self.folder(name) for name in self.names if (self.folder(name) / "score.json").is_file()]

    def _wait(self, listener: Listener, deadline: float | None) -> None:
        assert self.child is not None
        assert self.job is not None
        began = time.monotonic()
        while self.child.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                listener.say("the time budget ended before every baseline was trained")
                return
            time.sleep(0.05)
            listener.progress(0, 0, f"{time.monotonic() - began:.0f} s")
        if self.child.returncode != 0:
            last = self._errors(self.job).read_text("utf-8", "replace").strip().split("\n")[-1]
            listener.say(f"a baseline failed: {last}")

    @staticmethod
    def _errors(job: tempfile.TemporaryDirectory[str]) -> Path:
        return Path(job.name) / "errors.txt"

    def _keep(self, job: Path, listener: Listener, until: float) -> None:
        from deepdojo.baselines import read_left_out, read_results

        for sentence in read_left_out(job):
            listener.say(f"the baseline {sentence}")
        took = 0.0
        for result in read_results(job):
            began = time.monotonic()
            if began + took > until:
                listener.say(f"the time budget ended before the baseline {result.title} was scored")
                continue
            try:
                self._write(result, until)
                took = time.monotonic() - began
            except DojoError as error:
                listener.say(f"the baseline {result.title} could not be scored: {error}")

    def _write(self, result: Any, until: float) -> None:
        truth, groups = self.dataset.truth("test"), self.dataset.groups("test")
        table = table_of(result.predictions, self.judge.contract)
        there = positions_of(truth, table.ids)
        if len(there) < len(truth):
            truth, groups = select(truth, there), groups[there] if groups is not None else None
        if len(self.train) < self.of_rows:
            result = replace(result, about=f"{result.about}; trained on {len(self.train):,} of {self.of_rows:,} rows")
        write_floor(
            self.folder(result.name), dataset=self.dataset, judge=self.judge, result=result, table=table, truth=truth,
            groups=groups, digest=self.dataset.digest("test"), seed=self.seed, share=self.share,
            until=until,
        )  # fmt: skip


def write_floor(
    target: Path,
    *,
    dataset: Dataset,
    judge: Judge,
    result: Any,
    table: Table,
    truth: Sequence[dict[str, Any]],
    groups: np.ndarray | None,
    digest: str,
    seed: int,
    share: float,
    until: float = math.inf,
) -> None:
    """A floor as a small run, scored on `truth`.

    Args:
        until: no further metric is begun later (of `time.monotonic()`).
        result: name, title, seconds and about, as `deepdojo.baselines.FloorResult` has them.
    """
    judged = judge.score(truth, table, groups=groups)
    folder = target.with_name(f".{target.name}.{os.getpid()}")
    folder.mkdir(parents=True, exist_ok=True)
    write_predictions(folder, "predictions.parquet", table, judge.contract)
    write_rows(folder, judge.contract, truth, judged, groups)
    spec = dataset.project.spec
    write_toml(folder / "run.toml", {
        "id": target.name, "kind": "baseline", "name": result.name, "title": result.title, "about": result.about,
        "project": spec.name, "task": spec.task, "metric": judge.metric, "seed": seed,
        "created": now_utc(), "version": __version__,
    })  # fmt: skip
    write_json(folder / "score.json", {
        "metric": judged.metric, "value": judged.value, "low": judged.low, "high": judged.high, "n": judged.n,
        "higher_is_better": judged.higher_is_better, "interval": judged.interval, "digest": digest,
        "groups": groups is not None, "others": judge.others(truth, table, groups, until=until),
        "cost": {"parameters": None, "train_flops": None, "forward_flops": None, "seconds": result.seconds,
                 "train_seconds": result.seconds, "peak_bytes": None, "inference_ms": None},
        "data_share": share, "replaced": {},
    })  # fmt: skip
    try:
        os.replace(folder, target)
    except OSError:  # another process was first; its floor is the same
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
