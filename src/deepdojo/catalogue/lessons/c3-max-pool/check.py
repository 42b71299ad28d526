"""The check of c3-max-pool."""

import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding)


def images(name, kernel_size, stride=None, padding=0, mean=0, y=(8, 9), x=(11, 12), **more):
    return case(
        name, sizes={"B": 2, "C": 3, "Y": y, "X": x}, x=normal("B C Y X", mean=mean), kernel_size=kernel_size,
        stride=stride, padding=padding, **more,
    )  # fmt: skip


check = Check(
    oracle,
    cases=[
        images("windows side by side", 3),
        images("stride 2", 3, 2),
        images("stride beyond the window", 2, 3),
        images("overlapping windows", 3, 1),
        images("padding", 3, 2, 1),
        images("padding 2", 4, 3, 2, y=7, x=10),
        images("all pixels negative", 3, 2, 1, mean=-9, note=("values near −9, padding 1", "数值约 −9，padding 1")),
        images("square", 2, y=6, x=6),
        images("one window", 5, y=5, x=5),
        images("windows of one pixel", 1),
    ],
    forbidden=[
        "max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "max_pool1d_with_indices",
        "max_pool3d_with_indices", "adaptive_max_pool2d", "fractional_max_pool2d", "mkldnn_max_pool2d",
    ],
    allowed=("pad, unfold, amax, maximum and slices are yours to use.", "可以使用 pad、unfold、amax、maximum 和切片。"),
    mutants=[
        mutant(
            "zero_padding", "value=-torch.inf", "value=0.0",
            en="the border is filled with 0, which wins where all pixels are negative: fill with −inf",
            zh="边界填了 0，像素全为负时它会赢：要填 −inf",
        ),
        mutant(
            "stride_one", "kernel_size if stride is None else stride", "1 if stride is None else stride",
            en="stride=None is taken as 1; it means that windows lie side by side",
            zh="stride=None 被当成了 1；它表示窗口并排",
        ),
        mutant(
            "stride_ignored", "kernel_size if stride is None else stride", "kernel_size",
            en="stride has no effect: the windows always lie side by side",
            zh="stride 没有起作用：窗口总是并排",
        ),
        mutant(
            "no_padding", "x = F.pad(x, (padding, padding, padding, padding), value=-torch.inf)", "x = x",
            en="padding has no effect (here padding = {padding})",
            zh="padding 没有起作用（此处 padding = {padding}）",
        ),
        mutant(
            "average", "windows.amax((-2, -1))", "windows.mean((-2, -1))",
            en="the mean of each window is taken, not its maximum",
            zh="取的是每个窗口的平均，而不是最大值",
        ),
        mutant(
            "magnitude", "return windows.amax((-2, -1))",
            "flat = windows.flatten(-2)\n    big = flat.masked_fill(flat.isinf(), 0).abs().argmax(-1, keepdim=True)\n"
            "    return flat.gather(-1, big)[..., 0]",
            en="the number of largest magnitude wins; −5 is smaller than 1",
            zh="赢的是绝对值最大的数；但 −5 比 1 小",
        ),
        mutant(
            "rows_only", "return windows.amax((-2, -1))", "return windows.amax(-2)[..., 0]",
            en="only the first column of each window is looked at",
            zh="每个窗口只看了第一列",
        ),
        mutant(
            "ceil_mode", "    windows = x.unfold",
            "    more = [-(x.shape[d] - kernel_size) % step for d in (3, 2)]\n"
            "    x = F.pad(x, (0, more[0], 0, more[1]), value=-torch.inf)\n    windows = x.unfold",
            en="a window that is cut off at the end counts, too (ceil mode); here it is left out",
            zh="末尾不完整的窗口也算了进来（ceil 模式）；这里应舍去",
        ),
        mutant(
            "spread_gradient", "return windows.amax((-2, -1))",
            "slope = (windows - windows.detach()).nan_to_num(0.0).mean((-2, -1))\n"
            "    return windows.detach().amax((-2, -1)) + slope",
            en="the gradient is spread over the window; it goes to the winner alone",
            zh="梯度被平摊到整个窗口；它只应流向赢家",
        ),
        mutant(
            "minimum", "windows.amax((-2, -1))", "windows.nan_to_num(0.0, neginf=torch.inf).amin((-2, -1))",
            en="the smallest pixel of each window is taken",
            zh="取的是每个窗口的最小值",
        ),
    ],
)  # fmt: skip
