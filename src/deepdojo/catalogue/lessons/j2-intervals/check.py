"""The check of j2-intervals. Random ends are judged by what they must be near, not by a fixed stream of numbers.

With 3000 draws the width of a percentile interval has a standard error of 1.8 %, its middle of 0.035 standard errors:
the bounds below are more than six of these away, so that a right solution fails less than once in 10⁹.
"""

import torch

from deepdojo.grader import Check, adapt, case, mutant

COUNTS = [(7, 20), (0, 20), (20, 20), (1, 3), (480, 1000), (0, 1)]


@adapt("wilson", "paired_bootstrap")
def drive(wilson, paired_bootstrap, counts, a, b, seed):
    out = {"wilson": [[float(end) for end in wilson(k, n)] for k, n in counts]}
    out["wilson_99"] = [float(end) for end in wilson(7, 20, 2.576)]
    if not len(a):
        return out

    def interval(draws, seed):
        gen = torch.Generator().manual_seed(seed)
        return [float(end) for end in paired_bootstrap(a, b, gen, draws)]

    low, high = interval(3000, seed)
    gap = (a - b).double()
    error = float(gap.std(unbiased=False)) / len(gap) ** 0.5
    width, middle = (high - low) / (2 * 1.96 * error), ((low + high) / 2 - float(gap.mean())) / error
    out["ends"] = "in order" if low <= high else "high comes first"
    width = abs(width)
    sizes = ((0.02, "none"), (0.885, "too narrow"), (1.115, "right"), (1.36, "a third too wide"), (1.47, "√2 times"))
    out["width"] = next((word for bound, word in sizes if width < bound), "too wide")
    mirrored = abs(((low + high) / 2 + float(gap.mean())) / error) < 0.4
    out["middle"] = "right" if abs(middle) < 0.4 else "of b − a" if mirrored else "elsewhere"
    out["same_seed_same_interval"] = interval(60, 1) == interval(60, 1)
    out["random"] = interval(60, 1) != interval(60, 2)
    spikes = len(a) * torch.eye(len(a), dtype=a.dtype)[[0, -1]]  # one row decides: if it is never drawn, all is 0
    tops = [paired_bootstrap(s, 0 * s, torch.Generator().manual_seed(3), 200)[1] for s in spikes]
    out["first_and_last_row_are_drawn"] = all(float(top) > 0 for top in tops)
    out["as_many_draws_as_asked_for"] = interval(60, 1) != interval(3000, 1)
    return out


def oracle(counts, a, b, seed):
    """The ends of Wilson's interval by bisection of its definition."""

    def ends(k, n, z):
        found = []
        for far in (0.0, 1.0):
            near, end = k / n, far
            for _ in range(200):
                p = (near + end) / 2
                if abs(k / n - p) <= z * (p * (1 - p) / n) ** 0.5:
                    near = p
                else:
                    end = p
            found.append(near)
        return found

    out = {"wilson": [ends(k, n, 1.96) for k, n in counts], "wilson_99": ends(7, 20, 2.576)}
    if len(a):
        out |= {"ends": "in order", "width": "right", "middle": "right"}
        out |= {"same_seed_same_interval": True, "random": True}
        out |= {"first_and_last_row_are_drawn": True, "as_many_draws_as_asked_for": True}
    return out


