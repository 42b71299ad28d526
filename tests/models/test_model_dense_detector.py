"""The dense detector: against plain torch, its cells, its start, and what it learns of coloured rectangles."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from deepdojo.layers import box_iou, giou_loss, heat_map_focal_loss
from deepdojo.models import MODELS, create_model
from deepdojo.models.protocols import DenseDetector

SMALL = {"widths": [5, 7, 11, 13], "head_width": 6}


def built(in_channels=3, num_outputs=2, **arguments):
    torch.manual_seed(1)
    return create_model("dense_detector", {"in_channels": in_channels, "num_outputs": num_outputs}, **arguments)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["f64", "f32"])
@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("training", [False, True])
def test_values_and_gradients_equal_plain_torch(stride, training, dtype, limit):
    model = built(**SMALL, stride=stride).to(dtype).train(training)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    w = dict(model.named_parameters())

    def norm(name, x):
        zeros, ones = torch.zeros(x.shape[1], dtype=dtype), torch.ones(x.shape[1], dtype=dtype)
        return F.batch_norm(x, zeros, ones, w[f"{name}.weight"], w[f"{name}.bias"], training)

    def head(name, x):
        x = F.relu(F.conv2d(x, w[f"{name}.conv.weight"], w[f"{name}.conv.bias"], padding=1))
        return F.conv2d(x, w[f"{name}.out.weight"], w[f"{name}.out.bias"])

    def other(x):
        x = F.relu(norm("norm", F.conv2d(x, w["stem.weight"], stride=2, padding=1)))
        maps = [x]
        for i in range(3):
            s = f"stages.{i}"
            y = F.relu(norm(f"{s}.norms.0", F.conv2d(x, w[f"{s}.convs.0.weight"], stride=2, padding=1)))
            y = norm(f"{s}.norms.1", F.conv2d(y, w[f"{s}.convs.1.weight"], padding=1))
            x = F.relu(norm(f"{s}.shortcut.norm", F.conv2d(x, w[f"{s}.shortcut.conv.weight"], stride=2)) + y)
            maps.append(x)
        kept, up = maps[1 if stride == 4 else 2 :], None
        for i in reversed(range(len(kept))):
            here = F.conv2d(kept[i], w[f"lateral.{i}.weight"], w[f"lateral.{i}.bias"])
            if up is not None:
                bigger = up.repeat_interleave(2, 2).repeat_interleave(2, 3)
                here = here + bigger[:, :, : here.shape[2], : here.shape[3]]
            up = F.relu(norm(f"norms.{i}", F.conv2d(here, w[f"smooth.{i}.weight"], padding=1)))
        return head("heat", up), stride * F.softplus(head("box", up))

    image = torch.randn(5, 3, 37, 29, dtype=dtype, generator=torch.Generator().manual_seed(2))
    results = []
    for call in (model, other):
        leaf = image.clone().requires_grad_()
        outs = call(leaf)
        cotangents = [torch.randn(o.shape, dtype=dtype, generator=torch.Generator().manual_seed(7)) for o in outs]
        results.append([*outs, *torch.autograd.grad(outs, [leaf, *model.parameters()], cotangents)])
    for mine, theirs in zip(*results, strict=True):
        scale = max(1.0, theirs.abs().max().item())
        torch.testing.assert_close(mine / scale, theirs / scale, rtol=0, atol=limit)


@pytest.mark.parametrize("stride", [4, 8])
def test_cells_cover_any_image(stride):
    detector: DenseDetector = built(num_outputs=3, **SMALL, stride=stride).eval()
    assert MODELS["dense_detector"].protocols == ("DenseDetector",)
    for y, x in ((1, 1), (33, 64), (37, 29), (240, 320)):
        heat, box = detector(torch.randn(2, 3, y, x))
        cells = -(-y // stride), -(-x // stride)
        assert heat.shape == (2, 3, *cells)
        assert box.shape == (2, 4, *cells)
        assert (box >= 0).all()


def test_a_batch_equals_its_images_one_by_one():
    model = built(**SMALL).eval()
    images = torch.randn(3, 3, 37, 29)
    heat, box = model(images)
    for i in range(3):
        torch.testing.assert_close(model(images[i : i + 1])[0][0], heat[i], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model(images[i : i + 1])[1][0], box[i], rtol=1e-5, atol=1e-5)


def test_every_cell_starts_with_the_prior():
    model = built(**SMALL)
    heat, _ = model(torch.randn(2, 3, 37, 29))
    torch.testing.assert_close(torch.sigmoid(heat), torch.full_like(heat, 0.1), rtol=0.05, atol=0)
    assert model.heat.out.bias[0].item() == pytest.approx(-math.log(0.9 / 0.1))


@pytest.mark.usefixtures("production")
def test_corners_are_measured_from_the_middle_of_a_cell():
    model = built(**SMALL, stride=8)
    box = torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None, None].expand(1, 4, 2, 3)
    corners = model.corners(box)
    assert corners.shape == (1, 2, 3, 4)
    assert corners[0, 1, 2].tolist() == [20 - 1, 12 - 2, 20 + 3, 12 + 4]


def rectangles(n, side=48):
    """Images with one red or green rectangle each, its box and its class."""
    g = torch.Generator().manual_seed(5)
    images, boxes = 0.1 * torch.randn(n, 3, side, side, generator=g), torch.zeros(n, 4)
    kinds = torch.arange(n) % 2
    for i in range(n):
        w, h = (torch.randint(10, 22, (2,), generator=g)).tolist()
        x, y = (
            torch.randint(0, side - w, (1,), generator=g).item(),
            torch.randint(0, side - h, (1,), generator=g).item(),
        )
        images[i, kinds[i], y : y + h, x : x + w] += 1
        boxes[i] = torch.tensor([x, y, x + w, y + h])
    return images, boxes, kinds


def test_one_batch_of_coloured_rectangles_is_learned():
    images, boxes, kinds = rectangles(8)
    model, rows = built(widths=[8, 16, 32, 32], head_width=24), torch.arange(8)
    cell = ((boxes[:, :2] + boxes[:, 2:]) / 2 / 4).long()  # x, y of the cell in which the centre lies
    y, x = torch.arange(12)[:, None], torch.arange(12)
    distance = (x - cell[:, 0, None, None]) ** 2 + (y - cell[:, 1, None, None]) ** 2
    target = torch.zeros(8, 2, 12, 12)
    target[rows, kinds] = torch.exp(-distance / 2.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0)
    losses = []
    for _ in range(120):
        heat, box = model(images)
        found = model.corners(box)[rows, cell[:, 1], cell[:, 0]]
        loss = heat_map_focal_loss(heat, target) + giou_loss(found, boxes).mean() + 0.1 * F.l1_loss(found, boxes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    heat, box = model.eval()(images)
    best = heat.flatten(1).argmax(1)
    assert (best // 144 == kinds).all()
    corners = model.corners(box).flatten(1, 2)[rows, best % 144]
    assert box_iou(corners, boxes).diagonal().min() > 0.7
