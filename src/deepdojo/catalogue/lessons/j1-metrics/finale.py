"""What the pass shows: the F1 of each class of the learner's own newest run; without one, of a neighbour's vote."""

import torch

from deepdojo.grader.bundled import neighbours
from deepdojo.grader.drawing import Bars, Chart
from deepdojo.grader.words import Text

SHOWN = 10


def given(about):
    if about.run is not None:
        return {"y": torch.tensor(about.run.y), "p": torch.tensor(about.run.p), "names": about.run.names}
    y, p, _, _ = neighbours()
    return {"y": y, "p": p, "names": [str(c) for c in range(10)]}


def drive(f1, y, p, names):
    averages = {name: float(f1(y, p, name)) for name in ("macro", "weighted", "micro")}
    return averages | {"each": [float(f1((y == c).long(), (p == c).long(), "binary")) for c in range(len(names))]}


def show(about, y, p, names, found):
    """The classes with the lowest F1 where there are many."""
    shown = sorted(sorted(range(len(names)), key=lambda c: found["each"][c])[:SHOWN])
    worst = min(shown, key=lambda c: found["each"][c])
    low = max(0.0, min(found["each"][c] for c in shown) - 0.1) // 0.25 * 0.25
    bars = Bars(Text("F1 by your function", "你的函数算出的 F1"), [found["each"][c] for c in shown])
    chart = Chart([bars], Text("F1 of each class", "各类的 F1"), Text("", ""), low, 1, 0, 1, "{:.2f}",
                  names=[names[c] for c in shown])  # fmt: skip
    facts = Text(
        f"your code says macro-F1 {found['macro']:.3f}, weighted {found['weighted']:.3f}, micro {found['micro']:.3f}. "
        f"Weakest is class {names[worst]}: {found['each'][worst]:.3f}.",
        f"你的代码算得宏平均 F1 {found['macro']:.3f}，加权 {found['weighted']:.3f}，微平均 {found['micro']:.3f}。"
        f"最弱的类是 {names[worst]}：{found['each'][worst]:.3f}。",
    )
    if about.run is None:
        return chart, Text(
            f"{len(y)} handwritten digits, each named after its nearest neighbour: {facts.en} Train a model of your "
            "own (dojo train digits), and this picture shows it.",
            f"{len(y)} 个手写数字，各按最近的邻居取名：{facts.zh}自己训练一个模型（dojo train digits），"
            "这幅图就会画它。",
        )
    return chart, Text(
        f"Your run {about.run.id}, {len(y)} held-out rows: {_reported(about.run.score)[0]}{facts.en}",
        f"你的运行 {about.run.id}，{len(y)} 行留出数据：{_reported(about.run.score)[1]}{facts.zh}",
    )


def _reported(score):
    """What the run's report says of the same thing."""
    named = {score["metric"]: score, **score.get("others", {})}
    macro = named.get("macro_f1")
    if macro is None:
        return "", ""
    return f"your report says macro-F1 {macro['value']:.3f}; ", f"报告说宏平均 F1 是 {macro['value']:.3f}；"