def scores(name, a, b, note):
    return case(name, counts=[], a=a, b=b, seed=lambda d: d.integer(0, 10**6), note=note)


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("counts", counts=COUNTS, a=lambda d: d.normal("0"), b=lambda d: d.normal("0"), seed=0),
        scores("two models that err alike", lambda d: d.normal("40"),
               lambda d: d["a"] - 0.2 + d.normal("40", scale=0.1), ("b is a, a little worse", "b 是略差一点的 a")),
        scores("a is constant", lambda d: 0 * d.normal("40") + 0.5, lambda d: d.normal("40", mean=2),
               ("all of a is 0.5", "a 全为 0.5")),
        scores("b is constant", lambda d: d.normal("40", mean=2), lambda d: 0 * d.normal("40") + 0.5,
               ("all of b is 0.5", "b 全为 0.5")),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "wald", "    middle = share + z * z / (2 * n)\n", "    middle = share\n",
            "share * (1 - share) / n + z * z / (4 * n * n)", "share * (1 - share) / n",
            "whole = 1 + z * z / n", "whole = 1",
            en="this is Wald's interval: at 0 or n successes it has no width, as if 20 of 20 proved perfection",
            zh="这是 Wald 区间：成功 0 次或 n 次时宽度为零，好像 20 次全对就证明了完美",
        ),
        mutant(
            "not_moved", "middle = share + z * z / (2 * n)", "middle = share",
            en="the middle is not moved towards one half: (p̂ + z²/2n) / (1 + z²/n)",
            zh="中点没有向二分之一移动：应为 (p̂ + z²/2n) / (1 + z²/n)",
        ),
        mutant(
            "not_divided", "whole = 1 + z * z / n", "whole = 1",
            en="the division by 1 + z²/n is missing",
            zh="少了除以 1 + z²/n",
        ),
        mutant(
            "second_term", " + z * z / (4 * n * n)", "",
            en="under the root z²/4n² is missing",
            zh="根号里少了 z²/4n²",
        ),
        mutant(
            "fixed_z", "    share = k / n\n", "    share, z = k / n, 1.96\n",
            en="z has no effect: it is 1.96 always",
            zh="z 没有起作用：总是 1.96",
        ),
        mutant(
            "unpaired", "b[rows].mean(1)", "b[torch.randint(n, (draws, n), generator=gen)].mean(1)",
            en="a and b get rows of their own; easy and hard rows then do not cancel. Take the same rows for both",
            zh="a 和 b 各抽各的行，难易就抵消不了。两者要取相同的行",
        ),
        mutant(
            "one_resampled", "b[rows].mean(1)", "b.mean()",
            en="only the rows of a are drawn anew; b would be another on another test set, too",
            zh="只对 a 重新抽样了；换一份测试集，b 也会变",
        ),
        mutant(
            "rows_not_means", "a[rows].mean(1) - b[rows].mean(1)", "(a[rows] - b[rows]).flatten()[:8000]",
            en="these are quantiles of single rows; the mean of n rows varies √n times less",
            zh="这是单行差值的分位数；n 行的平均，波动要小 √n 倍",
        ),
        mutant(
            "ends_swapped", "return low, high\n    # --- end ---\n", "return high, low\n    # --- end ---\n",
            en="the ends are returned the other way round: low first",
            zh="两端返回的顺序反了：小的在前",
        ),
        mutant(
            "one_sided", "[0.025, 0.975]", "[0.05, 0.95]",
            en="5 % are cut off on each side: that is a 90 % interval. Cut off 2.5 %",
            zh="两侧各截去了 5 %：那是 90 % 区间。应各截去 2.5 %",
        ),
        mutant(
            "without_replacement", "torch.randint(n, (draws, n), generator=gen)",
            "torch.stack([torch.randperm(n, generator=gen) for _ in range(draws)])",
            en="rows are drawn without replacement: every draw holds all rows once, and nothing varies",
            zh="无放回地抽样了：每次都恰好是全部的行，什么都不变",
        ),
        mutant(
            "other_way_round", "a[rows].mean(1) - b[rows].mean(1)", "b[rows].mean(1) - a[rows].mean(1)",
            en="this is mean(b) − mean(a); asked for is mean(a) − mean(b)",
            zh="这是 mean(b) − mean(a)；要的是 mean(a) − mean(b)",
        ),
        mutant(
            "last_row_never", "torch.randint(n, (draws, n)", "torch.randint(n - 1, (draws, n)",
            en="the last row is never drawn: the upper end of randint is not among its numbers",
            zh="最后一行永远抽不到：randint 的上限本身取不到",
        ),
        mutant(
            "ninety_nine", "[0.025, 0.975]", "[0.005, 0.995]",
            en="half a percent is cut off on each side: that is a 99 % interval. Cut off 2.5 %",
            zh="两侧各去掉了 0.5%，得到的是 99% 区间；应各去掉 2.5%",
        ),
        mutant(
            "fixed_draws", "    n = len(a)\n", "    n, draws = len(a), 4000\n",
            en="draws has no effect: as many are drawn whatever it says",
            zh="draws 没有起作用：无论它是多少，抽取的次数都一样",
        ),
        mutant(
            "generator_ignored", "torch.randint(n, (draws, n), generator=gen)", "torch.randint(n, (draws, n))",
            en="the random numbers do not come from gen: the same seed gives another interval each time",
            zh="随机数没有用 gen：同一个种子每次得到不同的区间",
        ),
        mutant(
            "too_few_rows", "torch.randint(n, (draws, n), generator=gen)",
            "torch.randint(n, (draws, n // 2), generator=gen)",
            en="half as many rows are drawn as there are; the interval must be that of n rows",
            zh="抽的行数只有一半；区间应是 n 行的",
        ),
    ],
)  # fmt: skip
