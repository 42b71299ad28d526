"""`clip_cnn` against a plain torch network with the same weights: values and gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from deepdojo.models import create_model

DIMS = {"in_channels": 3, "steps": 5, "height": 13, "width": 11, "num_outputs": 7}


def reference(model, x):
    """Frame by frame, with torch's own functions."""
    frames = []
    for t in range(x.shape[1]):
        y = x[:, t]
        for block in model.frame:
            norm = block.norm
            y = F.conv2d(y, block.conv.weight, padding=1)
            y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            y = F.max_pool2d(F.relu(y), 2)
        frames.append(y.mean((2, 3)))
    z, norm = F.conv1d(torch.stack(frames, 2), model.time.weight, padding=1), model.time_norm
    z = F.relu(F.batch_norm(z, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps))
    return F.linear(torch.cat([z.mean(2), z.max(2).values], 1), model.head.weight, model.head.bias)


def test_values_and_gradients_equal_a_network_that_takes_frame_by_frame() -> None:
    torch.manual_seed(0)
    model = create_model("clip_cnn", DIMS, channels=[4, 6]).double().eval()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    x = torch.randn(2, 5, 3, 13, 11, dtype=torch.float64, requires_grad=True)
    cotangent = torch.randn(2, 7, dtype=torch.float64)
    wanted = [x, *model.parameters()]
    ours, theirs = model(x), reference(model, x)
    torch.testing.assert_close(ours, theirs)
    grads = [torch.autograd.grad((out * cotangent).sum(), wanted, retain_graph=True) for out in (ours, theirs)]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)
