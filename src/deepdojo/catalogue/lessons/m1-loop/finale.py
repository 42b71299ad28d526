"""What the pass shows: the learner's loop and the broken one that they were given train the same network on digits."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

OTHERS = ("no_zero_grad",)  # where the fault of the learner's own shows in no curve


def given(about):
    x, y, held = digits()
    kept = {"x": x[~held] / 16, "y": y[~held], "x_new": x[held] / 16, "y_new": y[held]}
    return {"broken": about.broken(*OTHERS), **kept, "n": 12}


def drive(train, broken, x, y, x_new, y_new, n):
    targets = torch.nn.functional.one_hot(y, 10).to(x.dtype)

    def curve(train):
        torch.manual_seed(3)
        model = torch.nn.Sequential(torch.nn.Linear(64, 24), torch.nn.Tanh(), torch.nn.Linear(24, 10))
        right = []
        for _ in range(n):
            train(model, x, targets, 32, 0.6, 1)
            with torch.no_grad():
                right.append(100 * float((model(x_new).argmax(1) == y_new).double().mean()))
        return right

    curves = [curve(train)]
    for code in broken:
        space = {}
        exec(code, space)
        curves.append(curve(space["train"]))
        if sum(abs(a - b) for a, b in zip(curves[0][-4:], curves[-1][-4:])) > 8:
            break
    return curves


def show(about, broken, x, y, x_new, y_new, n, curves):
    yours, theirs = curves[0], curves[-1]
    lines = [
        Line(Text("your loop", "你的循环"), yours),
        Line(Text("with the fault", "有错误的循环"), theirs),
    ]
    up = Text(f"right, of {len(y_new)} handwritten digits held back", f"在 {len(y_new)} 个留出的手写数字上的准确率")
    cost = Text(
        f"After {n} epochs it reads {theirs[-1]:.1f} % of {len(y_new)} new digits, your loop {yours[-1]:.1f} %.",
        f"{n} 轮之后，它在 {len(y_new)} 个新数字上的准确率是 {theirs[-1]:.1f} %，你的循环是 {yours[-1]:.1f} %。",
    )
    picture = Chart(lines, up, Text("epochs", "轮"), 0, 100, 1, n, form="{:.0f} %")
    return picture, about.cost(len(curves) - 2, OTHERS, cost)
