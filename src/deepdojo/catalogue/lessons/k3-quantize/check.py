"""The check of k3-quantize: integers one by one, what they restore, the straight gradient, sums that need 32 bits."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("quantize", "fake_quantize", "linear_int8")
def drive(quantize, fake_quantize, linear_int8, w, x, given, scales, cotangent):
    q, scale = quantize(w)
    leaf = w.clone().requires_grad_()
    fake = fake_quantize(leaf)
    gradient = torch.zeros_like(w)
    if fake.requires_grad:
        (found,) = torch.autograd.grad(fake, leaf, cotangent, allow_unused=True)
        gradient = gradient if found is None else found
    return {
        "q": q.to(torch.float64),
        "type of q": str(q.dtype),
        "shape of scale": list(scale.shape),
        "scale is positive": bool((scale > 0).all()),
        "a scale is 0": bool((scale == 0).any()),
        "q * scale": (q.to(torch.float64) * scale).detach(),
        "fake_quantize": fake.detach(),
        "gradient of fake_quantize": gradient,
        "linear_int8": linear_int8(x, given, scales).detach(),
    }


def integers(rows):
    """Number by number in Python; round() is to the nearest."""
    scales = [max(abs(v) for v in row) / 127 or 1.0 for row in rows]
    return [[round(v / s) for v in row] for row, s in zip(rows, scales, strict=True)], scales


def oracle(w, x, given, scales, cotangent):
    q, scale = integers(w.tolist())
    restored = torch.tensor([[v * s for v in row] for row, s in zip(q, scale, strict=True)], dtype=w.dtype)
    qx, scale_x = integers(x.tolist())
    out = [
        [
            sum(a * b for a, b in zip(row, other, strict=True)) * s * float(t)
            for other, t in zip(given.tolist(), scales, strict=True)
        ]
        for row, s in zip(qx, scale_x, strict=True)
    ]
    return {
        "q": torch.tensor(q, dtype=torch.float64),
        "type of q": "torch.int8",
        "shape of scale": [len(q), 1],
        "scale is positive": True,
        "a scale is 0": False,
        "q * scale": restored,
        "fake_quantize": restored,
        "gradient of fake_quantize": cotangent,
        "linear_int8": torch.tensor(out, dtype=w.dtype),
    }


def whole(draw):
    return draw.integers("O I", -127, 128).to(torch.int8)


def run(name, w, x=None, **sizes):
    return case(
        name, sizes=sizes, w=w, x=x or normal("N I", grad=False), given=whole,
        scales=lambda d: d.uniform("O 1") + 0.1, cotangent=normal("O I", grad=False),
    )  # fmt: skip


def uneven(shape):
    """Rows of very different size: one scale for all leaves nothing of the small ones."""

    def drawn(draw):
        rows = draw.normal(shape)
        return rows * torch.logspace(0, -4, len(rows), dtype=rows.dtype)[:, None]

    return drawn


def with_zeros(shape):
    def drawn(draw):
        rows = draw.normal(shape)
        rows[1] = 0
        return rows

    return drawn


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("rows", normal("O I", grad=False)),
        run("rows of different size", uneven("O I"), uneven("N I")),
        run("a row of zeros", with_zeros("O I"), with_zeros("N I"), note=("the second row is zero", "第二行全为零")),
        run("square", normal("N N", grad=False), N=5, I=5, O=5),
        run("many inputs", normal("O I", grad=False), I=301),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "per_tensor", "w.abs().amax(1, keepdim=True)", "w.abs().amax().expand(len(w), 1)",
            en="one scale serves the whole matrix; a small row then has few integers left. Each row needs its own",
            zh="整个矩阵只用了一个缩放因子，数值小的行就剩不下几个整数。每行要有自己的",
        ),
        mutant(
            "wraps", "top / 127", "top / 128",
            en="the largest entry becomes 128, which int8 does not hold: it turns into −128. Divide by 127",
            zh="最大的数变成 128，int8 放不下，变成了 −128。应除以 127",
        ),
        mutant(
            "saturated", "top / 127", "top / 128",
            "torch.round(w / scale)", "torch.round(w / scale).clamp(-128, 127)",
            en="the scale is the maximum over 128; symmetric int8 divides by 127 and leaves −128 unused",
            zh="缩放因子用了最大值除以 128；对称的 int8 除以 127，不使用 −128",
        ),
        mutant(
            "truncation", "torch.round(w / scale)", "(w / scale)",
            en="the cast cuts off towards zero; round to the nearest first",
            zh="类型转换会向零截断；应先四舍五入",
        ),
        mutant(
            "floor", "torch.round(w / scale)", "torch.floor(w / scale)",
            en="floor rounds everything down; round to the nearest",
            zh="floor 一律向下取整；应四舍五入",
        ),
        mutant(
            "signed_maximum", "w.abs().amax(1, keepdim=True)", "w.amax(1, keepdim=True).abs()",
            "torch.round(w / scale)", "torch.round(w / scale).clamp(-127, 127)",
            en="the scale comes from the largest entry, not from the largest absolute value: large negative ones are "
               "cut off",
            zh="缩放因子取自最大的数，而不是最大的绝对值：绝对值大的负数被截掉了",
        ),
        mutant(
            "mean_scale", "w.abs().amax(1, keepdim=True)", "w.abs().mean(1, keepdim=True)",
            "torch.round(w / scale)", "torch.round(w / scale).clamp(-127, 127)",
            en="the scale comes from the mean of a row; everything above it is cut off",
            zh="缩放因子取自一行的均值，大于它的数都被截掉了",
        ),
        mutant(
            "zero_row", "torch.where(top > 0, top / 127, torch.ones_like(top))", "top / 127",
            en="a row of zeros has the scale 0, and 0/0 is NaN",
            zh="全零的行缩放因子是 0，而 0/0 是 NaN",
        ),
        mutant(
            "no_gradient", "w + (q * scale - w).detach()", "(q * scale).detach()",
            en="no gradient reaches w: rounding has none. Let it pass straight: w + (rounded − w).detach()",
            zh="没有梯度传到 w：舍入没有梯度。让它直通：w + (舍入后 − w).detach()",
        ),
        mutant(
            "gradient_of_scale", "w + (q * scale - w).detach()", "q * scale",
            en="only the largest entry of a row gets a gradient, through the scale; it must pass straight to every w",
            zh="只有每行最大的数通过缩放因子得到了梯度；梯度应直通到每个 w",
        ),
        mutant(
            "int8_sum", "qx.to(torch.int32) @ q.to(torch.int32).T", "qx @ q.T",
            en="products are summed in int8 and wrap around at 128; cast to int32 first",
            zh="乘积在 int8 中求和，到 128 就溢出回绕；应先转成 int32",
        ),
        mutant(
            "x_not_quantized", "    qx, scale_x = quantize(x)\n    total = qx.to(torch.int32) @ q.to(torch.int32).T\n"
            "    return total * scale_x * scale.T", "    return x @ (q * scale).T",
            en="x stays a float: the weights are small, but nothing is multiplied in integers. Quantize rows of x, too",
            zh="x 仍是浮点数：权重虽小，乘法却不是整数的。x 的各行也要量化",
        ),
        mutant(
            "scale_of_x", "total * scale_x * scale.T", "total * scale.T",
            en="the sums are not multiplied by the scale of x",
            zh="和没有乘以 x 的缩放因子",
        ),
        mutant(
            "scale_of_w", "total * scale_x * scale.T", "total * scale_x",
            en="the sums are not multiplied by the scale of w",
            zh="和没有乘以 w 的缩放因子",
        ),
    ],
)  # fmt: skip
