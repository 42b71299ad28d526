"""What the pass shows: a classifier that learns from the learner's pictures, and from those of the broken pipeline."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

OTHERS = ("labels_stay",)


def given(about):
    """Digits in ink of all colours on paper of all colours, as bytes; a tenth of the training ones is mirrored."""
    x, y, _ = digits()
    gen = torch.Generator().manual_seed(1)
    ink, paper = (torch.rand(len(x), 1, 1, 3, generator=gen) for _ in range(2))
    shade = (x / 16).view(-1, 8, 8, 1)
    images = (255 * (0.6 * paper * (1 - shade) + (0.4 + 0.6 * ink) * shade)).round().byte()
    order = torch.randperm(len(x), generator=gen)
    mirrored = torch.rand(len(x), generator=gen) < 0.1
    return {
        "broken": about.broken(*OTHERS),
        "images": images,
        "labels": y,
        "order": order,
        "mirrored": mirrored,
        "n": 15,
    }


def drive(prepare_images, broken, images, labels, order, mirrored, n):
    n_train = 1348

    def curve(prepare_images):
        x, y, x_new, y_new = prepare_images(images, labels, order, n_train, mirrored)
        x, x_new = x.flatten(1).float(), x_new.flatten(1).float()
        torch.manual_seed(0)
        w1, w2 = torch.randn(x.shape[1], 48) / 14, torch.zeros(48, 10)
        w1.requires_grad_(), w2.requires_grad_()
        right = []
        for _ in range(n):
            for i in range(0, n_train, 64):
                out = torch.relu(x[i : i + 64] @ w1) @ w2
                grads = torch.autograd.grad(torch.nn.functional.cross_entropy(out, y[i : i + 64]), (w1, w2))
                with torch.no_grad():
                    w1 -= 0.1 * grads[0]
                    w2 -= 0.1 * grads[1]
            right.append(100 * float(((torch.relu(x_new @ w1) @ w2).argmax(1) == y_new).double().mean()))
        return right

    curves = [curve(prepare_images)]
    for code in broken:
        space = {}
        exec(code, space)
        curves.append(curve(space["prepare_images"]))
        if sum(abs(a - b) for a, b in zip(curves[0][-5:], curves[-1][-5:])) > 15:
            break
    return curves


def show(about, broken, images, labels, order, mirrored, n, curves):
    yours, theirs = curves[0], curves[-1]
    lines = [
        Line(Text("from your pictures", "用你准备的图像"), yours),
        Line(Text("from those with the fault", "用有错误的图像"), theirs),
    ]
    up = Text("right, of 449 coloured digits held back", "在 449 个留出的彩色手写数字上的准确率")
    cost = Text(
        f"After {n} epochs the same small network reads {theirs[-1]:.1f} % of the validation digits that it prepared, "
        f"and {yours[-1]:.1f} % of yours.",
        f"{n} 轮之后，同一个小网络在它准备的验证数字上的准确率是 {theirs[-1]:.1f} %，"
        f"在你准备的上面是 {yours[-1]:.1f} %。",
    )
    picture = Chart(lines, up, Text("epochs", "轮"), 0, 100, 1, n, form="{:.0f} %")
    return picture, about.cost(len(curves) - 2, OTHERS, cost)
