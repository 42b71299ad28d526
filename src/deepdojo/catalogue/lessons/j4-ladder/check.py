"""The check of j4-ladder. Gains lie well off the bound, so that n or n − 1 under the deviation both pass."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("Ladder")
def drive(Ladder, rounds, other):
    board, second = Ladder(), Ladder()
    shown, beside = [], []
    for i, losses in enumerate(rounds):
        shown.append(float(board.submit(losses.clone())))
        if i < len(other):
            beside.append(float(second.submit(other[i].clone())))
    return {"shown": shown, "shown by a second board": beside}


def oracle(rounds, other):
    """The rule in exact sums over the rows, from the submissions so far, without anything held between them."""

    def board(rounds):
        shown, best = [], None
        for losses in rounds:
            n = len(losses)
            gap = None if best is None else losses - best
            news = gap is None or n * float(losses.sum() / n - shown[-1]) < -(float(gap.var() * n) ** 0.5)
            best = losses if news else best
            shown.append(float(torch.floor(losses.sum() + 0.5)) / n if news else shown[-1])
        return shown

    return {"shown": board(rounds), "shown by a second board": board(other)}


def submissions(gains, count=None, level=5.0, spread=0.5):
    """Losses that gain the given number of standard errors on the best before them; more than 1 makes a new best.

    A pair is a gain and the deviation of its differences; spread serves the others.
    """

    def drawn(draw):
        n = count or int(draw.choice((37, 41, 53)))
        best = level + 2 * draw.normal(str(n))
        made = [best]
        for each in gains:
            gain, sd = each if isinstance(each, tuple) else (each, spread)
            noise = draw.normal(str(n))
            noise = (noise - noise.mean()) / noise.std()
            held = torch.floor(best.sum() + 0.5) / n
            losses = best - best.mean() + held + sd * noise - gain * sd / n**0.5
            made.append(losses)
            best = losses if gain > 1 else best
        return made

    return drawn


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("one submission", rounds=submissions([]), other=[]),
        case("clear gains", rounds=submissions([3, 4, 2.5]), other=[]),
        case("small gains", rounds=submissions([0.6, 0.5, 0.6, 0.4]), other=[]),
        case("worse, then a little better", rounds=submissions([-4, 0.6, -2, 0.5, 2]), other=[]),
        case("after a wild one", rounds=submissions([(2, 5.0), 1.6, (-2, 5.0), 1.6, (-1, 0.05), 2]), other=[]),
        # A bound of 0, of 0.01 and of s / n: 0.02 of a standard error is 0.0065 here, 0.06 is 0.0195, s / n 0.0265.
        case("tiny gains", rounds=submissions([0.02, 0.06, 0.02], 151, spread=4.0), other=[]),
        case("just below and just above", rounds=submissions([0.9, 1.1, 0.9, 1.1, 0.9]), other=[]),
        # Differences so alike that the rounding of what is shown outweighs their bound.
        case("rounding outweighs chance", rounds=submissions([1.1, 0.9, 1.1, 0.9, 1.1, 0.9], spread=0.1), other=[]),
        case("all kinds", rounds=submissions([1.6, 0.5, -1, 2.5, 0.6, 0.6, 3, -3, 1.6]), other=[]),
        case("negative losses", rounds=submissions([2, 0.5, -3, 3, 0.6], level=-5.0), other=[]),
        case("two boards", rounds=submissions([2, 0.5, 3]), other=submissions([0.6, 3, -1], 43)),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "shows_all", "        if mean < self.shown - bound:", "        if True:",
            en="every score is shown: each one tells a prober something about the hidden rows",
            zh="每个分数都显示了：每显示一次，试探者就多知道一点隐藏的行",
        ),
        mutant(
            "any_gain", "bound = s / n**0.5", "bound = 0.0",
            en="any gain is shown, however small; news must exceed s / √n",
            zh="再小的进步也显示了；超过 s / √n 才算新闻",
        ),
        mutant(
            "fixed_step", "bound = s / n**0.5", "bound = 0.01",
            en="the bound is 0.01, whatever the rows say; it is s / √n",
            zh="界限固定为 0.01，与数据无关；应为 s / √n",
        ),
        mutant(
            "without_root", "bound = s / n**0.5", "bound = s",
            en="the bound is s; the mean of n rows is √n times surer: s / √n",
            zh="界限用了 s；n 行的均值要准 √n 倍：s / √n",
        ),
        mutant(
            "by_n", "bound = s / n**0.5", "bound = s / n",
            en="the bound is s / n; it is s / √n",
            zh="界限用了 s / n；应为 s / √n",
        ),
        mutant(
            "unpaired", "(losses - self.losses).std()", "losses.std()",
            en="s is the deviation of the losses themselves; take the differences to the best, row by row, where hard "
               "rows cancel",
            zh="s 用了损失本身的标准差；应取与最好那次逐行的差，难的行就抵消了",
        ),
        mutant(
            "against_the_last", "self.losses = losses\n        return",
            "self.losses = losses\n        else:\n            self.losses = losses\n        return",
            en="the differences are taken to the last submission, not to the best one",
            zh="差值是与上一次提交比的，而不是与最好的那次",
        ),
        mutant(
            "against_the_first", "            self.losses = losses\n        return",
            "            self.losses = losses if self.losses is None else self.losses\n        return",
            en="the differences are taken to the first submission: the losses of a new best must be kept",
            zh="差值一直是与第一次提交比的：有了新的最好成绩，要记住它的损失",
        ),
        mutant(
            "against_any_gain", "            self.losses = losses\n        return",
            "            self.losses = losses\n        elif mean < self.shown:\n            self.losses = losses\n"
            "        return",
            en="a gain that was refused takes the place of the best: keep the losses only of what is shown",
            zh="被拒绝的小改进也取代了最好的；只有被展示的提交才应保留其损失",
        ),
        mutant(
            "rounded_too_early", "if mean < self.shown - bound", "if round(mean * n) / n < self.shown - bound",
            en="the mean is rounded before it is compared; only what is shown is rounded",
            zh="比较之前就把平均值取整了；只有展示的数才取整",
        ),
        mutant(
            "against_the_unrounded", "if mean < self.shown - bound",
            "if self.losses is None or mean < float(self.losses.mean()) - bound",
            en="the mean is compared with the exact mean of the best; compare it with the number that is shown",
            zh="平均值是与最好提交的精确平均值比较的；应与展示的数比较",
        ),
        mutant(
            "number_forgotten", "        return self.shown\n", "            return self.shown\n"
            "        return round(mean * n) / n\n",
            en="what is refused is shown nevertheless: return the number shown before",
            zh="被拒绝的分数还是返回了：应返回之前显示的数",
        ),
        mutant(
            "not_rounded", "round(mean * n) / n", "mean",
            en="the number is not rounded: its digits tell of single rows",
            zh="显示的数没有舍入：它的尾数会泄漏单行的信息",
        ),
        mutant(
            "hundredths", "round(mean * n) / n", "round(mean, 2)",
            en="the number is rounded to hundredths, not to multiples of 1/n",
            zh="舍入到了百分位，而不是 1/n 的倍数",
        ),
        mutant(
            "rounded_down", "round(mean * n) / n", "(mean * n) // 1 / n",
            en="the number is rounded down; take the nearest multiple of 1/n",
            zh="向下取整了；应取最近的 1/n 的倍数",
        ),
        mutant(
            "higher_is_better", "mean < self.shown - bound", "self.losses is None or mean > self.shown + bound",
            en="a higher loss counts as better",
            zh="损失越高反而越好了",
        ),
        mutant(
            "one_board", 'self.shown = float("inf")\n        self.losses = None', "pass",
            'beyond chance."""\n', 'beyond chance."""\n\n    shown = float("inf")\n    losses = None\n',
            "self.shown = round(mean * n) / n\n            self.losses = losses",
            "Ladder.shown = round(mean * n) / n\n            Ladder.losses = losses",
            en="what is remembered belongs to the class, so all boards share it; keep it in self",
            zh="记住的东西属于类，所有排行榜共用了；应存放在 self 里",
        ),
    ],
    # Both show the mean of every submission, whatever they hold.
    twins=[("shows_all", "number_forgotten")],
)  # fmt: skip
