"""What the pass shows: how far each part of the network moves while it learns from patients' records."""

import torch

from deepdojo.grader.bundled import diabetes
from deepdojo.grader.drawing import Bars, Chart
from deepdojo.grader.words import Text

OTHERS = ("plain_list",)
PARTS = ("shift", "scale", "gate", "temperature", "layers", "head")


def given(about):
    x, y = diabetes()
    return {"broken": about.broken(*OTHERS), "x": x, "y": (y - y.mean()) / y.std(), "parts": list(PARTS), "n": 200}


def drive(Regressor, broken, x, y, parts, n):
    def trained(Regressor):
        torch.manual_seed(2)
        model = Regressor(x.shape[1], 3)
        named = {part: [] for part in parts}
        for part in parts:
            found = getattr(model, part)
            each = [p for layer in found for p in layer.parameters()] if part == "layers" else [found]
            named[part] = list(found.parameters()) if part == "head" else each
        before = {part: [p.detach().clone() for p in found] for part, found in named.items()}
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
        for _ in range(n):
            optimizer.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            optimizer.step()
        pairs = [zip(named[part], before[part]) for part in parts]
        return {
            "moved": [max(float((p - q).detach().abs().max()) for p, q in each) for each in pairs],
            "loss": loss.item(),
        }

    found = [trained(Regressor)]
    for code in broken:
        space = {}
        exec(code, space)
        found.append(trained(space["Regressor"]))
        if any(a > 1e-6 >= b for a, b in zip(found[0]["moved"], found[-1]["moved"])):
            break
    return found


def show(about, broken, x, y, parts, n, found):
    yours, theirs = found[0], found[-1]
    top = 1.05 * max(*yours["moved"], *theirs["moved"])
    bars = [
        Bars(Text("your network", "你的网络"), yours["moved"]),
        Bars(Text("with the fault", "有错误的网络"), theirs["moved"]),
    ]
    up = Text(f"the longest way of a weight in {n} steps", f"{n} 步中权重移动的最大距离")
    still = [part for part, a in zip(parts, theirs["moved"], strict=True) if a <= 1e-6]
    stays = (
        Text(f"What never moves: {', '.join(still)}. ", f"从未移动的：{'、'.join(still)}。") if still else Text("", "")
    )
    cost = Text(
        f"{stays.en}On {len(x)} patients its mean squared error after {n} steps is {theirs['loss']:.3f}, yours "
        f"{yours['loss']:.3f}.",
        f"{stays.zh}在 {len(x)} 位患者的数据上，{n} 步后它的均方误差是 {theirs['loss']:.3f}，"
        f"你的是 {yours['loss']:.3f}。",
    )
    picture = Chart(bars, up, Text("", ""), 0, top, 0, 1, form="{:.2f}", names=parts)
    return picture, about.cost(len(found) - 2, OTHERS, cost)
