"""What the pass shows: an embedding of digits that trains on where the fragile loss turns to NaN."""

import math

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

OTHERS = ("where_too_late",)


def given(about):
    """Pairs of one digit; in some batches a picture meets itself, one pair is left, none is left, or all lie far apart.

    Real batches hold all of these sooner or later.
    """
    x, y, _ = digits()
    gen = torch.Generator().manual_seed(4)
    batches = []
    for step in range(60):
        a = torch.randint(len(x), (32,), generator=gen)
        b = torch.stack([_another(i, (y == y[i]).nonzero()[:, 0], gen) for i in a])
        keep = torch.ones(32, dtype=torch.bool)
        if step == 24:
            b[7] = a[7]
        if step == 32:
            keep[1:] = False
        if step == 40:
            keep[:] = False
        batches.append({"a": a, "b": b, "keep": keep, "stretch": 60.0 if step == 16 else 1.0})
    return {"broken": about.broken(*OTHERS), "x": x / 16, "batches": batches}


def _another(i, alike, gen):
    others = alike[alike != i]
    return others[torch.randint(len(others), (), generator=gen)]


def drive(ranking_loss, broken, x, batches):
    def curve(ranking_loss):
        gen = torch.Generator().manual_seed(0)
        embed = (torch.randn(64, 6, generator=gen) / 2).requires_grad_()
        losses = []
        for batch in batches:
            out = x @ embed * batch["stretch"]
            loss = ranking_loss(out[batch["a"]], out[batch["b"]], torch.tensor(2.0), batch["keep"])
            (grad,) = torch.autograd.grad(loss, embed)
            losses.append(loss.item() if embed.isfinite().all() else math.nan)
            with torch.no_grad():
                embed -= 0.1 * grad / max(1.0, float(grad.norm()))
        return losses

    curves = [curve(ranking_loss)]
    for code in broken:
        space = {}
        exec(code, space)
        curves.append(curve(space["ranking_loss"]))
        gap = [abs(a - b) for a, b in zip(curves[0], curves[-1])]
        if not all(g < math.inf for g in gap) or sum(gap[-10:]) > 0.05 * sum(curves[0][-10:]):
            break
    return curves


def show(about, broken, x, batches, curves):
    yours, theirs = curves[0], curves[-1]
    n, top = len(batches), 1.2 * max(yours[:10])  # the batch of pairs far apart would dwarf the others
    lines = [Line(Text("your loss", "你的损失"), yours), Line(Text("with the fault", "有错误的损失"), theirs)]
    ends = next((i for i, value in enumerate(theirs) if not math.isfinite(value)), None)
    if ends is None:
        cost = Text(
            f"After {n} batches of digits it stands at {theirs[-1]:.3f}, your loss at {yours[-1]:.3f}.",
            f"{n} 个批的手写数字之后，它停在 {theirs[-1]:.3f}，你的损失是 {yours[-1]:.3f}。",
        )
    else:
        cost = Text(
            f"From batch {ends + 1} of {n} on it is NaN or infinite, and so are all weights after it: the training is "
            f"lost. Yours goes on, to {yours[-1]:.3f}.",
            f"{n} 个批中，从第 {ends + 1} 个起它就是 NaN 或无穷，之后所有权重也都作废，训练白做了。"
            f"你的一直训练下去，到 {yours[-1]:.3f}。",
        )
    up = Text("loss of pairs of the same digit", "同一数字的图像对上的损失")
    picture = Chart(lines, up, Text("batches", "批"), 0, top, 1, n, form="{:.1f}")
    return picture, about.cost(len(curves) - 2, OTHERS, cost)
