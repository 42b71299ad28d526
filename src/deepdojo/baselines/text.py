"""Linear models on words: TF-IDF with logistic regression, and NB-weighted n-grams of words and characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.baselines.linear import OneClass, fit_logistic, iterations
from deepdojo.baselines.ngrams import character_ngrams, word_ngrams
from deepdojo.baselines.problem import Problem, Unfit, choose, quiet
from deepdojo.data.codecs.ngrams import SIGNS_SHARE, cjk_share

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["nbsvm", "tfidf_logistic"]

CHARACTER_WEIGHT = 0.5
"""Of character n-grams beside words (0.35 and 0.5 are alike on MR by ten folds: 79.9 and 80.0 with C = 0.2)."""

NB_C = 0.2
MOST_SIGNS = 12_000_000
"""Signs of text up to which character n-grams are taken: 8 million are 6 CPU seconds and 1.2 GB."""

MOST_CLASSES = 50
"""One fit a class: beyond this the time is better spent elsewhere."""


def tfidf_logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Five lines of scikit-learn: TF-IDF of word 1- and 2-grams (Chinese, Japanese, Korean: signs) + logistic
    regression.

    Returns: (n, K) probabilities. C is chosen on validation rows from 1, 10, 100, else it is 10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = _texts(problem.cells(problem.train))
    signs = cjk_share(texts) > SIGNS_SHARE
    kind: dict[str, Any] = {"analyzer": "char"} if signs else {"token_pattern": r"\w+|[^\w\s]"}
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, max_features=300_000, **kind)
    try:
        train = vectorizer.fit_transform(texts)
    except ValueError as error:  # "empty vocabulary"
        raise Unfit("the training texts hold no words") from error

    def fit(c: float) -> Any:
        model = fit_logistic(problem, train, c, most=100)
        return lambda cells: model.predict_proba(vectorizer.transform(_texts(cells)))

    choice = choose(problem, (1.0, 10.0, 100.0), 10.0, fit)
    what = "signs" if signs else "words"
    about = f"logistic regression on TF-IDF of single {what} and pairs, {choice.said('C')}"
    return problem.predicted(choice.predict), about


def nbsvm(problem: Problem) -> tuple[np.ndarray, str]:
    """n-grams weighted by their log-count ratio, then logistic regression, one class against the rest.

    r = log((1 + p) / |1 + p|) - log((1 + q) / |1 + q|), with p and q the numbers of texts with and without the class
    that hold the n-gram; the model sees presence × r. Word 1- and 2-grams beside character 2- to 6-grams (for Chinese,
    Japanese, Korean 1- to 4-grams) that occur in two texts or more. We take the logistic loss where the paper takes
    the hinge, because it gives probabilities; several classes are normalised.

    Returns: (n, K) probabilities.
    Raises: Unfit with more than 50 classes.
    Source: Wang and Manning 2012, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, section 2.3.
    """
    classes = len(problem.classes)
    if classes > MOST_CLASSES:
        raise Unfit(f"{classes} classes: one model a class is done up to {MOST_CLASSES}")
    texts = _texts(problem.cells(problem.train))
    blocks, what = _blocks(texts, sum(len(str(row[problem.input] or "")) for row in problem.test))
    about = f"{what}, weighted by naive Bayes, logistic regression, C = {NB_C:g}"
    if not any(block.train.nnz for block in blocks):
        raise Unfit("the training texts hold no words")
    if classes == 1:
        return OneClass().predict_proba(np.empty((len(problem.test), 0))), about
    models = [_one_against_rest(blocks, problem.target == k) for k in range(1 if classes == 2 else 0, classes)]

    def predict(cells: Sequence[Any]) -> np.ndarray:
        presence = [block.presence(_texts(cells)) for block in blocks]
        positive = np.stack([model(presence) for model in models], axis=1)
        if classes == 2:
            positive = np.concatenate([1 - positive, positive], axis=1)
        return positive / positive.sum(axis=1, keepdims=True)

    return problem.predicted(predict), about


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


@dataclass(frozen=True)
class _Block:
    """The n-grams of one kind that at least `least` training texts hold.

    Attributes:
        ngrams: texts -> presence in all columns. kept: the columns that count. train: (n, kept) presence.
    """

    ngrams: Callable[[Sequence[str]], csr_matrix]
    weight: float
    kept: np.ndarray
    train: csr_matrix

    @classmethod
    def of(cls, texts: list[str], ngrams: Callable[[Sequence[str]], csr_matrix], least: int, weight: float) -> _Block:
        train = ngrams(texts)
        count = np.bincount(train.indices, minlength=train.shape[1])
        kept = np.flatnonzero(count >= least)
        return cls(ngrams, weight, kept, train[:, kept])

    def presence(self, texts: Sequence[str]) -> csr_matrix:
        """(n, kept) of other texts."""
        return self.ngrams(texts)[:, self.kept]


def _blocks(texts: list[str], test_signs: int) -> tuple[list[_Block], str]:
    """Words, and characters where all texts together are not too long for them."""
    signs = cjk_share(texts) > SIGNS_SHARE
    low, high = (1, 4) if signs else (2, 6)
    blocks = [_Block.of(texts, lambda some: word_ngrams(some, 1, 2), 1, 1.0)]
    what = "single words and pairs"
    if sum(map(len, texts)) + test_signs <= MOST_SIGNS:
        weight = 1.0 if signs else CHARACTER_WEIGHT
        blocks.append(_Block.of(texts, lambda some: character_ngrams(some, low, high), 2, weight))
        what += f" and pieces of {low} to {high} characters"
    return blocks, what


def _one_against_rest(blocks: list[_Block], positive: np.ndarray) -> Callable[[list[csr_matrix]], np.ndarray]:
    """A fitted model of one class: presence of a block's n-grams each -> (n,) probability."""
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression

    ratios = [block.weight * _log_count_ratio(block.train, positive) for block in blocks]

    def features(presence: Sequence[csr_matrix]) -> csr_matrix:
        return hstack([_scaled(x, ratio) for x, ratio in zip(presence, ratios, strict=True)], format="csr")

    train = features([block.train for block in blocks])
    with quiet():
        model = LogisticRegression(C=NB_C, max_iter=iterations(train.nnz, 1, most=100)).fit(train, positive)
    return lambda presence: model.predict_proba(features(presence))[:, 1]


def _log_count_ratio(x: csr_matrix, positive: np.ndarray) -> np.ndarray:
    """r of `nbsvm`, (D,) float32, for presence x (n, D)."""
    p = 1.0 + x.T @ positive.astype(np.float64)
    q = 1.0 + x.T @ (~positive).astype(np.float64)
    return (np.log(p / p.sum()) - np.log(q / q.sum())).astype(np.float32)


def _scaled(x: csr_matrix, ratio: np.ndarray) -> csr_matrix:
    """Presence × ratio, sharing the index arrays with `x`."""
    from scipy.sparse import csr_matrix

    return csr_matrix((ratio[x.indices], x.indices, x.indptr), shape=x.shape)
