"""The check of l1-integrated-gradients: within what 48 steps may be off by, whichever points of the path are taken."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("integrated_gradients")
def drive(integrated_gradients, x, baseline, w, v, steps):
    def f(rows):
        return torch.tanh(rows @ w) @ v + 0.1 * (rows[:, 0] * rows[:, 1])

    given = x.clone(), baseline.clone()
    found = integrated_gradients(f, *given, steps)
    untouched = bool(torch.equal(given[0], x) and torch.equal(given[1], baseline))
    return {"attributions": found.detach(), "x and baseline are left alone": untouched}


def oracle(x, baseline, w, v, steps):
    """The slope by hand, and the integral by 2,000 midpoints."""
    shares = (torch.arange(2000, dtype=x.dtype) + 0.5) / 2000
    points = baseline + shares[:, None, None] * (x - baseline)
    slope = ((1 - torch.tanh(points @ w) ** 2) * v) @ w.T
    slope[..., 0] += 0.1 * points[..., 1]
    slope[..., 1] += 0.1 * points[..., 0]
    return {"attributions": (x - baseline) * slope.mean(0), "x and baseline are left alone": True}


def run(name, baseline, bend=0.3, **sizes):
    return case(
        name, sizes={"B": 5, "D": 7, "H": 13, **sizes}, x=normal("B D", grad=False), baseline=baseline,
        w=normal("D H", scale=bend, grad=False), v=normal("H", grad=False), steps=48, float32=False,
    )  # fmt: skip


# Ends of the steps instead of middles are off by (last slope − first slope) / 96 of the way: 3 % in the worst of 1,000
# seeds. With fewer numbers all attributions may be small beside that: a right solution failed in 5 of 100 seeds.
check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("a baseline of zeros", lambda d: torch.zeros(d.size("B"), d.size("D"), dtype=torch.float64)),
        run("another baseline", normal("B D", grad=False)),
        run("one row", normal("B D", grad=False), bend=0.15, B=1, D=11),
    ],
    gradient=False,
    layout=False,
    tolerance=0.05,
    mutants=[
        mutant(
            "way_missing", "(way * total / steps)", "(total / steps)",
            en="the mean gradient is not multiplied by x − baseline: it says how steep, not how much",
            zh="平均梯度没有乘以 x − baseline：它说的是有多陡，而不是有多少",
        ),
        mutant(
            "times_x", "(way * total / steps)", "(x * total / steps)",
            en="the mean gradient is multiplied by x, not by x − baseline",
            zh="平均梯度乘的是 x，而不是 x − baseline",
        ),
        mutant(
            "gradient_times_input", "(baseline + (k + 0.5) / steps * way)", "(baseline + way)",
            en="every gradient is taken at x itself: that is gradient × input, which forgets the way",
            zh="每个梯度都是在 x 处求的：这是梯度 × 输入，忘了走过的路",
        ),
        mutant(
            "at_the_baseline", "(baseline + (k + 0.5) / steps * way)", "(baseline + 0 * way)",
            en="every gradient is taken at the baseline",
            zh="每个梯度都是在基准点处求的",
        ),
        mutant(
            "path_from_zero", "(baseline + (k + 0.5) / steps * way)", "((k + 0.5) / steps * x)",
            en="the path begins at 0, not at the baseline",
            zh="路径从 0 开始，而不是从基准点开始",
        ),
        mutant(
            "sum_of_gradients", "(way * total / steps)", "(way * total)",
            en="the gradients are summed, not averaged: the result grows with the steps",
            zh="梯度取了和而不是平均：结果随步数变大",
        ),
        mutant(
            "mean_of_rows", "f(point).sum()", "f(point).mean()",
            en="f is averaged over the rows before it is differentiated: everything is B times too small",
            zh="求导之前对各行取了平均：结果都小了 B 倍",
        ),
        mutant(
            "absolute", "(way * total / steps)", "(way * total / steps).abs()",
            en="absolute values are given back: what spoke against the answer now speaks for it",
            zh="返回的是绝对值：反对这个答案的，现在成了支持它的",
        ),
        mutant(
            "backwards", "way = x - baseline", "way = baseline - x",
            "(baseline + (k + 0.5) / steps * way)", "(x + (k + 0.5) / steps * way)",
            en="the way is walked backwards, from x to the baseline: all signs are turned",
            zh="路走反了，从 x 走到基准点：所有符号都反了",
        ),
        mutant(
            "too_far", "(k + 0.5) / steps", "2 * (k + 0.5) / steps",
            en="the path overshoots x and goes twice as far",
            zh="路径越过了 x，走了两倍远",
        ),
    ],
)  # fmt: skip
