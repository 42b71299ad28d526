"""The check of m5-graph: values, the gradient of every parameter, and the weights after some steps."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("Regressor")
def drive(Regressor, shift, scale, gate, temperature, weights, biases, head, bias, x, y, lr, steps):
    model = Regressor(len(shift), len(weights)).to(x.dtype)
    named = [("shift", model.shift, shift), ("scale", model.scale, scale), ("gate", model.gate, gate)]
    named += [("temperature", model.temperature, temperature)]
    for i, layer in enumerate(model.layers):
        layer.to(x.dtype)
        named += [(f"layers[{i}].weight", layer.weight, weights[i]), (f"layers[{i}].bias", layer.bias, biases[i])]
    named += [("head.weight", model.head.weight, head), ("head.bias", model.head.bias, bias)]
    with torch.no_grad():
        for _, parameter, value in named:
            parameter.copy_(value)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "after training": {name: parameter.detach() for name, parameter, _ in named},
            "shape for one row": list(model(x[:1]).shape)}  # fmt: skip


def oracle(shift, scale, gate, temperature, weights, biases, head, bias, x, y, lr, steps):
    """Back-propagation by hand, layer by layer."""
    p = {"shift": shift, "scale": scale, "gate": gate, "temperature": temperature}
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        p |= {f"layers[{i}].weight": w, f"layers[{i}].bias": b}
    p |= {"head.weight": head, "head.bias": bias}
    losses = []
    for _ in range(steps):
        loss, slopes = _slopes(p, len(weights), x, y)
        losses.append(loss)
        p = {name: value - lr * slopes[name] for name, value in p.items()}
    return {"losses": losses, "after training": p, "shape for one row": [1]}


def _slopes(p, depth, x, y):
    share, kept = 1 / (1 + (-p["gate"]).exp()), []
    h = p["scale"] * (x + p["shift"])
    for i in range(depth):
        z = h @ p[f"layers[{i}].weight"].T + p[f"layers[{i}].bias"]
        a = torch.tanh(z / p["temperature"])
        kept.append((h, z, a))
        h = h + share * a
    error = (h @ p["head.weight"].T)[:, 0] + p["head.bias"] - y
    slope = 2 * error / len(x)
    found = {"head.weight": slope[None] @ h, "head.bias": slope.sum()[None]}
    dh, dshare, dtemperature = slope[:, None] * p["head.weight"], 0, 0
    for i in reversed(range(depth)):
        before, z, a = kept[i]
        dshare = dshare + (dh * a).sum(0)
        dz = dh * share * (1 - a * a) / p["temperature"]
        dtemperature = dtemperature - (dz * z).sum() / p["temperature"]
        found |= {f"layers[{i}].weight": dz.T @ before, f"layers[{i}].bias": dz.sum(0)}
        dh = dh + dz @ p[f"layers[{i}].weight"]
    found |= {"gate": dshare * share * (1 - share), "temperature": dtemperature}
    found |= {"scale": (dh * (x + p["shift"])).sum(), "shift": p["scale"] * dh.sum(0)}
    return float(error.square().mean()), found


def run(name, depth, steps):
    def number(low, high):
        return lambda d: torch.tensor(low + (high - low) * float(d.uniform("1")[0]), dtype=torch.float64)

    return case(
        name, shift=normal("D", grad=False), scale=number(0.5, 1.4), gate=normal("D", grad=False),
        temperature=number(1.2, 1.9), weights=[normal("D D", scale=0.4, grad=False) for _ in range(depth)],
        biases=[normal("D", grad=False) for _ in range(depth)], head=normal("1 D", grad=False),
        bias=normal("1", grad=False), x=normal("B D", grad=False), y=normal("B", grad=False), lr=0.05, steps=steps,
        float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[run("two layers", 2, 3), run("one layer", 1, 2), run("three layers", 3, 2)],
    gradient=False,
    layout=False,
    mutants=[
        mutant(
            "all_axes_squeezed", "squeeze(-1)", "squeeze()",
            en="squeeze() without an axis takes the batch away, too, where it has one row; name the last axis",
            zh="squeeze() 不写轴，批里只有一行时连批的轴也去掉了；应写明最后一个轴",
        ),
        mutant(
            "plain_list", "nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])",
            "[nn.Linear(width, width) for _ in range(depth)]",
            en="the layers lie in a plain list: parameters() does not know them, so the optimizer never moves them",
            zh="层放在普通列表里：parameters() 不认识它们，优化器从不更新它们",
        ),
        mutant(
            "detached_state", "layer(h) / self.temperature", "layer(h.detach()) / self.temperature",
            en="each layer reads a detached state: nothing flows back through the layers, only past them",
            zh="每一层读到的都是 detach 过的状态：梯度穿不过这些层，只能从旁边绕过",
        ),
        mutant(
            "data_of_shift", "x + self.shift", "x + self.shift.data",
            en="the numbers of shift are used without their history (.data, detach, numpy), so shift never learns",
            zh="用的只是 shift 的数值，没有来历（.data、detach、numpy），所以 shift 永远学不到东西",
        ),
        mutant(
            "number_of_scale", "self.scale * (x", "self.scale.item() * (x",
            en="only the number of scale is used (item, float, detach): the gradient ends there, so scale never learns",
            zh="用的只是 scale 的数值（item、float、detach）：梯度到此为止，scale 永远学不到东西",
        ),
        mutant(
            "gate_without_graph", "        share = torch.sigmoid(self.gate)\n",
            "        with torch.no_grad():\n            share = torch.sigmoid(self.gate)\n",
            en="the gate is cut from the graph (no_grad or detach), so it never learns",
            zh="门被切出了计算图（no_grad 或 detach），所以永远学不到东西",
        ),
        mutant(
            "new_leaf", "/ self.temperature)", "/ torch.tensor(self.temperature.item(), dtype=x.dtype))",
            en="the layers divide by what is cut off from temperature (a new tensor of its number, detach, a buffer), "
               "so temperature itself never learns",
            zh="各层除以的东西与 temperature 断开了（用其数值新建的张量、detach、buffer），temperature 自己学不到东西",
        ),
        mutant(
            "frozen_head", "        self.head = nn.Linear(width, 1)\n",
            "        self.head = nn.Linear(width, 1).requires_grad_(False)\n",
            en="the head is frozen or detached (requires_grad_(False) or detach), so it never learns",
            zh="head 被冻结或切断了（requires_grad_(False) 或 detach），永远学不到东西",
        ),
        mutant(
            "hard_gate", "share = torch.sigmoid(self.gate)", "share = (torch.sigmoid(self.gate) > 0.5).to(x.dtype)",
            en="the gate is compared with 0.5: a step has no slope, so the gate neither is a share nor learns",
            zh="门与 0.5 做了比较：阶跃没有斜率，门既不是份额，也学不到东西",
        ),
        mutant(
            "shared_layer", "[nn.Linear(width, width) for _ in range(depth)]", "[nn.Linear(width, width)] * depth",
            en="[layer] * depth is one layer depth times: all of them share their weights",
            zh="[layer] * depth 是同一个层重复 depth 次：它们共用一份权重",
        ),
        mutant(
            "detached_skip", "h = h + share", "h = h.detach() + share",
            en="the skip is detached: what came before a layer gets its gradient through that layer alone",
            zh="残差连接被 detach 了：层之前的部分只能通过这一层得到梯度",
        ),
    ],
)  # fmt: skip
