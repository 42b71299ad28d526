"""The check of c1-conv2d."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, weight, bias, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride, padding)


def pixel_loop(x, weight, bias, stride=1, padding=0):
    """Right, and slow: one product for each pixel of the output."""
    x = F.pad(x, (padding,) * 4)
    h, w = weight.shape[2:]
    rows, columns = (x.shape[2] - h) // stride + 1, (x.shape[3] - w) // stride + 1
    out = []
    for b in range(len(x)):
        for o in range(len(weight)):
            for i in range(rows):
                for j in range(columns):
                    part = x[b, :, i * stride : i * stride + h, j * stride : j * stride + w]
                    out.append((part * weight[o]).sum() + bias[o])
    return torch.stack(out).reshape(len(x), len(weight), rows, columns)


def images(name, h, w, **more):
    sizes = {"h": h, "w": w, "C": 3, "O": 5, "B": 2, "Y": (8, 9), "X": (11, 12), **more.pop("sizes", {})}
    return case(
        name, sizes=sizes, x=normal("B C Y X"), weight=normal("O C h w"), bias=normal("O"),
        stride=more.pop("stride", 1), padding=more.pop("padding", 0),
    )  # fmt: skip


check = Check(
    oracle,
    cases=[
        images("plain", 3, 2),
        images("stride 2, padding 1", 3, 2, stride=2, padding=1),
        images("stride 3", 2, 3, stride=3),
        images("padding 2", 3, 5, padding=2),
        images("square kernel, square image", 3, 3, padding=1, sizes={"Y": 7, "X": 7}),
        images("one pixel", 1, 1),
        images("kernel as large as the image", 8, 11, sizes={"Y": 8, "X": 11}),
    ],
    forbidden=["conv1d", "conv2d", "conv3d", "convolution", "conv_transpose2d", "conv_tbc"],
    allowed=(
        "pad, unfold, einsum, matmul and slices are yours to use.",
        "可以使用 pad、unfold、einsum、matmul 和切片。",
    ),
    speed=case("timed", sizes={"B": 4, "C": 3, "O": 8}, x=normal("B C 32 32"), weight=normal("O C 3 3"),
               bias=normal("O"), stride=1, padding=1),
    speed_limit=200,
    slow=(
        "Loop over the 9 positions of the kernel, not over the pixels: each position is one multiplication of whole "
        "images.",
        "请循环卷积核的 9 个位置，而不是像素：每个位置只是一次整图相乘。",
    ),
    mutants=[
        mutant(
            "flipped_kernel", "weight[:, :, i, j]", "weight[:, :, h - 1 - i, w - 1 - j]",
            en="the kernel is turned round, as in mathematics; networks slide it as it is (cross-correlation)",
            zh="卷积核被翻转了，数学上的卷积如此；神经网络里不翻转（互相关）",
        ),
        mutant(
            "axes_swapped", "    h, w = weight.shape[2:]\n",
            "    weight = weight.transpose(2, 3)\n    h, w = weight.shape[2:]\n",
            en="rows and columns of the kernel are exchanged (its shape is {h} x {w})",
            zh="卷积核的行和列交换了（它的形状是 {h} x {w}）",
        ),
        mutant(
            "no_stride", "    x = F.pad", "    stride = 1\n    x = F.pad",
            en="stride has no effect (here stride = {stride})",
            zh="stride 没有起作用（此处 stride = {stride}）",
        ),
        mutant(
            "no_padding", "F.pad(x, (padding, padding, padding, padding))", "F.pad(x, (0, 0, 0, 0))",
            en="padding has no effect. Height: ({Y} + 2·{padding} − {h}) // {stride} + 1",
            zh="padding 没有起作用。高度：({Y} + 2·{padding} − {h}) // {stride} + 1",
        ),
        mutant(
            "padding_one_side", "(padding, padding, padding, padding)", "(0, 2 * padding, 0, 2 * padding)",
            en="all zeros stand on one side of the image; padding goes on both",
            zh="零都补在了图像的一侧；padding 应补在两侧",
        ),
        mutant(
            "first_channel_only", '"bcyx,oc->boyx", part, weight[:, :, i, j]',
            '"bcyx,oc->boyx", part[:, :1], weight[:, :1, i, j]',
            en="only the first input channel counts; sum over all {C}",
            zh="只用了第一个输入通道；应对全部 {C} 个通道求和",
        ),
        mutant(
            "bias_for_each_cell", "            out = out + torch.einsum",
            "            out = out + bias[:, None, None] + torch.einsum",
            "    out = bias[:, None, None]\n", "    out = 0 * bias[:, None, None]\n",
            en="the bias is added once for each cell of the kernel; add it once",
            zh="卷积核的每个格子都加了一次偏置；只应加一次",
        ),
        mutant(
            "no_bias", "    out = bias[:, None, None]\n", "    out = 0 * bias[:, None, None]\n",
            en="the bias is not added",
            zh="没有加偏置",
        ),
        mutant(
            "detached_weight", "part, weight[:, :, i, j]", "part, weight[:, :, i, j].detach()",
            en="the weight is detached: it would never learn",
            zh="权重被 detach 了：它永远学不到东西",
        ),
        mutant(
            "one_row_missing", "rows = (x.shape[2] - h) // stride + 1", "rows = (x.shape[2] - h) // stride",
            en="the last row of places is left out: count them as (Y + 2p − h) // s + 1",
            zh="少了最后一行：位置数是 (Y + 2p − h) // s + 1",
        ),
        mutant(
            "pixel_loop", function=pixel_loop, slow=True,
            en="it loops over the pixels",
            zh="它在循环像素",
        ),
    ],
)  # fmt: skip
