"""The check of f3-rope. Angles in float32 are right: hence the tolerance, and the gradient is compared with it, too."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("rope")
def drive(rope, x, positions, base, interleaved, cotangent):
    y = rope(x, positions, base, interleaved)
    leaf = x.clone().requires_grad_()
    out, gradient = rope(leaf, positions, base, interleaved), torch.zeros_like(x)
    if isinstance(out, torch.Tensor) and out.shape == x.shape and out.requires_grad:
        found = torch.autograd.grad(out, leaf, cotangent.to(out.dtype), allow_unused=True)[0]
        gradient = gradient if found is None else found
    return {"y": y, "gradient": gradient, "y_of_another_base": rope(x, positions, 3 * base, interleaved)}


def oracle(x, positions, base, interleaved, cotangent):
    """Pair by pair, with the matrix of the rotation; the gradient is the rotation backwards."""
    y, gradient = turned(x, positions, base, interleaved, cotangent)
    return {
        "y": y, "gradient": gradient, "y_of_another_base": turned(x, positions, 3 * base, interleaved, cotangent)[0]
    }  # fmt: skip


def turned(x, positions, base, interleaved, cotangent):
    width = x.shape[-1]
    y, gradient = torch.empty_like(x), torch.empty_like(x)
    for i in range(width // 2):
        pair = [2 * i, 2 * i + 1] if interleaved else [i, i + width // 2]
        angle = positions.to(x.dtype) * torch.tensor(base, dtype=x.dtype).pow(-2 * i / width)
        c, s = torch.cos(angle), torch.sin(angle)
        matrix = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)  # (T, 2, 2)
        y[..., pair] = torch.einsum("tij,bhtj->bhti", matrix, x[..., pair])
        gradient[..., pair] = torch.einsum("tij,bhti->bhtj", matrix, cotangent[..., pair])
    return y, gradient


def given(name, interleaved, positions, sizes=None, base=10000.0):
    return case(
        name, sizes={"K": 6, **(sizes or {})}, x=normal("B H T K", grad=False), positions=positions, base=base,
        interleaved=interleaved, cotangent=normal("B H T K", grad=False),
    )  # fmt: skip


def scattered(d):
    """Distinct, ascending, not from zero: as in a text whose beginning is cut away."""
    return 3 + torch.randperm(40, generator=d.gen)[: d.size("T")].sort().values


def counted(d):
    return torch.arange(d.size("T"))


def base_of(d):
    return float(d.integer(50, 900))


check = Check(
    oracle,
    adapt=drive,
    cases=[
        given("halves", False, scattered),
        given("neighbours", True, scattered),
        given("counted from zero", False, counted, {"K": 8}),
        given("another base", True, scattered, {"K": 10}, base_of),
        given("as many heads as tokens", False, scattered, {"H": 5, "T": 5}, base_of),
        given("one pair, one token", True, scattered, {"K": 2, "T": 1}),
    ],
    gradient=False,
    tolerance=1e-4,
    mutants=[
        mutant(
            "identity", "cos, sin = angle.cos(), angle.sin()",
            "cos, sin = torch.ones_like(angle), torch.zeros_like(angle)",
            en="x comes back as it was: nothing is turned",
            zh="x 原样返回了：什么都没有旋转",
        ),
        mutant(
            "backwards", "cos, sin = angle.cos(), angle.sin()", "cos, sin = angle.cos(), -angle.sin()",
            en="the pairs turn the other way: (a cos θ − b sin θ, a sin θ + b cos θ)",
            zh="旋转方向反了：应为 (a cos θ − b sin θ, a sin θ + b cos θ)",
        ),
        mutant(
            "other_layout", "    width = x.shape[-1]\n", "    width = x.shape[-1]\n    interleaved = not interleaved\n",
            en="the two layouts are exchanged: interleaved pairs are the columns (2i, 2i + 1)",
            zh="两种配对方式弄反了：interleaved 表示第 (2i, 2i + 1) 列为一对",
        ),
        mutant(
            "halves_only", "    width = x.shape[-1]\n", "    width = x.shape[-1]\n    interleaved = False\n",
            en="interleaved has no effect: pairs are always (i, i + K / 2)",
            zh="interleaved 没有起作用：总是 (i, i + K / 2) 为一对",
        ),
        mutant(
            "neighbours_only", "    width = x.shape[-1]\n", "    width = x.shape[-1]\n    interleaved = True\n",
            en="interleaved has no effect: pairs are always (2i, 2i + 1)",
            zh="interleaved 没有起作用：总是 (2i, 2i + 1) 为一对",
        ),
        mutant(
            "put_back_elsewhere", "        return torch.stack(turned, -1).flatten(-2)\n",
            "        return torch.cat(turned, -1)\n",
            en="interleaved pairs are taken from (2i, 2i + 1) and put back to (i, i + K / 2)",
            zh="interleaved 的一对从第 (2i, 2i + 1) 列取出，却放回了第 (i, i + K / 2) 列",
        ),
        mutant(
            "positions_ignored", "positions[:, None]", "torch.arange(x.shape[2])[:, None]",
            en="positions are counted from 0; they come from the argument",
            zh="位置是从 0 数的；应来自参数",
        ),
        mutant(
            "half_exponent", "(-2 * pair / width)", "(-pair / width)",
            en="the exponent is i / K; it is 2i / K",
            zh="指数写成了 i / K；应为 2i / K",
        ),
        mutant(
            "inverse", "base ** (-2", "base ** (2",
            en="the position is multiplied by base^(2i / K); it is divided by it",
            zh="位置乘了 base^(2i / K)；应除以它",
        ),
        mutant(
            "base_fixed", "base ** (-2", "10000.0 ** (-2",
            en="base has no effect: 10000 stands in its place",
            zh="base 没有起作用：写死成了 10000",
        ),
        mutant(
            "one_speed", "base ** (-2 * pair / width)", "base ** (0 * pair)",
            en="all pairs turn at the same speed",
            zh="所有的对都以同样的速度旋转",
        ),
        mutant(
            "no_minus", "a * cos - b * sin", "a * cos + b * sin",
            en="the minus is missing: with a plus in both coordinates it is no rotation, and lengths change",
            zh="缺了负号：两个坐标都是加号就不是旋转，长度会变",
        ),
        mutant(
            "minus_in_both", "a * sin + b * cos", "a * sin - b * cos",
            en="there is a minus in both coordinates; that is a mirror, not a rotation",
            zh="两个坐标都有负号；那是镜像，不是旋转",
        ),
        mutant(
            "over_heads", "positions[:, None] *", "torch.arange(x.shape[1])[:, None, None] *",
            en="the angle goes by the head instead of the token",
            zh="角度取决于第几个头，而不是第几个词元",
        ),
        mutant(
            "added", "turned = [a * cos - b * sin, a * sin + b * cos]", "turned = [a + cos, b + sin]",
            en="cos and sin are added; RoPE turns, it does not add",
            zh="cos 和 sin 是加上去的；RoPE 是旋转，不是相加",
        ),
        mutant(
            "scaled_only", "turned = [a * cos - b * sin, a * sin + b * cos]", "turned = [a * cos, b * cos]",
            en="the pairs are only scaled by cos; the parts with sin are missing",
            zh="只乘了 cos；缺了带 sin 的部分",
        ),
        mutant(
            "kept_between_calls", "import torch\n", "import torch\n\nkept = {}\n",
            "    cos, sin = angle.cos(), angle.sin()\n",
            "    key = width, tuple(positions.tolist())\n"
            "    cos, sin = kept.setdefault(key, (angle.cos(), angle.sin()))\n"
            "    cos, sin = cos.to(x.dtype), sin.to(x.dtype)\n",
            en="cos and sin of an earlier call are used again, although base is another: base belongs to the key, too",
            zh="用了之前调用时存下的 cos 和 sin，而 base 已经不同：缓存的键也要包含 base",
        ),
        mutant(
            "bfloat16_angles", "cos, sin = angle.cos(), angle.sin()",
            "angle = angle.bfloat16()\n    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)",
            en="the angles are in bfloat16, which has 8 bits; compute them in float32 and cast cos and sin at the end",
            zh="角度用了 bfloat16，只有 8 位有效位；请用 float32 计算，最后再转换 cos 和 sin",
        ),
        mutant(
            "detached", "a, b = x.chunk(2, -1)", "a, b = x.detach().chunk(2, -1)",
            "a, b = x[..., 0::2], x[..., 1::2]", "a, b = x.detach()[..., 0::2], x.detach()[..., 1::2]",
            en="x is detached: queries and keys learn nothing",
            zh="x 被 detach 了：查询和键学不到任何东西",
        ),
    ],
)  # fmt: skip
