"""A finished run as an object: what `dd.train` and `dd.load` give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import RunError
from deepdojo.session.listener import Listener

if TYPE_CHECKING:
    from deepdojo.runs import Run
    from deepdojo.tables import TableRows

__all__ = ["LoadedRun", "ScoreView"]


class LoadedRun:
    """A finished run in Python: `.score.value`, `.predict([...])`, `.write(prompt)`, `.summary()`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.folder, self.id = run.folder, run.id
        self._loaded: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"<run {self.id}: {self._said()}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer first, and where the whole report is."""
        from html import escape

        page = self.folder / "report.html"
        link = f' · <a href="{escape(page.absolute().as_uri())}">report</a>' if page.is_file() else ""
        verdict = escape(str(self.run.score.get("verdict") or ""))
        return f"<p><b>{escape(self.run.info['project'])}</b> · {escape(self._said())} · {verdict}{link}</p>"

    def _said(self) -> str:
        s = self.run.score
        if s["value"] is not None:
            return f"{s['metric']} {s['value']:.4g} [{s['low']:.4g}, {s['high']:.4g}], n = {s['n']:,}"
        v = s["validation"]
        value = f"{s['metric']} {v['value']:.4g} [{v['low']:.4g}, {v['high']:.4g}]"
        return f"{value} on {v['n']:,} validation rows; not scored"

    @property
    def score(self) -> ScoreView:
        """The score on held-out rows with its 95 % interval."""
        s = self.run.score
        if s["value"] is None:
            raise RunError("the run left the held-out rows closed, so it has no score", where=self.id)
        return ScoreView(s["metric"], s["value"], s["low"], s["high"], s["n"])

    def predict(
        self, rows: str | Path | Sequence[Any], *, listener: Listener | None = None, trust: bool = False
    ) -> list[dict[str, Any]]:
        """Predictions of new rows.

        Args:
            rows: a file or folder as the project's own, or a list: texts, images (paths or uint8 arrays), or mappings
                column -> cell.
            trust: run the project's own reader, and what the run's author trained with `--with`.

        Returns:
            one dict a row: id and the contract's prediction columns. Rows that cannot be read are left out.
        """
        return list(self.predict_with_rejected(rows, listener=listener, trust=trust)[0])

    def predict_with_rejected(
        self, rows: str | Path | Sequence[Any], *, listener: Listener | None = None, trust: bool = False
    ) -> tuple[TableRows, list[Any]]:
        """(predictions, what was left out and why)."""
        from deepdojo.session.inputs import columns_note, rows_from
        from deepdojo.training.predictor import predict_rows

        listener = listener or Listener()
        one = self.run.with_model()
        if one.folder != self.run.folder:
            listener.say(f"predicting with {one.id}")
        found, rejected = rows_from(one, rows, trust=trust)
        note = columns_note(one, found, str(rows) if isinstance(rows, str | Path) else "the list of rows")
        if note is not None:
            listener.say(note)
        task, model = self._ready(one, trust)
        bad: list[Any] = list(rejected)
        with one.own_code(trust=trust).at_work():
            predicted = predict_rows(
                task, model, found, reject=lambda row, reason: bad.append(_left_out(row, reason)),
                progress=lambda done, total: listener.progress(done, total, "rows"),
            )  # fmt: skip
        return predicted, bad

    def write(
        self,
        prompt: str = "",
        count: int = 300,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        trust: bool = False,
    ) -> str:
        """The prompt, and how a language model goes on with it.

        Args:
            count: symbols (characters, words or bytes, as the run reads them) to add.
            temperature: below 1 the likelier symbols come more often than the model holds them; 0 takes the likeliest.
            top_k: draw from the k likeliest alone. top_p: from the likeliest that together have this probability.
            trust: run what its author trained with `--with`.

        Raises:
            RunError: the run is of another task. UsageError: an option outside its range.

        Example:
            >>> load("last").write("ROMEO:", 100, temperature=0.8)  # doctest: +SKIP
        """
        from deepdojo.tasks import load_task

        one = self.run.with_model()
        if not load_task(one.info["task"]).writes:
            raise RunError(
                f"a {one.info['task']} run does not write texts", where=one.id,
                todo="take a run of language-modelling, such as that of dojo train shakespeare",
            )  # fmt: skip
        task, model = self._ready(one, trust)
        with one.own_code(trust=trust).at_work():
            return task.write(model, prompt, count, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)

    def _ready(self, one: Run, trust: bool) -> tuple[Any, Any]:
        """Task and model, loaded once."""
        if self._loaded is None:
            self._loaded = (one.task(), one.model(trust=trust))
        return self._loaded

    def summary(self) -> dict[str, Any]:
        """What `dojo train --json` prints."""
        info, s = self.run.info, self.run.score
        keys = ("name", "title", "score", "low", "high", "better", "p", "difference")
        return {
            "run": str(self.folder.absolute()), "project": info["project"], "task": info["task"],
            "model": info["model"]["name"], "recipe": info["recipe"], "metric": s["metric"],
            "higher_is_better": s["higher_is_better"], "score": s["value"],
            "low": s["low"], "high": s["high"], "n": s["n"], "seconds": s["cost"]["seconds"],
            "train_seconds": s["cost"]["train_seconds"], "rejected": self.run.read_json("data.json")["rejected"],
            "seed": info["seed"], "validation": s["validation"],
            "baselines": [{k: b[k] for k in keys} for b in s["baselines"]], "verdict": s["verdict"],
            "cpu_seconds": s["cost"]["cpu_seconds"], **self._members(),
            **({"trials": s["trials"]} if "trials" in s else {}),
            **({"with": info["with"]} if "with" in info else {}), **self._threshold(),
        }  # fmt: skip

    def _threshold(self) -> dict[str, Any]:
        """Of a project with one: where a row is called positive, and what comes of it on held-out rows."""
        s = self.run.score
        if "threshold" not in s:
            return {}
        rates = {name: s["others"][name] for name in ("sensitivity", "specificity") if name in s.get("others", {})}
        return {"threshold": {**s["threshold"], "rates": rates}}

    def _members(self) -> dict[str, Any]:
        """Of several trainings: their mean (the score), sd over seeds, how many seeds and folds, and each of them."""
        s = self.run.score
        if self.run.group is None:
            return {}
        seeds, folds = s.get("seeds"), s.get("folds")
        return {
            "mean": s["value"], "sd": None if seeds is None else seeds["sd"],
            "seeds": 1 if seeds is None else seeds["n"],
            "folds": None if folds is None else folds["n"], "members": (seeds or folds or {}).get("members", []),
            "refit": f"{self.run.id}/refit" if (self.folder / "refit").is_dir() else None,
        }  # fmt: skip


@dataclass(frozen=True)
class ScoreView:
    """A score on held-out rows and its 95 % interval, in the metric's own unit."""

    metric: str
    value: float
    low: float
    high: float
    n: int


def _left_out(row: Mapping[str, Any], reason: str) -> Any:
    from deepdojo.data.gathered import Rejected

    return Rejected(file="", line=None, id=row["id"], reason=reason)
