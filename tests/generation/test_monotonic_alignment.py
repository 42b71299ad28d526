"""The search for the best monotonic alignment, held against all alignments there are."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from deepdojo.generation.monotonic_alignment import diagonal_distance, monotonic_durations


def best_of_all(scores: torch.Tensor) -> list[int]:
    """Durations of the best of all ways to cut T frames into S runs of one frame or more."""
    T, S = scores.shape
    found = []
    for cuts in combinations(range(1, T), S - 1):
        ends = [0, *cuts, T]
        runs = [ends[k + 1] - ends[k] for k in range(S)]
        found.append((sum(float(scores[ends[k] : ends[k + 1], k].sum()) for k in range(S)), runs))
    return max(found)[1]


@pytest.mark.parametrize(("T", "S"), [(1, 1), (5, 1), (5, 5), (7, 3), (11, 4)])
def test_equal_to_the_best_of_all_alignments(T, S):
    scores = torch.randn(3, T, S, dtype=torch.float64, generator=torch.Generator().manual_seed(T * S))
    found = monotonic_durations(scores, torch.ones(3, S, dtype=torch.bool), torch.ones(3, T, dtype=torch.bool))
    assert found.tolist() == [best_of_all(row) for row in scores]


def test_padding_never_matters():
    scores = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0))
    keep = torch.tensor([[True] * 5, [True, True, True, False, False]])
    frame_keep = torch.arange(9)[None] < torch.tensor([9, 6])[:, None]
    found = monotonic_durations(scores, keep, frame_keep)
    alone = monotonic_durations(scores[1:, :6, :3], keep[1:, :3], frame_keep[1:, :6])
    assert found[1].tolist() == [*alone[0].tolist(), 0, 0]
    noisy = scores.clone()
    noisy[1, 6:], noisy[1, :, 3:] = 1e6, 1e6
    assert torch.equal(monotonic_durations(noisy, keep, frame_keep), found)


def test_each_token_has_a_frame_and_all_frames_are_given_away():
    scores = torch.zeros(1, 8, 3)
    scores[..., 0] = 100.0
    found = monotonic_durations(scores, torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 8, dtype=torch.bool))
    assert found.tolist() == [[6, 1, 1]]


def test_fewer_frames_than_tokens_leave_the_last_tokens_without():
    scores = torch.zeros(1, 2, 4)
    found = monotonic_durations(scores, torch.ones(1, 4, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool))
    assert found.sum() == 2
    assert found[0, 2:].tolist() == [0, 0]


def test_the_diagonal_is_at_no_distance():
    keep = torch.ones(1, 7, dtype=torch.bool)
    assert diagonal_distance(keep, keep)[0].diagonal().abs().max() < 1e-6
