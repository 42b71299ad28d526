"""Which labels are likely wrong: the confident joint and its interval."""

from __future__ import annotations

import numpy as np

from deepdojo.scoring.label_errors import confident_joint, normalised_margin, wrong_share


def noisy(n: int, classes: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(probabilities of a good model, labels given, labels true)."""
    rng = np.random.default_rng(seed)
    true = rng.integers(classes, size=n)
    given = np.where(rng.random(n) < share, (true + rng.integers(1, classes, n)) % classes, true)
    p = rng.dirichlet(np.full(classes, 0.3), size=n) * 0.3
    p[np.arange(n), true] += 0.7
    return p, given, true


def test_the_joint_is_the_papers_plain_count() -> None:
    p, given, _ = noisy(300, 3, 0.2)
    threshold = [p[given == j, j].mean() for j in range(3)]
    count = np.zeros((3, 3))
    for row, i in zip(p, given, strict=True):
        sure = [j for j in range(3) if row[j] >= threshold[j]]
        if sure:
            count[i, max(sure, key=lambda j: row[j])] += 1
    wanted = count / count.sum(axis=1, keepdims=True) * np.bincount(given)[:, None]
    np.testing.assert_allclose(confident_joint(p, given), wanted / wanted.sum(), atol=1e-12)


def test_the_share_of_random_mistakes_is_found_and_lies_in_its_interval() -> None:
    for share in (0.0, 0.1, 0.3):
        p, given, true = noisy(3000, 4, share, seed=int(100 * share))
        found = wrong_share(p, given)
        assert abs(found.value - (given != true).mean()) < 0.02
        assert found.low <= found.value <= found.high


def test_weights_are_repeated_rows() -> None:
    p, given, _ = noisy(80, 3, 0.2)
    weights = np.random.default_rng(1).integers(0, 4, 80)
    again = np.repeat(np.arange(80), weights)
    np.testing.assert_allclose(
        confident_joint(p, given, weights.astype(float)), confident_joint(p[again], given[again])
    )


def test_the_margin_ranks_wrong_labels_first() -> None:
    p, given, true = noisy(1000, 4, 0.1)
    worst = np.argsort(normalised_margin(p, given))[:80]
    assert (given[worst] != true[worst]).mean() > 0.95
    assert normalised_margin(np.array([[0.2, 0.5, 0.3]]), np.array([0])).tolist() == [-0.3]


def test_one_class_or_a_class_that_nobody_predicts_gives_no_warning() -> None:
    assert wrong_share(np.ones((5, 1)), np.zeros(5, dtype=int), draws=5).value == 0.0
    p = np.tile([0.9, 0.1, 0.0], (6, 1))
    found = wrong_share(p, np.array([0, 0, 0, 0, 0, 1]), draws=5)
    assert 0 <= found.low <= found.high <= 1
