"""What the pass shows: how far apart two models are, over many redrawn test sets, and the learner's interval for it."""

import numpy as np
import torch

from deepdojo.grader.bundled import neighbours
from deepdojo.grader.drawing import Bars, Chart
from deepdojo.grader.words import Text

BINS = 40


def given(about):
    """Which rows two models have right: of the learner's run and its best floor, else two votes on digits."""
    if about.run is not None and about.run.floor is not None:
        y, a, b = (torch.tensor(v) for v in (about.run.y, about.run.p, about.run.floor[1]))
    else:
        y, a, _, b = neighbours()
    draws = max(300, min(2000, 8_000_000 // len(y)))
    return {"a": (a == y).double(), "b": (b == y).double(), "draws": draws}


def drive(wilson, paired_bootstrap, a, b, draws):
    k, n = int(a.sum()), len(a)
    low, high = paired_bootstrap(a, b, torch.Generator().manual_seed(0), draws)
    return {"score": [float(end) for end in wilson(k, n)], "gap": [float(low), float(high)]}


def show(about, a, b, draws, found):
    gaps = 100 * (a - b).numpy()
    rng = np.random.default_rng(1)
    means = np.array([gaps[rng.integers(len(gaps), size=len(gaps))].mean() for _ in range(min(draws, 1000))])
    low, high = (100 * end for end in found["gap"])
    middle, spread = gaps.mean(), max(means.std(), 1e-6)
    one = 100 / len(a)  # the means are multiples of it, and so are the bars: else some would hold more of them
    width = one * max(1, round(8 * spread / BINS / one))
    start, count = (round((middle - 4 * spread) / one) - 0.5) * one, round(8 * spread / width) + 1
    end = start + count * width
    counts, _ = np.histogram(means, count, (start, end))
    inside = 100 * float(((means >= low) & (means <= high)).mean())
    bars = Bars(
        Text(f"{len(means)} redrawn test sets; shaded: your interval", f"{len(means)} 份重抽的测试集；底色：你的区间"),
        counts.tolist(),
    )
    across = Text("difference in accuracy, points", "准确率之差（百分点）")
    chart = Chart([bars], Text("how many", "个数"), across, 0, int(counts.max() * 1.1) + 1, start, end, "{:.0f}",
                  along="{:+.1f}", band=(low, high))  # fmt: skip
    wide = [100 * end for end in found["score"]]
    yours = f"{100 * float(a.mean()):.1f} [{wide[0]:.1f}, {wide[1]:.1f}]"
    gap = f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"
    if about.run is None or about.run.floor is None:
        return chart, Text(
            f"One nearest neighbour against nine, on {len(a)} digits. Accuracy of the one by your code: {yours}; the "
            f"difference: {gap} points, and {inside:.0f} % of redrawn test sets fall into your interval.",
            f"{len(a)} 个手写数字上，一个最近邻与九个最近邻相比。你的代码算得前者准确率 {yours}；"
            f"两者之差 {gap} 个百分点，{inside:.0f} % 的重抽测试集落在你的区间里。",
        )
    score, name = about.run.score, about.run.floor[0]
    said = Text("", "")
    if score["metric"] == "accuracy":
        report = f"{100 * score['value']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
        said = Text(f"your report says accuracy {report}; ", f"报告说准确率是 {report}；")
    return chart, Text(
        f"Your run {about.run.id}: {said.en}your code says {yours}. Minus that of the floor {name}: {gap} points; "
        f"{inside:.0f} % of redrawn test sets fall into your interval.",
        f"你的运行 {about.run.id}：{said.zh}你的代码算得 {yours}。减去基线 {name} 的准确率：{gap} 个百分点；"
        f"{inside:.0f} % 的重抽测试集落在你的区间里。",
    )
