"""The check of l3-deletion, on a function whose inputs work together, so that the order and the company count."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("deletion_auc")
def drive(deletion_auc, x, attribution, baseline, w, v):
    def f(rows):
        return torch.tanh(rows @ w) @ v + 0.3 * rows[..., 0] * rows[..., -1]

    return deletion_auc(f, x, attribution, baseline).detach()


def oracle(x, attribution, baseline, w, v):
    """For each number of deletions, the k largest are found anew: nothing is carried along."""
    areas = []
    for row, scores, blank in zip(x, attribution, baseline, strict=True):
        curve = []
        for k in range(len(row) + 1):
            first = scores.topk(k).indices
            left = row.clone()
            left[first] = blank[first]
            hidden = torch.tanh((left[:, None] * w).sum(0))
            curve.append((hidden * v).sum() + 0.3 * left[0] * left[-1])
        areas.append((sum(curve) - curve[0] / 2 - curve[-1] / 2) / len(row))
    return torch.stack(areas)


def run(name, baseline=None, **sizes):
    return case(
        name, sizes=sizes, x=normal("B D", mean=1, grad=False), attribution=normal("B D", grad=False),
        baseline=baseline or normal("B D", grad=False), w=normal("D H", scale=0.5, grad=False),
        v=normal("H", grad=False),
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("one row", B=1, D=5),
        run("a baseline of zeros", lambda d: 0 * d["x"]),
        run("another baseline"),
        run("as many rows as inputs", B=4, D=4),
        run("one input", D=1),
    ],
    gradient=False,
    mutants=[
        mutant(
            "ascending", "descending=True", "descending=False",
            en="the smallest attribution is deleted first; begin with the largest",
            zh="先删了归因最小的；应从最大的开始",
        ),
        mutant(
            "one_at_a_time", "current = current.scatter", "current = x.scatter",
            en="each step deletes one input and restores those before; deletions add up",
            zh="每一步只删一个，之前删的又恢复了；删除应是累积的",
        ),
        mutant(
            "zeros", "baseline.gather(1, chosen)", "torch.zeros_like(chosen, dtype=x.dtype)",
            en="what is deleted becomes 0, not the baseline",
            zh="删掉的变成了 0，而不是基准点的值",
        ),
        mutant(
            "absolute", "attribution.argsort", "attribution.abs().argsort",
            en="the order is that of the absolute values; an input that speaks against the answer comes last",
            zh="顺序是按绝对值排的；反对这个答案的输入应排在最后",
        ),
        mutant(
            "unnormalised", ".sum(0) / 2 / inputs", ".sum(0) / 2",
            en="the steps are 1 wide, not 1/D: the area grows with the number of inputs",
            zh="每步的宽度是 1 而不是 1/D：面积随输入个数变大",
        ),
        mutant(
            "shared_order", "attribution.argsort(1, descending=True)",
            "attribution.mean(0, keepdim=True).argsort(1, descending=True).expand_as(x)",
            en="all rows are deleted in one order, that of the mean attribution; each row has its own",
            zh="所有行都用了同一个顺序，即平均归因的顺序；每行应有自己的顺序",
        ),
        mutant(
            "first_order", "attribution.argsort(1, descending=True)",
            "attribution[:1].argsort(1, descending=True).expand_as(x)",
            en="all rows are deleted in the order of the first",
            zh="所有行都用了第一行的顺序",
        ),
        mutant(
            "mean_of_points", "(curve[1:] + curve[:-1]).sum(0) / 2 / inputs", "curve.mean(0)",
            en="this is the mean of the D + 1 points; in an area under straight lines the two ends count half",
            zh="这是 D + 1 个点的平均；折线下的面积中，首尾两点只算一半",
        ),
        mutant(
            "left_sum", "(curve[1:] + curve[:-1]).sum(0) / 2 / inputs", "curve[:-1].sum(0) / inputs",
            en="these are rectangles from the left: the last point, with everything deleted, has no weight",
            zh="这是左矩形：全部删完的最后一点没有计入",
        ),
        mutant(
            "right_sum", "(curve[1:] + curve[:-1]).sum(0) / 2 / inputs", "curve[1:].sum(0) / inputs",
            en="these are rectangles from the right: the first point, x itself, has no weight",
            zh="这是右矩形：第一点，也就是 x 本身，没有计入",
        ),
        mutant(
            "insertion", "current, inputs = x.clone(), x.shape[1]", "current, inputs = baseline.clone(), x.shape[1]",
            "baseline.gather(1, chosen)", "x.gather(1, chosen)",
            en="this is the insertion curve, from the baseline to x; deletion goes from x to the baseline",
            zh="这是从基准点到 x 的插入曲线；删除是从 x 到基准点",
        ),
    ],
    # Insertion in falling order is deletion in rising order, walked backwards.
    twins=[("ascending", "insertion")],
)  # fmt: skip
