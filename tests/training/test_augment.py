"""Augmentation: what moves where, that it is drawn by seed and step, and that a resumed training sees the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks import load_task
from deepdojo.training import loop as loop_module
from deepdojo.training.augment import build_augment
from deepdojo.training.augment_images import Recolour, Warp, erase, flip_and_shift, recolour, warp
from deepdojo.training.augment_targets import cut_mix, drop_words, mix, smooth
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import image_rows, table_rows, text_rows


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("fill", "mode"), [("edge", "edge"), ("zero", "constant"), ("reflect", "reflect")])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_every_image_is_one_of_the_moved_and_mirrored_ones(dtype: torch.dtype, fill: str, mode: Any) -> None:
    images = torch.arange(1, 11 * 2 * 5 * 7 + 1).remainder(251).to(dtype).reshape(11, 2, 5, 7)
    moved = flip_and_shift(images, draws(), flip=True, shift=2, fill=fill)
    assert moved.shape == images.shape
    assert moved.dtype == dtype
    seen = set()
    for before, after in zip(images, moved, strict=True):
        padded = np.pad(before.numpy(), ((0, 0), (2, 2), (2, 2)), mode=mode)
        found = [
            (y, x, mirror)
            for y in range(5) for x in range(5) for mirror in (False, True)
            if np.array_equal(padded[:, y : y + 5, x : x + 7][:, :, :: -1 if mirror else 1], after.numpy())
        ]  # fmt: skip
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 5


def test_nothing_asked_changes_nothing() -> None:
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(flip_and_shift(images, draws(), flip=False, shift=0), images)
    assert build_augment(TrainSection(), load_task("image-classification")) is None


def test_moves_are_even_over_their_range() -> None:
    line = torch.zeros(4000, 1, 1, 9)
    line[..., 4] = 1
    at = flip_and_shift(line, draws(1), flip=False, shift=2).argmax(-1).flatten()
    counts = torch.bincount(at, minlength=9)[2:7]
    assert counts.sum() == 4000
    # five equal shares of 4,000: standard deviation 25, so 120 is passed by chance once in 10^5
    assert (counts - 800).abs().max() < 120


def test_a_task_without_images_refuses() -> None:
    with pytest.raises(RecipeError, match="has no images"):
        build_augment(TrainSection(flip=True), load_task("text-classification"))


def test_resumed_training_sees_the_same_pictures(tmp_path, monkeypatch) -> None:
    """With all that is drawn, averaged and kept by the optimizer switched on at once."""
    train = TrainSection(
        epochs=2, batch_size=16, flip=True, shift=1, accumulate=3, rotate=10, zoom=0.1, brightness=0.1, contrast=0.1,
        erase=0.2, mixup=0.4, label_smoothing=0.1, ema=0.9, optimizer="muon", lr=0.02,
    )  # fmt: skip
    whole = set_up("image-classification", "cnn", image_rows(120))
    fitted(tmp_path / "whole", whole, train=train)
    plain = set_up("image-classification", "cnn", image_rows(120))
    fitted(tmp_path / "plain", plain, train=TrainSection(epochs=2, batch_size=16, accumulate=3))
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)

    def die(done: int, total: int, text: str) -> None:
        if done == 8:
            raise RuntimeError("killed")

    died = set_up("image-classification", "cnn", image_rows(120))
    with pytest.raises(RuntimeError, match="killed"):
        fitted(tmp_path / "died", died, train=train, progress=die)
    again = set_up("image-classification", "cnn", image_rows(120), seed=9)
    fitted(tmp_path / "died", again, train=train, resume=True)
    same = [torch.equal(a, b) for a, b in zip(whole[1].parameters(), again[1].parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(whole[1].parameters(), plain[1].parameters(), strict=True))


def test_a_turn_by_ninety_degrees_is_a_transposition(monkeypatch) -> None:
    """The draw is taken at its end, so that the angle is known."""
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.ones(*size))
    images = torch.arange(2 * 3 * 5 * 5, dtype=torch.float64).reshape(2, 3, 5, 5)
    turned = warp(images, draws(), Warp(90.0, 0.0))
    torch.testing.assert_close(turned, torch.rot90(images, 1, (2, 3)), rtol=0, atol=1e-4)
    wide = torch.zeros(1, 1, 5, 11)
    wide[0, 0, 2, 5:8] = 1.0  # from the centre to the right: after a quarter turn it stands, as long in pixels
    stands = warp(wide, draws(), Warp(90.0, 0.0))[0, 0]
    assert stands[:, 5].gt(0.9).sum() == 3
    assert stands.gt(0.1).sum() == 3


def test_zoom_equals_resizing_about_the_centre(monkeypatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.ones(*size))
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    doubled = warp(image, draws(), Warp(0.0, 1.0))
    expected = torch.nn.functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(doubled, expected[:, :, 4:12, 4:12])


def test_what_a_turned_image_opens_is_filled_as_asked(monkeypatch) -> None:
    """Half the size: a frame of two pixels opens around an image of four."""
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.zeros(*size))
    image = torch.arange(1.0, 65.0).reshape(1, 1, 8, 8)
    found = {fill: warp(image, draws(), Warp(0.0, 1.0, fill))[0, 0] for fill in ("edge", "zero", "reflect")}
    small = torch.nn.functional.avg_pool2d(image, 2)[0, 0]
    for fill, mode in (("edge", "edge"), ("zero", "constant"), ("reflect", "symmetric")):
        torch.testing.assert_close(found[fill][2:6, 2:6], small)
        expected = torch.from_numpy(np.pad(small.numpy(), 2, mode=mode))  # type: ignore[call-overload]
        outer = found[fill][[0, 0, 7, 7], [0, 7, 0, 7]]
        if fill == "edge":
            assert outer.tolist() == [1.0, 8.0, 57.0, 64.0]  # the border pixel itself, not a mean of it and others
        else:
            torch.testing.assert_close(outer, expected[[0, 0, 7, 7], [0, 7, 0, 7]])


def test_light_and_contrast_equal_a_loop_over_images() -> None:
    images = torch.randint(0, 256, (7, 3, 5, 4), dtype=torch.uint8)
    changed = recolour(images, draws(4), Recolour(0.2, 0.3))
    light, strong = 2 * torch.rand(2, 7, generator=draws(4)) - 1
    for i in range(7):
        one = images[i].double()
        expected = (one - one.mean()) * 1.3 ** float(strong[i]) + one.mean() + float(light[i]) * 0.2 * 255
        assert (changed[i].double() - expected.clamp(0, 255)).abs().max() <= 0.51
    assert changed.dtype == torch.uint8


def test_a_rectangle_of_the_mean_colour_covers_no_more_than_its_share() -> None:
    images = torch.rand(300, 2, 12, 9, dtype=torch.float64)
    covered = erase(images, draws(5), share=0.3)
    mean = images.mean((2, 3))
    for before, after, colour in zip(images, covered, mean, strict=True):
        changed = (before != after).any(0)
        rows, columns = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
        if len(rows) == 0:
            continue
        inside = after[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        torch.testing.assert_close(inside, colour.view(-1, 1, 1).expand_as(inside), rtol=0, atol=1e-6)
        assert changed.sum() == inside[0].numel()
        assert changed.sum() <= 0.3 * 108 + 0.5 * (12 + 9)  # sides are rounded to pixels
    assert (images != covered).any(1).flatten(1).float().mean() == pytest.approx(0.15, abs=0.03)


def test_a_mixed_loss_is_the_mixture_of_the_losses() -> None:
    """Cross-entropy is linear in its target: the loss against w y_i + (1 - w) y_j is that mixture of two losses."""
    scores, classes = torch.randn(9, 4, dtype=torch.float64), torch.randint(0, 4, (9,))
    batch = {"x": torch.randn(9, 5, dtype=torch.float64), "label": smooth(classes, 4, 0.0).double()}
    mixed = mix(batch, draws(6), alpha=0.7, through=lambda b: b)
    plain = torch.nn.functional.cross_entropy(scores, classes, reduction="none")
    found = torch.nn.functional.cross_entropy(scores, mixed["label"], reduction="none")
    for i in range(9):
        partner = [
            j for j in range(9) for w in [float(mixed["label"][i, classes[i]])]
            if torch.allclose(mixed["x"][i], w * batch["x"][i] + (1 - w) * batch["x"][j])
        ]  # fmt: skip
        w = float(mixed["label"][i, classes[i]])
        assert 0.5 <= w <= 1.0
        if w < 1.0:
            other = torch.nn.functional.cross_entropy(scores[i], classes[partner[0]])
            torch.testing.assert_close(found[i], w * plain[i] + (1 - w) * other)


def test_a_rectangle_of_another_image_and_its_share_of_the_target() -> None:
    images = torch.arange(40.0).view(40, 1, 1, 1).expand(40, 2, 13, 9).contiguous()
    batch = {"image": images, "label": torch.eye(40)}
    cut = cut_mix(batch, draws(8), alpha=1.0, images=["image"], targets=["label"])
    shares = []
    for i, (image, target) in enumerate(zip(cut["image"], cut["label"], strict=True)):
        foreign = image[0] != i
        assert torch.equal(image[0], image[1])
        shares.append(float(foreign.float().mean()))
        expected = torch.zeros(40)
        expected[i] += 1 - shares[-1]
        if foreign.any():
            other = image[0][foreign].unique()
            assert len(other) == 1
            expected[int(other)] += shares[-1]
            rows, columns = foreign.any(1).nonzero().flatten(), foreign.any(0).nonzero().flatten()
            assert foreign[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        torch.testing.assert_close(target, expected)
    assert len({round(share, 3) for share in shares}) > 15
    assert cut_mix({**batch, "image": images.byte()}, draws(8), alpha=1.0, images=["image"], targets=["label"])[
        "image"
    ].equal(cut["image"].byte())


def test_smoothing_equals_torchs_and_is_gone_in_validation() -> None:
    scores, classes = torch.randn(9, 4), torch.randint(0, 4, (9,))
    expected = torch.nn.functional.cross_entropy(scores, classes, label_smoothing=0.2, reduction="none")
    found = torch.nn.functional.cross_entropy(scores, smooth(classes, 4, 0.2), reduction="none")
    torch.testing.assert_close(found, expected)


def test_words_are_dropped_at_their_share_and_blanks_stay() -> None:
    words, keep = torch.randint(2, 50, (200, 30)), torch.rand(200, 30) < 0.7
    words[~keep] = 0
    dropped = drop_words(words, keep, draws(7), share=0.25, unknown=1)
    assert (dropped[~keep] == 0).all()
    share = (dropped[keep] == 1).float().mean()
    assert abs(share - 0.25) < 0.03  # 4,200 words: standard deviation 0.0067
    assert torch.equal(dropped[dropped != 1], words[dropped != 1])


@pytest.mark.parametrize(
    ("task", "asked"),
    [("text-classification", {"mixup": 0.2}), ("tabular-classification", {"word_dropout": 0.1}),
     ("tabular-regression", {"label_smoothing": 0.1}), ("tabular-classification", {"erase": 0.1}),
     ("tabular-classification", {"cutmix": 1.0}), ("image-classification", {"cutmix": 1.0, "mixup": 0.2})],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(task: str, asked: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=r"could change|cannot be mixed|mixed in one way"):
        build_augment(TrainSection(**asked), load_task(task))


@pytest.mark.parametrize(
    ("task", "model", "rows", "asked"),
    [("tabular-classification", "mlp", table_rows, {"mixup": 0.4, "label_smoothing": 0.05, "ema": 0.98}),
     ("text-classification", "text_cnn", text_rows, {"word_dropout": 0.1, "label_smoothing": 0.05}),
     ("image-classification", "cnn", image_rows, {"cutmix": 1.0, "shift": 1, "fill": "reflect"}),
     ("image-classification", "cnn", image_rows, {"rotate": 5, "zoom": 0.1, "erase": 0.1, "optimizer": "muon",
                                                  "lr": 0.02})],
)  # fmt: skip
def test_each_problem_is_still_learned(tmp_path, task, model, rows, asked) -> None:
    parts = set_up(task, model, rows(300))
    fitted(tmp_path / "run", parts, train=TrainSection(**{"epochs": 8, "batch_size": 16, "lr": 3e-3, **asked}))
    assert parts[3](parts[1])[0] > 0.9
