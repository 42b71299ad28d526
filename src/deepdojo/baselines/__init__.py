"""Floors without a network: what a deep model has to beat on every board. Torch-free; scikit-learn only while fitting.

A floor is one function `problem -> (predictions, about)` and one line in `FLOORS`. Floors learn from training rows
alone; validation rows, where given, choose among a few settings; held-out rows come without their targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepdojo.contracts import Contract, KindName, contract_of

if TYPE_CHECKING:
    from deepdojo.baselines.job import read_left_out, read_results, run_job, write_job
    from deepdojo.baselines.run import FloorResult, run_floors

__all__ = [
    "FLOORS", "Floor", "FloorResult", "floors_for", "read_left_out", "read_results", "run_floors", "run_job",
    "write_job",
]  # fmt: skip


@dataclass(frozen=True)
class Floor:
    """One floor: `module.function` computes it, `title` is its name on the board.

    It serves every task whose input is of kind `reads` (None: of any) and whose target is of one of the kinds `gives`;
    where `says` is given, those that the host runs alone, and whose first prediction is of that kind.
    """

    module: str
    function: str
    title: str
    reads: KindName | None
    gives: tuple[KindName, ...]
    says: KindName | None = None

    def serves(self, contract: Contract) -> bool:
        said = next(iter(contract.predictions.values()))
        if (self.says is None) == contract.host_run or self.says not in (None, said):
            return False
        return self.reads in (None, contract.input_kind) and contract.target_kind in self.gives


FLOORS: Mapping[str, Floor] = {
    "majority": Floor("constant", "majority", "majority class", None, ("label",)),
    "mean": Floor("constant", "mean", "constant", None, ("number",)),
    "pixels": Floor("pixels", "logistic", "logistic regression on pixels", "image", ("label",)),
    "tfidf": Floor("text", "tfidf_logistic", "TF-IDF + logistic regression", "text", ("label",)),
    "nbsvm": Floor("text", "nbsvm", "NB-weighted n-grams", "text", ("label",)),
    "logistic": Floor("tables", "logistic", "logistic regression", "record", ("label",)),
    "linear": Floor("tables", "linear", "linear regression", "record", ("number",)),
    "uniform": Floor("language", "uniform", "every symbol alike", "text", ("text",), "number"),
    "unigram": Floor("language", "unigram", "frequencies of symbols", "text", ("text",), "number"),
    "five_gram": Floor("language", "five_gram", "5-gram of counts", "text", ("text",), "number"),
    "frequent": Floor("masked", "frequent", "frequencies of words", "text", ("text",), "record"),
    "neighbours": Floor("masked", "neighbours", "counts of words between two", "text", ("text",), "record"),
    "boosting": Floor("boosting", "boosting", "gradient boosting", "record", ("label", "number")),
}


def floors_for(task: str) -> list[str]:
    """The floors that serve a task, cheapest first. Raises UnknownNameError for an unknown task."""
    contract = contract_of(task)
    return [name for name, floor in FLOORS.items() if floor.serves(contract)]


_LAZY = {
    "FloorResult": "run", "run_floors": "run",
    "read_left_out": "job", "read_results": "job", "run_job": "job", "write_job": "job",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
