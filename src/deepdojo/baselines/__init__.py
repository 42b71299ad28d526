"""Floors without a network: what a deep model has to beat on every board. Torch-free; scikit-learn only while fitting.

A floor is one function `problem -> (predictions, about)` and one line in `FLOORS`; the predictions are probabilities
(n, classes), values (n,), or the columns of the table. Floors learn from training rows
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
    `within`: whose answers stand in another input; `compares`: that compare pictures; `says`: those that the host runs
    alone, and whose first prediction is of that kind.
    """

    module: str
    function: str
    title: str
    reads: KindName | None
    gives: tuple[KindName, ...]
    within: bool = False
    says: KindName | None = None
    compares: bool = False

    def serves(self, contract: Contract) -> bool:
        said = next(iter(contract.predictions.values()))
        if (self.says is None) == contract.host_run or self.says not in (None, said):
            return False
        if self.within != (contract.target in contract.within) or self.compares != bool(contract.compared):
            return False
        return self.reads in (None, contract.input_kind) and contract.target_kind in self.gives


FLOORS: Mapping[str, Floor] = {
    "majority": Floor("constant", "majority", "majority class", None, ("label",)),
    "mean": Floor("constant", "mean", "constant", None, ("number",)),
    "constant_caption": Floor("captions", "constant_caption", "best constant caption", "image", ("texts",)),
    "neighbours_caption": Floor("captions", "neighbours_caption", "nearest pictures' consensus", "image", ("texts",)),
    "pixels": Floor("pixels", "logistic", "logistic regression on pixels", "image", ("label",)),
    "usual_places": Floor("boxes", "usual_places", "where boxes usually are", "image", ("boxes",)),
    "colour_patches": Floor("boxes", "colour_patches", "patches of an object's colour", "image", ("boxes",)),
    "motion": Floor("motion", "logistic", "logistic regression on motion", "video", ("label",)),
    "nearest_images": Floor("nearest_images", "nearest", "nearest neighbours by pixels", "image", ("label",)),
    "hog": Floor("hog", "logistic", "HOG + logistic regression", "image", ("label",)),
    "guess": Floor("likeness", "guess", "random guess", "image", ("label",), compares=True),
    "nearest_pixels": Floor("likeness", "pixels", "nearest by pixels", "image", ("label",), compares=True),
    "eigenfaces": Floor(
        "likeness", "eigenfaces", "nearest by principal components", "image", ("label",), compares=True
    ),
    "nearest_structure": Floor(
        "likeness", "structure", "nearest by locally normalised pixels", "image", ("label",), compares=True
    ),
    "tfidf": Floor("text", "tfidf_logistic", "TF-IDF + logistic regression", "text", ("label",)),
    "nbsvm": Floor("text", "nbsvm", "NB-weighted n-grams", "text", ("label",)),
    "logistic": Floor("tables", "logistic", "logistic regression", "record", ("label",)),
    "linear": Floor("tables", "linear", "linear regression", "record", ("number",)),
    "commonest_set": Floor("labels", "commonest_set", "commonest set", None, ("labels",)),
    "one_against_rest": Floor("labels", "one_against_rest", "TF-IDF + logistic regressions", "text", ("labels",)),
    "last_value": Floor("forecasts", "last_value", "last value", "vector", ("vector",)),
    "seasonal": Floor("forecasts", "seasonal", "seasonal naive", "vector", ("vector",)),
    "drift": Floor("forecasts", "drift", "drift", "vector", ("vector",)),
    "ridge": Floor("forecasts", "ridge", "ridge regression", "vector", ("vector",)),
    "signals": Floor("signals", "logistic", "logistic regression on values", "matrix", ("label",)),
    "signals_boosting": Floor("signals", "boosting", "gradient boosting on values", "matrix", ("label",)),
    "poses": Floor("skeletons", "logistic", "logistic regression on poses", "skeleton", ("label",)),
    "nearest_motion": Floor("skeletons", "nearest", "nearest sequence (DTW)", "skeleton", ("label",)),
    "cepstra": Floor("sounds", "support_vectors", "support vectors on MFCC statistics", "audio", ("label",)),
    "commonest_said": Floor("sounds", "commonest_text", "commonest text", "audio", ("text",)),
    "similar_sound": Floor("sounds", "similar_text", "text of the most similar sound", "audio", ("text",)),
    "commonest_written": Floor("sounds", "commonest_text", "commonest text", "matrix", ("text",)),
    "similar_signal": Floor("sounds", "similar_text", "text of the most similar signal", "matrix", ("text",)),
    "tag_of_word": Floor("tags", "tag_of_word", "commonest tag of a word", "tokens", ("tokens",)),
    "tag_of_pos": Floor("tags", "tag_of_pos", "commonest tag of a part of speech", "tokens", ("tokens",)),
    "perceptron": Floor("tags", "perceptron", "averaged perceptron", "tokens", ("tokens",)),
    "best_sentence": Floor(
        "answers", "best_sentence", "sentence most like the question", "text", ("texts",), within=True
    ),
    "sliding_window": Floor("answers", "sliding_window", "words near the question's", "text", ("texts",), within=True),
    "uniform": Floor("language", "uniform", "every symbol alike", "text", ("text",), says="number"),
    "unigram": Floor("language", "unigram", "frequencies of symbols", "text", ("text",), says="number"),
    "five_gram": Floor("language", "five_gram", "5-gram of counts", "text", ("text",), says="number"),
    "frequent": Floor("masked", "frequent", "frequencies of words", "text", ("text",), says="record"),
    "neighbours": Floor("masked", "neighbours", "counts of words between two", "text", ("text",), says="record"),
    "copied": Floor("translation", "copied", "copy of the source", "text", ("text",)),
    "nearest": Floor("translation", "nearest", "nearest training text", "text", ("text",)),
    "mean_voice": Floor("voices", "mean_voice", "mean spectrum, mean pace", "text", ("audio",)),
    "nearest_sentence": Floor("voices", "nearest_sentence", "nearest training sentence", "text", ("audio",)),
    "word_by_word": Floor("translation", "word_by_word", "IBM model 1, word by word", "text", ("text",)),
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
