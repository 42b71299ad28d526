"""The check of m2-loss: losses and final weights of a few steps equal those of gradients derived by hand."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("fit_softmax")
def drive(fit_softmax, weight, bias, x, y, class_weight, smoothing, lr, steps):
    losses, weight, bias = fit_softmax(weight, bias, x, y, class_weight, smoothing, lr, steps)
    return {"losses": [float(each) for each in losses], "weight": weight.detach(), "bias": bias.detach()}


def oracle(weight, bias, x, y, class_weight, smoothing, lr, steps):
    """The gradient of each row's logits is p - t: no autograd."""
    losses = []
    for _ in range(steps):
        total, mass = 0.0, 0.0
        by_weight, by_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        for row, label in zip(x, y.tolist(), strict=True):
            logits = weight @ row + bias
            log_p = logits - torch.logsumexp(logits, 0)
            target = torch.full_like(log_p, smoothing / len(bias))
            target[label] += 1 - smoothing
            counts = class_weight[label]
            total += float(-counts * (target * log_p).sum())
            mass += float(counts)
            slope = counts * (log_p.exp() - target)
            by_weight += slope[:, None] * row
            by_bias += slope
        losses.append(total / mass)
        weight, bias = weight - lr * by_weight / mass, bias - lr * by_bias / mass
    return {"losses": losses, "weight": weight, "bias": bias}


def run(name, smoothing, weights, steps=4, scale=1, **sizes):
    drawn = (lambda d: 0.2 + 3 * d.uniform("C")) if weights else (lambda d: torch.ones(d.size("C")).double())
    return case(
        name, sizes={"C": (3, 4, 5), **sizes}, weight=normal("C D", grad=False), bias=normal("C", grad=False),
        x=normal("N D", scale=scale, grad=False), y=lambda d: d.integers("N", 0, d.size("C")), class_weight=drawn,
        smoothing=smoothing, lr=0.3, steps=steps, float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("plain", 0.0, weights=False),
        run("label smoothing", 0.2, weights=False),
        run("class weights", 0.0, weights=True),
        run("both", 0.1, weights=True),
        run("one row", 0.1, weights=True, N=1),
        run("large logits", 0.1, weights=True, steps=1, scale=400),
    ],
    gradient=False,
    mutants=[
        mutant(
            "double_softmax", "F.log_softmax(logits, dim=1)", "F.log_softmax(torch.softmax(logits, dim=1), dim=1)",
            en="softmax is taken twice: log_softmax gets shares, not logits, so no row can be sure of anything",
            zh="softmax 做了两次：进入 log_softmax 的已经是份额，所以任何一行都不可能有把握",
        ),
        mutant(
            "softmax_over_rows", "F.log_softmax(logits, dim=1)", "F.log_softmax(logits, dim=0)",
            en="the softmax runs over the rows of the batch: rows compete with one another, not classes",
            zh="softmax 沿批的行进行：相互竞争的是各行，而不是各类别",
        ),
        mutant(
            "log_of_shares", "F.log_softmax(logits, dim=1)", "torch.log(torch.softmax(logits, dim=1) + 1e-6)",
            en="log(softmax + 1e-6) stops falling at log(1e-6): rows that are badly wrong teach nothing more",
            zh="log(softmax + 1e-6) 降到 log(1e-6) 就停住：错得厉害的行不再教给模型任何东西",
        ),
        mutant(
            "smoothing_adds", "hard * (1 - smoothing)", "hard",
            en="the smoothed target sums to 1 + smoothing: the row's own class keeps all of its share",
            zh="平滑后的目标之和成了 1 + smoothing：该行自己的类别没有让出份额",
        ),
        mutant(
            "smoothing_of_others", "smoothing / len(bias)", "smoothing / (len(bias) - 1)",
            en="smoothing is spread as if over the other classes, C − 1 of them, but the row's own gets it as well",
            zh="平滑的份额按另外 C − 1 个类别去分，可该行自己的类别也拿到了一份",
        ),
        mutant(
            "binary", "-(target * log_shares).sum(1)",
            'F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)',
            en="each class is judged by itself with a sigmoid (binary cross-entropy); classes that exclude one another "
               "need one softmax",
            zh="每个类别用 sigmoid 单独判断（二元交叉熵）；互相排斥的类别需要的是一个 softmax",
        ),
        mutant(
            "targets_shifted", "F.one_hot(y, len(bias))", "F.one_hot((y + 1) % len(bias), len(bias))",
            en="the targets are shifted by one class: every row learns its neighbour's name",
            zh="目标错开了一个类别：每一行学到的都是邻居的名字",
        ),
        mutant(
            "weights_inverted", "counts = class_weight[y]", "counts = 1 / class_weight[y]",
            en="the class weights are turned upside down: 1 / weight counts where weight should",
            zh="类别权重颠倒了：该用 weight 的地方用了 1 / weight",
        ),
        mutant(
            "mean_of_rows", "/ counts.sum()", "/ len(x)",
            en="the weighted sum is divided by the number of rows, not by the sum of the weights",
            zh="加权和除以了行数，而不是权重之和",
        ),
        mutant(
            "sum_for_mean", " / counts.sum()", "",
            en="the loss is a sum, not a mean: steps grow with the number of rows",
            zh="损失取了和而不是平均：步长随行数变大",
        ),
    ],
)  # fmt: skip
