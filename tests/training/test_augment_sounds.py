"""Augmentation of spectra on the device: what moves, what stays, and that a seed decides."""

from __future__ import annotations

import math

import pytest
import torch

from deepdojo.data.spectra_warps import trimmed, warped
from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training.augment import build_augment, draws
from deepdojo.training.augment_sounds import Hearing, add_noise, cover, equalise, hear, move, play

B, N, M = 3, 29, 11


def _sounds() -> torch.Tensor:
    return 8 * torch.rand(B, N, M, generator=torch.Generator().manual_seed(1))


def _keep(lengths: tuple[int, ...] = (29, 17, 1)) -> torch.Tensor:
    return torch.arange(N)[None] < torch.tensor(lengths)[:, None]


ALL = Hearing(speed=0.2, pitch=0.2, shift=3, noise=2.0, equalise=0.5, time_mask=5, frequency_mask=3)


@pytest.mark.parametrize("keep", [None, _keep()])
def test_a_seed_gives_the_same_sounds_and_another_seed_others(keep: torch.Tensor | None) -> None:
    one, two, other = (hear(_sounds(), keep, draws(s, 5), ALL)[0] for s in (0, 0, 1))
    assert torch.equal(one, two)
    assert one.shape != other.shape or not torch.equal(one, other)
    assert torch.isfinite(one).all()


def test_without_limits_nothing_changes() -> None:
    sounds, keep = hear(_sounds() * _keep().unsqueeze(-1), _keep(), draws(0, 0), Hearing())
    torch.testing.assert_close(sounds, _sounds() * _keep().unsqueeze(-1))
    assert keep is not None
    assert torch.equal(keep, _keep())


def test_padding_stays_silent_and_lengths_follow_the_tempo() -> None:
    for step in range(20):
        sounds, keep = hear(_sounds() * _keep().unsqueeze(-1), _keep(), draws(0, step), ALL)
        assert keep is not None
        assert sounds.shape[:2] == keep.shape
        assert (sounds[~keep] == 0).all()
        lengths = keep.sum(1)
        assert lengths[0] - 1 >= math.floor(28 / 1.2 - 1e-4)
        assert lengths[0] - 1 <= math.floor(28 * 1.2)
        assert lengths[2] == 1
        assert not (keep[:, 1:] & ~keep[:, :-1]).any()


def test_a_ramp_played_faster_is_steeper_by_the_same_factor() -> None:
    ramp = torch.arange(N, dtype=torch.float32)[None, :, None].expand(1, N, M).contiguous()
    sounds, keep = play(ramp, torch.ones(1, N, dtype=torch.bool), draws(0, 3), speed=0.3, pitch=0.0)
    assert keep is not None
    slope = (sounds[0, 1:, 0] - sounds[0, :-1, 0])[: int(keep.sum()) - 1]
    assert torch.allclose(slope, slope[:1].expand_as(slope), atol=1e-4)
    assert 1 / 1.3 <= float(slope[0]) <= 1.3


def test_the_middle_of_a_window_stays_where_it_is() -> None:
    bump = torch.zeros(1, N, M)
    bump[0, N // 2] = 5.0
    moved, keep = play(bump, None, draws(0, 7), speed=0.4, pitch=0.0)
    assert keep is None
    assert int(moved[0, :, 0].argmax()) == N // 2


def test_the_device_and_numpy_warp_alike() -> None:
    """One factor by hand: the numpy warp of test-time averages is the warp of training."""
    mel = _sounds()[:1]
    generator = draws(0, 2)
    drawn = 2.0 * torch.rand(2, 1, 1, generator=draws(0, 2)) - 1.0
    speed, pitch = (float(torch.exp(drawn[i] * math.log1p(0.25))) for i in (0, 1))
    moved, keep = play(mel, torch.ones(1, N, dtype=torch.bool), generator, speed=0.25, pitch=0.25)
    assert keep is not None
    theirs = torch.from_numpy(warped(mel[0].numpy(), pitch=pitch, speed=speed))
    common = min(len(theirs), int(keep.sum()))
    torch.testing.assert_close(moved[0, :common], theirs[:common], atol=1e-4, rtol=1e-4)


def test_a_shift_brings_in_silence_and_loses_nothing_inside() -> None:
    one = torch.zeros(200, N, M)
    one[:, N // 2] = 3.0
    moved = move(one, draws(0, 0), frames=4)
    assert (moved.sum((1, 2)) == 3.0 * M).all()
    places = moved[:, :, 0].argmax(1) - N // 2
    assert places.min() == -4
    assert places.max() == 4


def test_noise_raises_silence_most_and_loud_parts_hardly() -> None:
    flat = torch.zeros(64, N, M)
    quiet, loud = add_noise(flat, draws(0, 1), nats=3.0), add_noise(flat + 8.0, draws(0, 1), nats=3.0)
    assert quiet.mean() > 0.5
    assert (loud.mean() + math.log(2.0) - 8.0) < 0.02


def test_a_filter_leaves_silence_silent() -> None:
    sounds = _sounds()
    sounds[:, 5] = 0.0
    found = equalise(sounds, draws(0, 1), nats=1.0)
    assert (found[:, 5] == 0).all()
    assert (found >= 0).all()
    assert not torch.equal(found, sounds)


def test_no_more_is_covered_than_asked_for_and_with_the_mean() -> None:
    ones = torch.ones(200, N, M)
    ones[:, :, 0] = 5.0
    found = cover(ones, None, draws(0, 1), frames=4, bands=2, count=2)
    changed = found != ones
    assert changed.any()
    mean = ones[0].mean()
    assert torch.allclose(found[changed], mean.expand(int(changed.sum())))
    whole_frames, whole_bands = changed.all(2).sum(1), changed.all(1).sum(1)
    assert whole_frames.max() <= 2 * 4
    assert whole_bands.max() <= 2 * 2


def test_tasks_without_sounds_refuse_what_is_done_to_sounds() -> None:
    with pytest.raises(RecipeError, match="no sounds"):
        build_augment(TrainSection(time_mask=3), load_task("image-classification"))
    assert build_augment(TrainSection(time_mask=3), load_task("speech-recognition")) is not None


def test_silent_ends_are_cut_off_and_the_place_is_told() -> None:
    mel = torch.zeros(N, M).numpy()
    mel[7:20] = 8.0
    mel[10] = 0.0  # a pause inside stays
    found, first = trimmed(mel, 20.0)
    assert (len(found), first) == (13, 7)
    assert len(trimmed(mel * 0.0, 20.0)[0]) == N  # silence has no loud part
