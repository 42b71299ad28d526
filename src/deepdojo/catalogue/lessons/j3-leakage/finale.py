"""What the pass shows: columns of noise that predict patients' disease, as soon as test rows help to choose them."""

import torch

from deepdojo.grader.bundled import diabetes
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text


def given():
    """How the disease of 80 real patients went on, in 40 families of two."""
    _, y = diabetes()
    gen = torch.Generator().manual_seed(8)
    y = y[torch.randperm(len(y), generator=gen)[:80]]
    return {"y": (y - y.mean()) / y.std(), "groups": torch.arange(80) // 2, "n": 10, "width": 400}


def drive(prepare, split_groups, y, groups, n, width):
    k = 10

    def score(train_x, train_y, test_x, test_y):
        ones = [torch.cat([each, torch.ones(len(each), 1)], 1) for each in (train_x, test_x)]
        said = ones[1] @ torch.linalg.lstsq(ones[0], train_y[:, None]).solution[:, 0]
        return float(torch.corrcoef(torch.stack([said, test_y]))[0, 1])

    nobody = torch.zeros(len(y), dtype=torch.bool)
    nobody[-1] = True
    honest, leaked = [], []
    for seed in range(n):
        gen = torch.Generator().manual_seed(seed)
        x = torch.randn(len(y), width, generator=gen)  # knows nothing of y
        test = split_groups(groups, 0.3, gen)
        train_x, test_x, _ = prepare(x.clone(), y, test, k)
        honest.append(score(train_x, y[~test], test_x, y[test]))
        everybody, _, _ = prepare(x.clone(), y, nobody, k)  # the test rows are among those that it learns from
        test, known = test[:-1], y[:-1]
        leaked.append(score(everybody[~test], known[~test], everybody[test], known[test]))
    return {"honest": honest, "leaked": leaked}


def show(y, groups, n, width, found):
    honest, leaked = (sum(found[key]) / n for key in ("honest", "leaked"))
    lines = [
        Line(Text("prepared on training rows", "只用训练行做准备"), found["honest"]),
        Line(Text("prepared on all rows", "用所有行做准备"), found["leaked"]),
    ]
    up = Text("correlation of prediction and truth on test rows", "测试行上预测与真值的相关系数")
    chart = Chart(lines, up, Text("splits", "划分"), -1, 1, 1, n, form="{:+.1f}")
    return chart, Text(
        f"{width} columns of pure noise, {len(y)} real patients, {n} splits by your split_groups. Prepared by "
        f"your code on training rows alone, the predictions correlate {honest:+.2f} with the truth: chance, as it must "
        f"be. Prepared by the same code on all rows: {leaked:+.2f}, and every bit of it is leakage.",
        f"{width} 列纯噪声，{len(y)} 位真实患者，用你的 split_groups 划分 {n} 次。只用训练行做准备时，"
        f"预测与真值的相关系数是 {honest:+.2f}：只是偶然，本该如此。同样的代码"
        f"用所有行做准备：{leaked:+.2f}，全部来自泄漏。",
    )
