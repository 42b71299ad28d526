"""The check of j3-leakage: the preparation number by number; the split by what must be true of it."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("prepare", "split_groups")
def drive(prepare, split_groups, x, y, test, k, groups, share):
    train_x, test_x, columns = prepare(x, y, test, k)

    def drawn(seed):
        return split_groups(groups, share, torch.Generator().manual_seed(seed))

    before = torch.random.get_rng_state()
    masks = [drawn(seed) for seed in range(24)]
    untouched = torch.equal(before, torch.random.get_rng_state())
    first = masks[0]
    names = groups.unique()
    largest = max(int((groups == g).sum()) for g in names)
    needed = share * len(groups)
    whole = all(len(m) == len(groups) and all(len(m[groups == g].unique()) == 1 for g in names) for m in masks)
    both = all(0 < int(m.sum()) < len(groups) for m in masks)
    enough = all(int(m.sum()) >= needed or len(groups[~m].unique()) == 1 for m in masks)
    few = all(int(m.sum()) < needed + largest for m in masks)
    used = {int(g) for m in masks for g in groups[m].unique()}
    return {
        "train": train_x, "test": test_x, "columns": columns,
        "groups are whole": bool(whole), "both sides have rows": bool(both), "enough rows": bool(enough),
        "not a group too many": bool(few), "every group is drawn at times": len(used) == len(names),
        "the generator alone decides": bool(
            untouched and torch.equal(first, drawn(0)) and any(not torch.equal(first, m) for m in masks[1:])
        ),
    }  # fmt: skip


def oracle(x, y, test, k, groups, share):
    """Plain Python, column by column."""
    rows, target = x.tolist(), y.tolist()
    train = [i for i, t in enumerate(test.tolist()) if not t]
    held = [i for i, t in enumerate(test.tolist()) if t]
    scaled, strength = [], []
    middle = sum(target[i] for i in train) / len(train)
    for d in range(x.shape[1]):
        known = [rows[i][d] for i in train if rows[i][d] == rows[i][d]]
        fill = sum(known) / len(known)
        column = [row[d] if row[d] == row[d] else fill for row in rows]
        mean = sum(column[i] for i in train) / len(train)
        std = (sum((column[i] - mean) ** 2 for i in train) / len(train)) ** 0.5
        column = [(v - mean) / std for v in column]
        scaled.append(column)
        strength.append(abs(sum(column[i] * (target[i] - middle) for i in train)))
    kept = sorted(sorted(range(x.shape[1]), key=lambda d: -strength[d])[:k])
    table = torch.tensor([[scaled[d][i] for d in kept] for i in range(len(rows))], dtype=x.dtype)
    names = ("groups are whole", "both sides have rows", "enough rows", "not a group too many")
    more = ("every group is drawn at times", "the generator alone decides")
    return {"train": table[train], "test": table[held], "columns": torch.tensor(kept)} | dict.fromkeys(
        (*names, *more), True
    )


def _sizes(width):
    """Of the columns, in units of their own: who ranks them by covariance ranks units."""
    return torch.tensor([1.0, 30.0, 0.1, 100.0, 3.0, 10.0, 0.3, 300.0], dtype=torch.float64)[:width]


def with_gaps(d):
    n, width = d.size("N"), d.size("D")
    x = 3 + 2 * torch.randn(n, width, generator=d.gen, dtype=torch.float64)
    x[n // 2 :] += 4  # the later rows are another world
    x *= _sizes(width)
    holes = torch.rand(n, width, generator=d.gen) < 0.15
    holes[:4] = False
    return x.masked_fill(holes, torch.nan)


def linked(d):
    """y follows one column in the training rows and another in the test rows."""
    x = (d["x"] / _sizes(d.size("D"))).nan_to_num(3.0)
    half = torch.arange(len(x)) < len(x) // 2
    noise = torch.randn(len(x), generator=d.gen, dtype=torch.float64)
    return torch.where(half, 2 * x[:, 0] - x[:, 1], 9 * x[:, -1]) + 0.3 * noise


def run(name, n, width, k, share, people):
    return case(
        name, sizes={"N": n, "D": width}, x=with_gaps, y=linked, test=lambda d: torch.arange(n) >= n // 2, k=k,
        # Groups of different size: the first has several times the rows of the last.
        groups=lambda d: ((torch.arange(n) / n) ** 2 * people).long()[torch.randperm(n, generator=d.gen)] * 7 + 3,
        share=share, float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("six columns", 24, 6, 2, 0.3, 6),
        run("half for the test", 20, 7, 5, 0.5, 5),
        run("all columns", 22, 8, 8, 0.2, 4),
        run("nearly all for the test", 18, 5, 1, 0.95, 3),
    ],
    gradient=False,
    layout=False,
    mutants=[
        mutant(
            "scaled_by_all", "    x = (x - seen.mean(0)) / seen.std(0, correction=0)\n",
            "    x = (x - x.mean(0)) / x.std(0, correction=0)\n",
            en="mean and standard deviation are taken over all rows, test rows included",
            zh="均值和标准差取自所有行，连测试行也算在内",
        ),
        mutant(
            "filled_by_all", "seen.nanmean(0)", "x.nanmean(0)",
            en="gaps are filled with the mean of all rows: the test rows speak in training",
            zh="用所有行的均值补了空缺：测试行影响了训练",
        ),
        mutant(
            "filled_with_zero", "torch.where(x.isnan(), seen.nanmean(0), x)", "x.nan_to_num(0.0)",
            en="gaps are filled with 0, not with the mean of the training rows",
            zh="空缺填成了 0，而不是训练行的均值",
        ),
        mutant(
            "chosen_by_all", "    seen, target = x[~test], y[~test]\n", "    seen, target = x, y\n",
            en="the columns are chosen by all rows: the answers of the test rows decide what the model may see",
            zh="列是按所有行选出来的：测试行的答案决定了模型能看到什么",
        ),
        mutant(
            "test_by_itself", "    return x[~test][:, columns], x[test][:, columns], columns",
            "    other = (x[test] - x[test].mean(0)) / x[test].std(0, correction=0)\n"
            "    return x[~test][:, columns], other[:, columns], columns",
            en="the test rows are scaled by their own mean and spread, not by those of the training rows",
            zh="测试行用的是自己的均值和散布，而不是训练行的",
        ),
        mutant(
            "covariance",
            "    seen = x[~test]\n    x = (x - seen.mean(0)) / seen.std(0, correction=0)\n"
            "    seen, target = x[~test], y[~test]\n",
            "    seen, target = x[~test] - x[~test].mean(0), y[~test]\n"
            "    x = (x - x[~test].mean(0)) / x[~test].std(0, correction=0)\n",
            en="columns are ranked by their covariance with y, which grows with their unit; a correlation has none",
            zh="按与 y 的协方差给列排序了，它随列的单位变大；相关系数没有单位",
        ),
        mutant(
            "covariance_signed", ".mean(0).abs()", ".mean(0)",
            en="columns are ranked by correlation, not by its magnitude: those that fall with y are lost",
            zh="按相关系数而不是它的绝对值排名：随 y 下降的列丢掉了",
        ),
        mutant(
            "order_of_strength", ".indices.sort().values", ".indices",
            en="the columns come in the order of their strength; they keep their old order",
            zh="列按强弱的次序排列了；应保持原来的次序",
        ),
        mutant(
            "sides_swapped", "return x[~test][:, columns], x[test][:, columns], columns",
            "return x[test][:, columns], x[~test][:, columns], columns",
            en="training and test rows are given back in each other's place",
            zh="训练行与测试行返回时互换了位置",
        ),
        mutant(
            "rows_not_groups", "        test |= groups == name\n",
            "        test |= torch.rand(len(groups), generator=generator) < 0.5\n",
            en="rows are drawn, not groups: one person stands on both sides",
            zh="抽的是行而不是组：同一个人出现在两侧",
        ),
        mutant(
            "share_of_groups", "test.sum() >= share * len(groups)", "len(groups[test].unique()) >= share * len(names)",
            en="groups are counted, not their rows; groups differ in size, and share is a share of the rows",
            zh="数的是组，而不是组里的行；各组大小不同，而 share 是行的比例",
        ),
        mutant(
            "first_groups", "names[torch.randperm(len(names), generator=generator)]", "names",
            en="the first groups are always taken; nothing is drawn",
            zh="总是取最前面的几组，并没有抽取",
        ),
        mutant(
            "global_chance", "torch.randperm(len(names), generator=generator)", "torch.randperm(len(names))",
            en="the split is drawn from the global generator, not from the one that is given: it cannot be repeated",
            zh="划分用的是全局随机数，而不是传入的 generator：结果无法重现",
        ),
        mutant(
            "nothing_left", "names[:-1]", "names",
            en="where much is asked for, every group goes to the test and nothing is left to learn from",
            zh="要求的份额很大时，所有组都进了测试，没有留下可学的数据",
        ),
    ],
)  # fmt: skip
