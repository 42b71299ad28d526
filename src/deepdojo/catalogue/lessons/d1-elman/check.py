"""The check of d1-elman."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, h0, w_xh, w_hh, b):
    """torch's own kernel, with the second bias that torch has set to zero."""
    ys, h = torch.rnn_tanh(x, h0[None], [w_xh, w_hh, b, torch.zeros_like(b)], True, 1, 0.0, False, False, True)
    return ys, h[0]


def over_the_batch(x, h0, w_xh, w_hh, b):
    h, ys = h0, []
    for step in x:
        if step.shape[0] != h.shape[0]:
            step = step[:1]
        h = torch.tanh(step @ w_xh.T + h @ w_hh.T + b)
        ys.append(h)
    return torch.stack(ys), h


WEIGHTS = {"w_xh": normal("H I", scale=0.7), "w_hh": normal("H H", scale=0.7), "b": normal("H")}
GIVEN = {"x": normal("B T I"), "h0": normal("B H"), **WEIGHTS}

check = Check(
    oracle,
    outputs=("ys", "h"),
    cases=[
        case("several steps", **GIVEN),
        case("as many rows as steps", sizes={"B": 5, "T": 5}, **GIVEN),
        case("as wide as the state", sizes={"I": 4, "H": 4}, **GIVEN),
        case("from zero", **{**GIVEN, "h0": lambda d: 0 * d.normal("B H")}),
        case("one row, one input", sizes={"B": 1, "I": 1}, **GIVEN),
        case("one step", sizes={"T": 1}, **GIVEN),
    ],
    forbidden=["rnn_tanh", "rnn_tanh_cell", "rnn_relu", "rnn_relu_cell", "lstm", "gru"],
    allowed=("matmul, tanh and stack are yours to use.", "可以使用 matmul、tanh、stack。"),
    mutants=[
        mutant(
            "detached_state", "        ys.append(h)\n", "        ys.append(h)\n        h = h.detach()\n",
            "return torch.stack(ys, 1), h", "return torch.stack(ys, 1), ys[-1]",
            en="the state is detached after each step: no step learns what it did to the next one",
            zh="每一步之后状态都被 detach 了：任何一步都学不到它对下一步的影响",
        ),
        mutant(
            "no_carry", "h @ w_hh.T", "h0 @ w_hh.T",
            en="every step starts from h0; step t + 1 starts from the state of step t",
            zh="每一步都从 h0 开始；第 t + 1 步应从第 t 步的状态开始",
        ),
        mutant(
            "start_ignored", "h, ys = h0, []", "h, ys = torch.zeros_like(h0), []",
            en="h0 has no effect: the first step starts from zeros",
            zh="h0 没有起作用：第一步从零开始了",
        ),
        mutant(
            "w_hh_transposed", "h @ w_hh.T", "h @ w_hh",
            en="w_hh is applied without the transpose: its rows are outputs, as in nn.Linear, so h @ w_hh.T",
            zh="w_hh 没有转置：它的行是输出，与 nn.Linear 相同，所以是 h @ w_hh.T",
        ),
        mutant(
            "w_xh_transposed", "x[:, t] @ w_xh.T",
            "x[:, t] @ (w_xh if w_xh.shape[0] == w_xh.shape[1] else w_xh.T)",
            en="w_xh is applied without the transpose: its rows are outputs, as in nn.Linear",
            zh="w_xh 没有转置：它的行是输出，与 nn.Linear 相同",
        ),
        mutant(
            "batch_for_time", function=over_the_batch,
            en="the loop runs over the batch; time is the second axis of x",
            zh="循环沿批的轴进行了；时间是 x 的第二个轴",
        ),
        mutant(
            "time_first", "torch.stack(ys, 1)", "torch.stack(ys)",
            en="the states are stacked on a new first axis, (T, B, H); (B, T, H) is asked for",
            zh="状态堆叠在了新的第一个轴上，成了 (T, B, H)；要的是 (B, T, H)",
        ),
        mutant(
            "shifted", "        total = x[:, t]", "        ys.append(h)\n        total = x[:, t]",
            "        h = torch.tanh(total)\n        ys.append(h)\n", "        h = torch.tanh(total)\n",
            en="ys holds the state before each step; it shall hold the state after it",
            zh="ys 里放的是每一步之前的状态；应放每一步之后的",
        ),
        mutant(
            "bias_once", "@ w_hh.T + b", "@ w_hh.T + (b if t == 0 else 0)",
            en="the bias is added at the first step only",
            zh="偏置只在第一步加了",
        ),
        mutant(
            "no_bias", "@ w_hh.T + b", "@ w_hh.T",
            en="the bias b is not added",
            zh="没有加偏置 b",
        ),
        mutant(
            "no_tanh", "h = torch.tanh(total)", "h = total",
            en="tanh is missing: the state is a linear function of all inputs",
            zh="缺了 tanh：状态成了所有输入的线性函数",
        ),
        mutant(
            "before_tanh", "ys.append(h)", "ys.append(total)",
            en="ys holds the sums before tanh; it shall hold the states",
            zh="ys 里放的是 tanh 之前的和；应放状态",
        ),
        mutant(
            "relu", "torch.tanh(total)", "torch.relu(total)",
            en="relu bends the sum; this network uses tanh",
            zh="用了 relu；这个网络用的是 tanh",
        ),
        mutant(
            "sigmoid", "torch.tanh(total)", "torch.sigmoid(total)",
            en="sigmoid bends the sum; this network uses tanh",
            zh="用了 sigmoid；这个网络用的是 tanh",
        ),
        mutant(
            "backwards", "for t in range(x.shape[1]):", "for t in reversed(range(x.shape[1])):",
            en="the sequence is read from its end",
            zh="序列是从末尾往前读的",
        ),
        mutant(
            "first_state_returned", "return torch.stack(ys, 1), h", "return torch.stack(ys, 1), ys[0]",
            en="h is the state after the first step; it shall be the last one",
            zh="返回的 h 是第一步之后的状态；应是最后一步的",
        ),
    ],
)  # fmt: skip
