"""What the pass shows: columns of noise that predict patients' disease, as soon as test rows help to choose them."""

import torch

from deepdojo.grader.bundled import diabetes
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text


def given():
    """How the disease of 120 real patients went on, and 3,000 columns that know nothing of it; 60 families of two."""
    _, y = diabetes()
    gen = torch.Generator().manual_seed(8)
    y = y[torch.randperm(len(y), generator=gen)[:120]]
    x = torch.randn(120, 3000, generator=gen)
    return {"x": x, "y": (y - y.mean()) / y.std(), "groups": torch.arange(120) // 2, "n": 20}


def drive(prepare, split_groups, x, y, groups, n):
    k = 10

    def score(train_x, train_y, test_x, test_y):
        ones = [torch.cat([each, torch.ones(len(each), 1)], 1) for each in (train_x, test_x)]
        said = ones[1] @ torch.linalg.lstsq(ones[0], train_y[:, None]).solution[:, 0]
        return float(torch.corrcoef(torch.stack([said, test_y]))[0, 1])

    nobody = torch.zeros(len(x), dtype=torch.bool)
    nobody[-1] = True
    everybody, _, _ = prepare(x.clone(), y, nobody, k)  # the test rows are among those that it learns from
    honest, leaked = [], []
    for seed in range(n):
        test = split_groups(groups, 0.3, torch.Generator().manual_seed(seed))
        train_x, test_x, _ = prepare(x.clone(), y, test, k)
        honest.append(score(train_x, y[~test], test_x, y[test]))
        leaked.append(score(everybody[~test[:-1]], y[:-1][~test[:-1]], everybody[test[:-1]], y[:-1][test[:-1]]))
    return {"honest": honest, "leaked": leaked}


def show(x, y, groups, n, found):
    honest, leaked = (sum(found[key]) / n for key in ("honest", "leaked"))
    lines = [
        Line(Text("prepared on training rows", "只用训练行做准备"), found["honest"]),
        Line(Text("prepared on all rows", "用所有行做准备"), found["leaked"]),
    ]
    up = Text("correlation of prediction and truth on test rows", "测试行上预测与真值的相关系数")
    chart = Chart(lines, up, Text("splits", "划分"), -1, 1, 1, n, form="{:+.1f}")
    return chart, Text(
        f"{x.shape[1]:,} columns of pure noise, {len(x)} real patients, {n} splits by your split_groups. Prepared by "
        f"your code on training rows alone, the predictions correlate {honest:+.2f} with the truth: chance, as it must "
        f"be. Prepared by the same code on all rows: {leaked:+.2f}, and every bit of it is leakage.",
        f"{x.shape[1]:,} 列纯噪声，{len(x)} 位真实患者，用你的 split_groups 划分 {n} 次。只用训练行做准备时，"
        f"预测与真值的相关系数是 {honest:+.2f}：只是偶然，本该如此。同样的代码"
        f"用所有行做准备：{leaked:+.2f}，全部来自泄漏。",
    )
