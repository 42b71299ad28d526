"""The check of c6-receptive-field: the footprint of a real gradient through real layers."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant

LENGTH = 640


def oracle(layers):
    with torch.enable_grad():
        x = torch.zeros(1, 1, LENGTH, dtype=torch.float64, requires_grad=True)
        y = x
        for _, kernel, stride, padding, dilation in layers:  # a pool sees what a convolution of ones sees
            y = F.conv1d(y, torch.ones(1, 1, kernel, dtype=x.dtype), None, stride, padding, dilation)
        middle = y.shape[-1] // 2
        seen = [torch.autograd.grad(y[0, 0, i], x, retain_graph=True)[0][0, 0].nonzero()[:, 0] for i in
                (middle, middle + 1)]  # fmt: skip
    stride = int(seen[1][0] - seen[0][0])
    return int(seen[0][-1] - seen[0][0]) + 1, stride, int(seen[0][0]) - middle * stride


def drawn(draw):
    """Three to five layers, at most three of them with a stride."""
    layers, strides = [], 0
    for _ in range(draw.integer(3, 6)):
        kernel = draw.integer(1, 5)
        stride = draw.integer(1, 3) if strides < 3 else 1
        strides += stride > 1
        kind = draw.choice(["conv", "conv", "pool"])
        dilation = 1 if kind == "pool" else draw.integer(1, 4)
        layers.append((kind, kernel, stride, draw.integer(0, 1 + kernel // 2), dilation))
    return layers


check = Check(
    oracle,
    outputs=("size", "stride", "offset"),
    cases=[
        case("one layer", layers=[("conv", 3, 1, 1, 1)]),
        case("two layers", layers=[("conv", 3, 1, 1, 1), ("conv", 5, 1, 2, 1)]),
        case("stride first", layers=[("conv", 3, 2, 1, 1), ("conv", 3, 1, 1, 1)]),
        case("a small VGG", layers=[("conv", 3, 1, 1, 1), ("pool", 2, 2, 0, 1)] * 3),
        case("pools that overlap", layers=[("conv", 7, 2, 3, 1), ("pool", 3, 2, 1, 1), ("conv", 3, 1, 1, 1)]),
        case("dilated", layers=[("conv", 3, 1, 1, 1), ("conv", 3, 1, 2, 2), ("conv", 3, 1, 4, 4)]),
        case("dilation after a stride", layers=[("conv", 2, 3, 0, 1), ("conv", 3, 2, 2, 2), ("conv", 4, 1, 1, 3)]),
        case("drawn layers", layers=drawn),
        case("other layers", layers=drawn),
        case("no layer", layers=[]),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "sums_kernels", "(kernel - 1) * dilation * jump", "kernel * dilation * jump",
            en="whole kernels are added; one of its cells falls on what was seen before: kernel − 1",
            zh="加的是整个卷积核；其中一格与已看到的重合：应为 kernel − 1",
        ),
        mutant(
            "no_jump", "(kernel - 1) * dilation * jump", "(kernel - 1) * dilation",
            en="strides before a layer are left out of the size: its kernel's cells are jump inputs apart",
            zh="size 没有计入前面各层的步长：卷积核的格子之间相隔 jump 个输入",
        ),
        mutant(
            "last_stride_only", "jump *= stride", "jump = stride",
            en="only the last stride counts; strides multiply",
            zh="只算了最后一个步长；步长要连乘",
        ),
        mutant(
            "strides_added", "jump *= stride", "jump += stride - 1",
            en="strides are added; they multiply",
            zh="步长相加了；应相乘",
        ),
        mutant(
            "stride_too_early", "        size += (kernel - 1)", "        jump *= stride\n        size += (kernel - 1)",
            "        jump *= stride\n    return", "    return",
            en="a layer's own stride is counted in its own kernel; it spreads only the layers behind it",
            zh="本层的步长算进了本层的卷积核；它只影响后面的层",
        ),
        mutant(
            "no_dilation", "(kernel - 1) * dilation * jump", "(kernel - 1) * jump",
            en="dilation is left out: the cells of a kernel are dilation apart",
            zh="漏了 dilation：卷积核的格子之间相隔 dilation",
        ),
        mutant(
            "dilated_cells", "(kernel - 1) * dilation * jump", "(kernel * dilation - 1) * jump",
            en="dilation multiplies the kernel; it multiplies the kernel − 1 gaps between its cells",
            zh="dilation 乘在了 kernel 上；应乘在格子之间的 kernel − 1 个间隔上",
        ),
        mutant(
            "no_padding", "offset -= padding * jump", "offset -= 0",
            en="padding is left out of the offset: output 0 begins padding · jump before the image",
            zh="偏移没有计入 padding：输出 0 的起点在图像之前 padding · jump 处",
        ),
        mutant(
            "padding_without_jump", "offset -= padding * jump", "offset -= padding",
            en="the paddings are added as they are; padding of a later layer counts jump inputs each",
            zh="padding 直接相加了；后面层的每格 padding 相当于 jump 个输入",
        ),
        mutant(
            "offset_sign", "offset -= padding * jump", "offset += padding * jump",
            en="the offset has the wrong sign: padding is seen before the first input",
            zh="偏移的符号反了：看到的 padding 在第一个输入之前",
        ),
        mutant(
            "pools_ignored", "    for _, kernel, stride, padding, dilation in layers:\n",
            "    for kind, kernel, stride, padding, dilation in layers:\n        if kind == 'pool':\n"
            "            continue\n",
            en="pools are left out; they have a window and a stride like a convolution",
            zh="漏了池化；它像卷积一样有窗口和步长",
        ),
        mutant(
            "pool_strides_only", "        size += (kernel - 1)",
            "        kernel = 1 if _ == \"pool\" else kernel\n        size += (kernel - 1)",
            en="of pools only the stride counts; their window sees more, too",
            zh="池化只算了步长；它的窗口也扩大了视野",
        ),
        mutant(
            "other_way_round", "in layers:", "in reversed(layers):",
            en="the layers are walked from the last one; this recursion starts at the input",
            zh="从最后一层开始走了；这个递推要从输入端开始",
        ),
    ],
)  # fmt: skip
