"""What the pass shows: two rare digits, and a classifier that was trained for all ten alike or for another aim."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

OTHERS = ("weights_inverted",)


def given(about):
    """Of every digit from 5 on one in ten is kept, as in data where some classes are rare; the new ones are as many."""
    x, y, held = digits()
    x = x / 16
    rare = (y >= 5) & (torch.arange(len(y)) % 10 != 0)
    kept = ~held & ~rare
    return {"broken": about.broken(*OTHERS), "x": x[kept], "y": y[kept], "x_new": x[held], "y_new": y[held], "n": 30}


def drive(fit_softmax, broken, x, y, x_new, y_new, n):
    counts = torch.bincount(y, minlength=10)
    class_weight = len(y) / (10 * counts)

    def curve(fit_softmax):
        weight, bias = torch.zeros(10, 64), torch.zeros(10)
        right = []
        for _ in range(n):
            _, weight, bias = fit_softmax(weight, bias, x, y, class_weight, 0.1, 0.5, 5)
            right.append(100 * float(((x_new @ weight.T + bias).argmax(1) == y_new).double().mean()))
        return right

    curves = [curve(fit_softmax)]
    for code in broken:
        space = {}
        exec(code, space)
        curves.append(curve(space["fit_softmax"]))
        if sum(abs(a - b) for a, b in zip(curves[0][-10:], curves[-1][-10:])) > 20:
            break
    return curves


def show(about, broken, x, y, x_new, y_new, n, curves):
    yours, theirs = curves[0], curves[-1]
    steps = [5 * (i + 1) for i in range(n)]
    lines = [
        Line(Text("your loss", "你的损失"), yours, steps),
        Line(Text("with the fault", "有错误的损失"), theirs, steps),
    ]
    up = Text(f"right, of {len(y_new)} new digits, all ten alike", f"在 {len(y_new)} 个新数字（十类一样多）上的准确率")
    cost = Text(
        f"Digits 5 to 9 are rare in training. After {5 * n} steps it reads {theirs[-1]:.1f} % of new digits, with your "
        f"loss {yours[-1]:.1f} %.",
        f"训练数据里 5 到 9 很少见。{5 * n} 步之后，它在新数字上的准确率是 {theirs[-1]:.1f} %，用你的损失是 "
        f"{yours[-1]:.1f} %。",
    )
    picture = Chart(lines, up, Text("steps", "步"), 0, 100, 5, 5 * n, form="{:.0f} %")
    return picture, about.cost(len(curves) - 2, OTHERS, cost)
