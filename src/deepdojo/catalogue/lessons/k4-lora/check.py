"""The check of k4-lora: equal to its base at the start, what learns, some steps of training, merged."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("LoRALinear")
def drive(LoRALinear, weight, bias, a, b, x, target, r, alpha, lr, steps):
    base = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None).to(x.dtype)
    with torch.no_grad():
        base.weight.copy_(weight)
        if bias is not None:
            base.bias.copy_(bias)
    layer = LoRALinear(base, r, alpha).to(x.dtype)
    start = layer(x).detach()
    other = LoRALinear(torch.nn.Linear(weight.shape[1], weight.shape[0]).to(x.dtype), r, alpha).to(x.dtype)
    shapes = {"A": list(layer.A.shape), "B": list(layer.B.shape), "A is drawn": bool(layer.A.detach().any())}
    shapes["B is zero"] = not layer.B.detach().any()
    shapes["two layers draw the same"] = torch.equal(layer.A, other.A)
    learns = sorted(p.numel() for p in layer.parameters() if p.requires_grad)
    with torch.no_grad():
        layer.A.copy_(a)
        layer.B.copy_(b)
    output = layer(x).detach()
    leaf = x.clone().requires_grad_()
    slope = torch.autograd.grad((layer(leaf) - target).square().mean(), leaf)[0]
    early = layer.merge()(x).detach()
    optimizer = torch.optim.SGD([p for p in layer.parameters() if p.requires_grad], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    merged, again = layer.merge(), layer.merge()
    return {
        "at the start": start, "shapes": shapes, "sizes of what learns": learns, "output": output,
        "gradient of x": slope, "merged before training": early,
        "after training": {"A": layer.A.detach(), "B": layer.B.detach(), "output": layer(x).detach()},
        "base after training": base.weight.detach(),
        "merged": {"is nn.Linear": isinstance(merged, torch.nn.Linear), "output": merged(x).detach()},
        "merged again": again(x).detach(),
    }  # fmt: skip


def oracle(weight, bias, a, b, x, target, r, alpha, lr, steps):
    """One weight matrix, and the gradients of its two factors by hand."""
    shift = 0.0 if bias is None else bias
    plain = torch.einsum("...i,oi->...o", x, weight) + shift
    shapes = {"A": list(a.shape), "B": list(b.shape), "A is drawn": True, "B is zero": True}
    shapes |= {"two layers draw the same": False}
    change = lambda: (alpha / r) * torch.einsum("or,ri->oi", b, a)  # noqa: E731
    answer = lambda: torch.einsum("...i,oi->...o", x, weight + change()) + shift  # noqa: E731
    output = answer()
    gradient = torch.einsum("...o,oi->...i", 2 * (output - target) / target.numel(), weight + change())
    for _ in range(steps):
        slope = 2 * (answer() - target) / target.numel()
        by_weight = torch.einsum("...o,...i->oi", slope, x) * (alpha / r)
        a, b = a - lr * b.T @ by_weight, b - lr * by_weight @ a.T
    trained = answer()
    return {
        "at the start": plain, "shapes": shapes, "sizes of what learns": sorted([a.numel(), b.numel()]),
        "output": output, "gradient of x": gradient, "merged before training": output,
        "after training": {"A": a, "B": b, "output": trained}, "base after training": weight,
        "merged": {"is nn.Linear": True, "output": trained}, "merged again": trained,
    }  # fmt: skip


def run(name, x, target, r, alpha, bias=True):
    return case(
        name, weight=normal("O I", grad=False), bias=normal("O", grad=False) if bias else None,
        a=normal(f"{r} I", grad=False), b=normal(f"O {r}", grad=False), x=normal(x, grad=False),
        target=normal(target, grad=False), r=r, alpha=alpha, lr=0.01, steps=2, float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("rank 2", "B I", "B O", 2, 8.0),
        run("rank 3, sequences", "B T I", "B T O", 3, 4.0),
        run("rank 1, no bias", "B I", "B O", 1, 2.0, bias=False),
    ],
    gradient=False,
    layout=False,
    mutants=[
        mutant(
            "b_drawn", "torch.zeros(base.out_features, r, dtype=base.weight.dtype)",
            "torch.ones(base.out_features, r, dtype=base.weight.dtype)",
            en="B is not zero at the start: before any training the layer answers otherwise than its base",
            zh="B 一开始不为零：还没训练，这一层的输出就与底层不同",
        ),
        mutant(
            "both_zero", "torch.randn(r, base.in_features, dtype=base.weight.dtype) / base.in_features**0.5",
            "torch.zeros(r, base.in_features, dtype=base.weight.dtype)",
            en="both factors are zero: the gradient of each is a product with the other, so neither ever moves",
            zh="两个因子都为零：每个因子的梯度都含另一个因子，所以谁也动不了",
        ),
        mutant(
            "no_scale", "self.scale = alpha / r", "self.scale = 1.0",
            en="the change is not scaled by alpha / r",
            zh="改动没有乘以 alpha / r",
        ),
        mutant(
            "scale_without_rank", "self.scale = alpha / r", "self.scale = alpha",
            en="the change is scaled by alpha, not by alpha / r",
            zh="改动乘以了 alpha，而不是 alpha / r",
        ),
        mutant(
            "base_learns", "base.requires_grad_(False)", "base",
            en="the base is not frozen: its weight and bias learn, too",
            zh="底层没有冻结：它的权重和偏置也在学习",
        ),
        mutant(
            "bias_learns", "self.base = base.requires_grad_(False)\n",
            "self.base = base\n        base.weight.requires_grad_(False)\n",
            en="only the base's weight is frozen; its bias still learns",
            zh="只冻结了底层的权重，偏置仍在学习",
        ),
        mutant(
            "merged_without_scale", "self.base.weight + self.scale * self.B @ self.A",
            "self.base.weight + self.B @ self.A",
            en="merge forgets alpha / r",
            zh="merge 忘了乘 alpha / r",
        ),
        mutant(
            "merged_without_bias", "                merged.bias.copy_(self.base.bias)\n",
            "                merged.bias.zero_()\n",
            en="merge loses the base's bias",
            zh="merge 丢掉了底层的偏置",
        ),
        mutant(
            "merged_in_place", "            merged.weight.copy_(self.base.weight + self.scale * self.B @ self.A)\n",
            "            self.base.weight += self.scale * self.B @ self.A\n"
            "            merged.weight.copy_(self.base.weight)\n",
            en="merge adds the change to the base itself: the second merge adds it again",
            zh="merge 把改动加到了底层自己身上：第二次 merge 又加了一遍",
        ),
        mutant(
            "a_detached", "(x @ self.A.T)", "(x @ self.A.T.detach())",
            en="A is detached: it never learns",
            zh="A 被 detach 了：它永远学不到东西",
        ),
        mutant(
            "without_base", "return self.base(x) + self.scale", "return self.scale",
            en="the base's own answer is missing: only the change is left",
            zh="缺了底层自己的输出：只剩下改动",
        ),
        mutant(
            "base_without_graph", "        return self.base(x) + self.scale",
            "        with torch.no_grad():\n            plain = self.base(x)\n        return plain + self.scale",
            en="the base's answer is cut from the graph (no_grad or detach): its weights need no gradient, but x does, "
               "or layers further down cannot learn",
            zh="底层的输出被切出了计算图（no_grad 或 detach）：它的权重不需要梯度，但 x 需要，否则更前面的层学不到东西",
        ),
        mutant(
            "merged_once", "        merged = nn.Linear(",
            '        if hasattr(self, "kept"):\n            return self.kept[0]\n        merged = nn.Linear(',
            "        return merged\n", "        self.kept = [merged]\n        return merged\n",
            en="merge gives back what an earlier merge made; A and B have moved since",
            zh="merge 返回的是上一次合并的结果；此后 A 和 B 已经变了",
        ),
        mutant(
            "a_of_ones", "torch.randn(r, base.in_features, dtype=base.weight.dtype) / base.in_features**0.5",
            "torch.ones(r, base.in_features, dtype=base.weight.dtype) / base.in_features**0.5",
            en="A is the same in every layer that is made; draw it at random, each time anew",
            zh="造出的每一层 A 都一样；应随机抽取，每次都重新抽",
        ),
    ],
)  # fmt: skip
