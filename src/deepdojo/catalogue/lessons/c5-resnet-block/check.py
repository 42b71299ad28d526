"""The check of c5-resnet-block: convolutions as matrix products, norms written out."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def _convolved(x, weight, stride):
    out, _, h, w = weight.shape
    columns = torch.nn.functional.unfold(x, (h, w), padding=h // 2, stride=stride)
    rows = (x.shape[2] - 1) // stride + 1
    return (weight.reshape(out, -1) @ columns).reshape(len(x), out, rows, -1)


def _normal(x, gain, shift):
    centred = x - x.mean((0, 2, 3), keepdim=True)
    scale = (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
    return centred / scale * gain[:, None, None] + shift[:, None, None]


def oracle(x, p, stride=1):
    inner = _normal(_convolved(x, p["conv1"], stride), p["gain1"], p["shift1"]).clamp(min=0)
    inner = _normal(_convolved(inner, p["conv2"], 1), p["gain2"], p["shift2"])
    if "shortcut" in p:
        x = _normal(_convolved(x, p["shortcut"], stride), p["gain3"], p["shift3"])
    return (inner + x).clamp(min=0)


def params(into, shortcut):
    found = {"conv1": normal(f"O {into} 3 3", scale=0.3), "conv2": normal("O O 3 3", scale=0.3)}
    for k in range(1, 4 if shortcut else 3):
        found |= {f"gain{k}": normal("O", mean=1, scale=0.3), f"shift{k}": normal("O", scale=0.3)}
    return {**found, "shortcut": normal(f"O {into} 1 1")} if shortcut else found


def block(name, into, stride, shortcut, y=5, x=6):
    sizes = {"B": (2, 3), "O": 3, "Y": y, "X": x, **({} if into == "O" else {"C": 2})}
    return case(name, sizes=sizes, x=normal(f"B {into} Y X"), p=params(into, shortcut), stride=stride)


check = Check(
    oracle,
    cases=[
        block("same shape", "O", 1, False),
        block("more channels", "C", 1, True),
        block("more channels, half the size", "C", 2, True, y=7),
        block("half the size, same channels", "O", 2, True),
    ],
    mutants=[
        mutant(
            "relu_before_addition", "return torch.relu(h + short)", "return torch.relu(h) + short",
            en="the last ReLU comes before the addition; it comes after it",
            zh="最后的 ReLU 放在了相加之前；应在相加之后",
        ),
        mutant(
            "no_last_relu", "return torch.relu(h + short)", "return h + short",
            en="the ReLU after the addition is missing",
            zh="相加之后少了 ReLU",
        ),
        mutant(
            "no_relu_between", 'torch.relu(norm(h, p["gain1"], p["shift1"]))', 'norm(h, p["gain1"], p["shift1"])',
            en="the ReLU between the two convolutions is missing: two linear maps in a row are one",
            zh="两个卷积之间少了 ReLU：连续两个线性映射等于一个",
        ),
        mutant(
            "no_shortcut", "return torch.relu(h + short)", "return torch.relu(h)",
            en="the shortcut is not added: this is a plain network",
            zh="没有加上捷径：这只是普通网络",
        ),
        mutant(
            "no_projection", '    if "shortcut" in p:\n', "    if False:\n",
            en="the shortcut is x even where its shape is another: project it with the 1×1 convolution",
            zh="形状不同时捷径仍是 x：要用 1×1 卷积投影",
        ),
        mutant(
            "projection_without_norm", 'norm(F.conv2d(x, p["shortcut"], stride=stride), p["gain3"], p["shift3"])',
            'F.conv2d(x, p["shortcut"], stride=stride)',
            en="the projected shortcut is not normalised: it has a norm of its own",
            zh="投影后的捷径没有归一化：它有自己的归一化",
        ),
        mutant(
            "input_changed", "return torch.relu(h + short)", "return torch.relu(short.add_(h))",
            en="the addition is made in place: it changes x, or what backward still needs",
            zh="相加用了原地操作：改动了 x，或反向传播还要用的张量",
        ),
        mutant(
            "inner_shortcut", "    short = x\n", "    short = F.conv2d(x, p['conv1'], stride=stride, padding=1)\n",
            en="the shortcut starts after the first convolution; it starts at x, so that the identity is free",
            zh="捷径从第一个卷积之后开始；应从 x 开始，恒等映射才毫不费力",
        ),
        mutant(
            "stride_twice", 'F.conv2d(h, p["conv2"], padding=1)', 'F.conv2d(h, p["conv2"], stride=stride, padding=1)',
            en="both convolutions have the stride (here {stride}); only the first has it",
            zh="两个卷积都带了步长（此处 {stride}）；只有第一个带",
        ),
        mutant(
            "detached_shortcut", "torch.relu(h + short)", "torch.relu(h + short.detach())",
            en="the shortcut is detached: the gradient's free way back is gone",
            zh="捷径被 detach 了：梯度回传的畅通之路没有了",
        ),
        mutant(
            "one_norm", 'h = norm(h, p["gain2"], p["shift2"])', "h = h",
            en="the second convolution has no norm",
            zh="第二个卷积之后少了归一化",
        ),
        mutant(
            "shared_norm", 'norm(h, p["gain2"], p["shift2"])', 'norm(h, p["gain1"], p["shift1"])',
            en="both norms use gain1 and shift1; each has its own",
            zh="两个归一化都用了 gain1 和 shift1；各有各的",
        ),
        mutant(
            "norm_after_addition", 'h = norm(h, p["gain2"], p["shift2"])', "h = h",
            "torch.relu(h + short)", 'torch.relu(norm(h + short, p["gain2"], p["shift2"]))',
            en="the second norm comes after the addition; what passes by the shortcut shall not be normalised again",
            zh="第二个归一化放在了相加之后；走捷径的部分不应再被归一化",
        ),
    ],
)  # fmt: skip
