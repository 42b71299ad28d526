"""Linear models on words: TF-IDF with logistic regression, and NB-weighted n-grams of words and characters."""

from __future__ import annotations

from collections.abc import Sequence
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
    return choice.predict(problem.cells(problem.test)), about


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
    texts, test_texts = _texts(problem.cells(problem.train)), _texts(problem.cells(problem.test))
    blocks, what = _blocks(texts, test_texts)
    about = f"{what}, weighted by naive Bayes, logistic regression, C = {NB_C:g}"
    if not any(train.nnz for train, _, _ in blocks):
        raise Unfit("the training texts hold no words")
    if classes == 1:
        return OneClass().predict_proba(np.empty((len(test_texts), 0))), about
    positive = np.empty((len(test_texts), classes))
    for k in range(1 if classes == 2 else 0, classes):
        positive[:, k] = _one_against_rest(blocks, problem.target == k)
    if classes == 2:
        positive[:, 0] = 1 - positive[:, 1]
    return positive / positive.sum(axis=1, keepdims=True), about


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


def _blocks(texts: list[str], test_texts: list[str]) -> tuple[list[tuple[csr_matrix, csr_matrix, float]], str]:
    """(train, test, weight) of words and of characters, with the columns that the training texts have."""
    signs = cjk_share(texts) > SIGNS_SHARE
    low, high = (1, 4) if signs else (2, 6)
    blocks = [_shared(word_ngrams(texts, 1, 2), word_ngrams(test_texts, 1, 2), 1, 1.0)]
    what = "single words and pairs"
    if sum(map(len, texts)) + sum(map(len, test_texts)) <= MOST_SIGNS:
        characters = (character_ngrams(texts, low, high), character_ngrams(test_texts, low, high))
        blocks.append(_shared(*characters, 2, 1.0 if signs else CHARACTER_WEIGHT))
        what += f" and pieces of {low} to {high} characters"
    return blocks, what


def _shared(train: csr_matrix, test: csr_matrix, least: int, weight: float) -> tuple[csr_matrix, csr_matrix, float]:
    """Only the columns that at least `least` training texts hold."""
    count = np.bincount(train.indices, minlength=train.shape[1])
    kept = np.flatnonzero(count >= least)
    return train[:, kept], test[:, kept], weight


def _one_against_rest(blocks: list[tuple[csr_matrix, csr_matrix, float]], positive: np.ndarray) -> np.ndarray:
    """(n,) probability of one class for the test texts."""
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression

    train, test = [], []
    for x, z, weight in blocks:
        ratio = weight * _log_count_ratio(x, positive)
        train.append(_scaled(x, ratio))
        test.append(_scaled(z, ratio))
    features = hstack(train, format="csr")
    with quiet():
        model = LogisticRegression(C=NB_C, max_iter=iterations(features.nnz, 1, most=100)).fit(features, positive)
    return model.predict_proba(hstack(test, format="csr"))[:, 1]


def _log_count_ratio(x: csr_matrix, positive: np.ndarray) -> np.ndarray:
    """r of `nbsvm`, (D,) float32, for presence x (n, D)."""
    p = 1.0 + x.T @ positive.astype(np.float64)
    q = 1.0 + x.T @ (~positive).astype(np.float64)
    return (np.log(p / p.sum()) - np.log(q / q.sum())).astype(np.float32)


def _scaled(x: csr_matrix, ratio: np.ndarray) -> csr_matrix:
    """Presence × ratio, sharing the index arrays with `x`."""
    from scipy.sparse import csr_matrix

    return csr_matrix((ratio[x.indices], x.indices, x.indptr), shape=x.shape)
