"""What the pass shows: the validation curve as the learner's code reports it, and as the broken code did."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

OTHERS = ("never_eval",)


def given(about):
    """Few digits to learn from, so that dropout has something to do."""
    x, y, held = digits()
    x, targets = x / 16, torch.nn.functional.one_hot(y, 10).float()
    kept = {"x": x[~held][:300], "y": targets[~held][:300], "x_new": x[held], "y_new": targets[held]}
    return {"broken": about.broken(*OTHERS), **kept, "n": 20}


def drive(fit_and_validate, broken, x, y, x_new, y_new, n):
    nn = torch.nn

    def curve(fit_and_validate):
        torch.manual_seed(5)
        layers = nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
        return fit_and_validate(nn.Sequential(*layers).eval(), x, y, x_new, y_new, 25, 0.05, n)

    curves = [curve(fit_and_validate)]
    for code in broken:
        space = {}
        exec(code, space)
        curves.append(curve(space["fit_and_validate"]))
        if sum(abs(a - b) for a, b in zip(curves[0], curves[-1])) > 0.05 * sum(curves[0]):
            break
    return curves


def show(about, broken, x, y, x_new, y_new, n, curves):
    yours, theirs = curves[0], curves[-1]
    lines = [
        Line(Text("reported by your code", "你的代码报告的"), yours),
        Line(Text("reported with the fault", "有错误时报告的"), theirs),
    ]
    up = Text(f"validation loss on {len(x_new)} handwritten digits", f"{len(x_new)} 个手写数字上的验证损失")
    cost = Text(
        f"After {n} epochs on {len(x)} digits it reports a validation loss of {theirs[-1]:.4f}, your code "
        f"{yours[-1]:.4f}: {theirs[-1] / yours[-1]:.1f} times yours.",
        f"在 {len(x)} 个数字上训练 {n} 轮后，它报告的验证损失是 {theirs[-1]:.4f}，你的代码是 {yours[-1]:.4f}，"
        f"前者是后者的 {theirs[-1] / yours[-1]:.1f} 倍。",
    )
    picture = Chart(lines, up, Text("epochs", "轮"), 0, 1.05 * max(*yours, *theirs), 1, n, form="{:.3f}")
    return picture, about.cost(len(curves) - 2, OTHERS, cost)
