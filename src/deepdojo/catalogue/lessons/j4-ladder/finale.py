"""What the pass shows: random answers climb on a board that shows every score, and hardly on the learner's Ladder."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.words import Text

PROBES, MOST = 400, 2000


def given(about):
    """The hidden labels: of the learner's run, else whether a digit is odd."""
    if about.run is not None:
        y, classes = torch.tensor(about.run.y), len(about.run.names)
    else:
        _, digit, held = digits()
        y, classes = digit[held] % 2, 2
    return {"y": y[:MOST], "classes": classes, "probes": PROBES}


def drive(Ladder, y, classes, probes):
    """Random answers, again and again; the prober lets those vote that the board called better than chance."""

    class Plain:
        def submit(self, losses):
            return float(losses.mean())

    def climb(board, better):
        gen = torch.Generator().manual_seed(0)
        votes, shown, errors = torch.rand(len(y), classes, generator=gen) / 2, [], []  # ties are broken by chance
        for _ in range(probes):
            answers = torch.randint(classes, (len(y),), generator=gen)
            shown.append(float(board.submit((answers != y).double())))
            if better(shown):
                votes += torch.nn.functional.one_hot(answers, classes)
            errors.append(float((votes.argmax(1) != y).double().mean()))
        return errors

    chance = 1 - 1 / classes
    return {
        "plain": climb(Plain(), lambda shown: shown[-1] < chance),
        "ladder": climb(Ladder(), lambda shown: shown[-1] < (shown[-2] if len(shown) > 1 else chance)),
    }


def show(about, y, classes, probes, found):
    ladder, plain = ([100 * v for v in found[key]] for key in ("ladder", "plain"))
    chance = 100 * (1 - 1 / classes)
    lines = [
        Line(Text("what your Ladder lets out", "你的 Ladder 泄漏的"), ladder),
        Line(Text("what a plain board lets out", "普通排行榜泄漏的"), plain),
    ]
    up = Text("errors of the prober on the hidden rows", "试探者在隐藏行上的错误率")
    low, high = max(0, min(*plain, *ladder) - 5), min(100, max(*plain, *ladder) + 5)
    chart = Chart(lines, up, Text("submissions", "提交"), low, high, 1, probes, form="{:.0f} %")
    whose = Text(f"{len(y)} digits, odd or even", f"{len(y)} 个手写数字的奇偶")
    if about.run is not None:
        whose = Text(
            f"{len(y)} hidden labels of your run {about.run.id}", f"你的运行 {about.run.id} 的 {len(y)} 个隐藏标签"
        )
    return chart, Text(
        f"{whose.en}: somebody submits random answers {probes} times and lets those vote that the board praised. A "
        f"board that shows every score brings the vote to {plain[-1]:.1f} % errors, your Ladder "
        f"to {ladder[-1]:.1f} %; on "
        f"new rows it stays at chance, {chance:.1f} %.",
        f"{whose.zh}：有人随机作答提交 {probes} 次，再让排行榜夸过的那些答案投票。"
        "每个分数都显示的排行榜让投票的错误率变成 "
        f"{plain[-1]:.1f} %，你的 Ladder 是 {ladder[-1]:.1f} %；在新数据上它仍与瞎猜无异，{chance:.1f} %。",
    )
