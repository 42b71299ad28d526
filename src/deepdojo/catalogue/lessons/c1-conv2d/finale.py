"""What the pass shows: a photograph, and the edges that the learner's convolution finds in it."""

import torch

from deepdojo.grader.bundled import photograph
from deepdojo.grader.drawing import Grey
from deepdojo.grader.words import Text

SOBEL = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]


def given():
    """A flower (a photograph that scikit-learn brings along), grey, at half its size: (1, 1, 213, 320), 0 to 1."""
    grey = photograph("flower").float().mean(2)[None, None] / 255
    across = torch.tensor(SOBEL)
    kernels = torch.stack([across, across.T])[:, None]
    return {"x": torch.nn.functional.avg_pool2d(grey, 2), "kernels": kernels, "bias": torch.zeros(2)}


def drive(conv2d, x, kernels, bias):
    return conv2d(x, kernels, bias, 1, 1)


def show(x, kernels, bias, out):
    """The strength of an edge is the length of (across, down)."""
    strength = out[0].square().sum(0).sqrt()
    edges = (strength / strength.quantile(0.98)).clamp(0, 1)
    paper = torch.cat([x[0, 0], torch.zeros(len(edges), 8), edges], 1)
    share = 100 * (edges > 0.5).double().mean().item()
    return Grey(paper.numpy(), light=True), Text(
        f"A photograph, and its edges by your conv2d with two Sobel kernels, across and down: 18 numbers, none of them "
        f"learned. {share:.0f} % of the pixels lie on a clear edge. The first layer of a trained network "
        "looks much alike.",
        f"一张照片，以及你的 conv2d 用横、竖两个 Sobel 卷积核找出的边缘：共 18 个数，没有一个是学出来的。"
        f"{share:.0f} % 的像素在明显的边缘上。训练好的网络，第一层看到的也差不多是这样。",
    )
