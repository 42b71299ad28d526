"""Several labels a text: the commonest set for all, and a logistic regression a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.linear import iterations
from deepdojo.baselines.problem import Problem, Unfit, quiet
from deepdojo.columns import Distributions
from deepdojo.data.codecs.ngrams import SIGNS_SHARE, cjk_share

__all__ = ["commonest_set", "one_against_rest"]

Columns = Mapping[str, Sequence[Any]]
MOST_LABELS = 200
"""One fit a label and setting: beyond this the time is better spent elsewhere."""

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


def commonest_set(problem: Problem) -> tuple[Columns, str]:
    """The set of labels that most training rows have (of equally common ones the first by name); the probability of a
    label is its share of the rows."""
    sets = Counter(tuple(sorted(row[problem.contract.target])) for row in problem.train)
    best, count = min(sets.items(), key=lambda item: (-item[1], item[0]))
    names = _names(problem)
    share = _indicators(problem.train, problem.contract.target, names).mean(axis=0)
    said = ", ".join(best) if best else "no label"
    about = f"always {said}, which {count:,} of {len(problem.train):,} training rows have"
    return _columns(problem, names, np.tile(share, (len(problem.test), 1)), [list(best)] * len(problem.test)), about


def one_against_rest(problem: Problem) -> tuple[Columns, str]:
    """TF-IDF of word 1- and 2-grams (Chinese, Japanese, Korean: signs), and for each label a logistic regression.

    C is chosen on validation rows from 1, 10, 100 by their log loss, else it is 10; the threshold of each label by its
    F1 there, else it is 0.5.

    Raises: Unfit with more than 200 labels, or none.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    names, target = _names(problem), problem.contract.target
    if not 0 < len(names) <= MOST_LABELS:
        raise Unfit(f"{len(names)} labels: one model a label is done for 1 to {MOST_LABELS}")
    texts = [str(cell or "") for cell in problem.cells(problem.train)]
    signs = cjk_share(texts) > SIGNS_SHARE
    kind: dict[str, Any] = {"analyzer": "char"} if signs else {"token_pattern": r"\w+|[^\w\s]"}
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, max_features=300_000, **kind)
    try:
        train = vectorizer.fit_transform(texts)
    except ValueError as error:  # "empty vocabulary"
        raise Unfit("the training texts hold no words") from error
    hot = _indicators(problem.train, target, names)

    def fit(c: float) -> Callable[[Sequence[Any]], np.ndarray]:
        models = [_logistic(train, hot[:, k] > 0, c) for k in range(len(names))]

        def predict(cells: Sequence[Any]) -> np.ndarray:
            x = vectorizer.transform([str(cell or "") for cell in cells])
            return np.stack([model(x) for model in models], axis=1)

        return predict

    thresholds, c, predict = np.full(len(names), 0.5), 10.0, fit(10.0)
    if problem.can_choose:
        truth, cells = _indicators(problem.validation, target, names), problem.cells(problem.validation)
        fitted = [(c, model, model(cells)) for c, model in ((c, fit(c)) for c in (1.0, 10.0, 100.0))]
        c, predict, found = min(fitted, key=lambda item: _log_loss(truth, item[2]))
        thresholds = np.array([_threshold(truth[:, k], found[:, k]) for k in range(len(names))])
    p = problem.predicted(predict)
    said = [[name for name, yes in zip(names, row, strict=True) if yes] for row in (p >= thresholds).tolist()]
    how = " and thresholds chosen on validation rows" if problem.can_choose else ", threshold 0.5"
    what = "signs" if signs else "words"
    about = f"a logistic regression for each label on TF-IDF of single {what} and pairs, C = {c:g}{how}"
    return _columns(problem, names, p, said), about


def _names(problem: Problem) -> list[str]:
    return sorted({name for row in problem.train for name in row[problem.contract.target]})


def _indicators(rows: Sequence[Mapping[str, Any]], target: str, names: Sequence[str]) -> np.ndarray:
    """(n, L) float64, 1 where a row has a label."""
    place = {name: k for k, name in enumerate(names)}
    hot = np.zeros((len(rows), len(names)))
    for at, row in enumerate(rows):
        hot[at, [place[name] for name in row[target] if name in place]] = 1.0
    return hot


def _logistic(x: Any, positive: np.ndarray, c: float) -> Callable[[Any], np.ndarray]:
    """A fitted model: features -> (n,) probability; of a label that all rows have or none, that."""
    from sklearn.linear_model import LogisticRegression

    if positive.all() or not positive.any():
        return lambda some: np.full(some.shape[0], float(positive[0]))
    with quiet():
        model = LogisticRegression(C=c, max_iter=iterations(x.nnz, 1, most=100)).fit(x, positive)
    return lambda some: model.predict_proba(some)[:, 1]


def _log_loss(truth: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean())


def _threshold(truth: np.ndarray, p: np.ndarray) -> float:
    """The threshold with the highest F1; of equal ones the nearest to 0.5."""
    said = p[:, None] >= THRESHOLDS
    hits, both = (said & (truth[:, None] > 0)).sum(axis=0), said.sum(axis=0) + truth.sum()
    f1 = np.divide(2 * hits, both, out=np.zeros(len(THRESHOLDS)), where=both > 0)
    best = np.flatnonzero(f1 == f1.max())
    return float(THRESHOLDS[best[np.abs(THRESHOLDS[best] - 0.5).argmin()]])


def _columns(problem: Problem, names: Sequence[str], p: np.ndarray, said: list[list[str]]) -> Columns:
    contract = problem.contract
    columns: dict[str, Sequence[Any]] = {contract.target: said}
    if contract.probabilities is not None:
        columns[contract.probabilities] = Distributions(names, p)
    return columns
