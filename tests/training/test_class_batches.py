"""Batches that hold several examples of each of their classes."""

from __future__ import annotations

import torch

from deepdojo.training.class_batches import ClassBatches


def drawn(batches: ClassBatches, size: int, seed: int = 0) -> list[torch.Tensor]:
    return batches.draw(size, torch.Generator().manual_seed(seed))


def test_a_batch_holds_k_different_examples_of_each_of_its_classes():
    classes = torch.randperm(70, generator=torch.Generator().manual_seed(1)) % 7
    for batch in drawn(ClassBatches(classes, 4), 20):
        own = classes[batch].view(-1, 4)
        assert (own == own[:, :1]).all()
        assert len(own[:, 0].unique()) == 5
        assert len(batch.unique()) == 20


def test_a_class_of_fewer_examples_gives_some_twice_and_no_other_class_fills_in():
    classes = torch.tensor([0, 0, 1, 1, 1, 1])
    for batch in drawn(ClassBatches(classes, 4), 8):
        assert sorted(classes[batch].tolist()) == [0] * 4 + [1] * 4


def test_hard_batches_take_as_few_families_as_have_enough_classes():
    classes = torch.arange(40).repeat_interleave(3)
    families = classes // 10
    for batch in drawn(ClassBatches(classes, 2, families, hard=1.0), 24):
        assert len(families[batch].unique()) == 2
    assert max(len(families[b].unique()) for b in drawn(ClassBatches(classes, 2, families, hard=0.0), 24)) > 2


def test_a_seed_decides_and_a_pass_has_as_many_batches_as_it_says():
    batches = ClassBatches(torch.arange(9).repeat(11), 3)
    assert len(drawn(batches, 12)) == batches.steps(12) == 9
    assert all((a == b).all() for a, b in zip(drawn(batches, 12), drawn(batches, 12), strict=True))
    assert any((a != b).any() for a, b in zip(drawn(batches, 12), drawn(batches, 12, seed=1), strict=True))


def test_all_classes_come_equally_often_whatever_their_size():
    classes = torch.cat([torch.zeros(90), torch.arange(1, 10).repeat_interleave(5)]).long()
    found = torch.cat([classes[b] for seed in range(40) for b in drawn(ClassBatches(classes, 2), 6, seed)])
    counts = torch.bincount(found).double()
    assert counts.min() > 0.7 * counts.mean()  # 1,840 draws of a class in the mean: 20 deviations
    assert counts.max() < 1.3 * counts.mean()
