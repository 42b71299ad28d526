"""The check of d2-lstm."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, h, c, w_ih, w_hh, b_ih, b_hh):
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)


STATE = {"x": normal("B I"), "h": normal("B H"), "c": normal("B H")}
WEIGHTS = {"w_ih": normal("4H I"), "w_hh": normal("4H H"), "b_ih": normal("4H"), "b_hh": normal("4H")}

check = Check(
    oracle,
    outputs=("h", "c"),
    cases=[
        case("one step", **STATE, **WEIGHTS),
        case("one row, one input", sizes={"B": 1, "I": 1}, **STATE, **WEIGHTS),
        case("as wide as the state", sizes={"I": 4, "H": 4}, **STATE, **WEIGHTS),
        case("from zero", x=normal("B I"), h=lambda d: 0 * d.normal("B H"), c=lambda d: 0 * d.normal("B H"), **WEIGHTS),
        case(
            "doors wide open or shut", sizes={"B": (5, 7), "H": (11, 13)},
            x=normal("B I", scale=300_000), h=normal("B H", scale=300_000),
            c=normal("B H", scale=900), **WEIGHTS, note=("gates far from zero", "门的输入远离零"), float32=False,
            gradient=False,
            nan=("NaN for large inputs", "输入较大时得到 NaN"),
        ),
    ],
    forbidden=["lstm_cell", "lstm", "rnn_tanh_cell", "gru_cell"],
    allowed=("matmul, sigmoid, tanh and chunk are yours to use.", "可以使用 matmul、sigmoid、tanh、chunk。"),
    mutants=[
        mutant(
            "gate_order", "i, f, g, o = gates", "i, f, o, g = gates",
            en="content and output door are exchanged: the order of the rows is input, forget, content, output",
            zh="内容与输出门对调了：各行的顺序是输入门、遗忘门、内容、输出门",
        ),
        mutant(
            "input_for_forget", "i, f, g, o = gates", "f, i, g, o = gates",
            en="input and forget door are exchanged",
            zh="输入门和遗忘门对调了",
        ),
        mutant(
            "sigmoid_content", "g = torch.tanh(g)", "g = torch.sigmoid(g)",
            en="the content goes through sigmoid; with tanh it can be negative",
            zh="内容用了 sigmoid；应用 tanh，它才可以为负",
        ),
        mutant(
            "no_tanh_on_cell", "o * torch.tanh(c_new)", "o * c_new",
            en="the output is o · c; the cell passes through tanh first",
            zh="输出成了 o · c；单元状态要先过 tanh",
        ),
        mutant(
            "old_cell_shown", "o * torch.tanh(c_new)", "o * torch.tanh(c)",
            en="the output is made of the old cell; the door looks at the new one",
            zh="输出用了旧的单元状态；输出门看的应是新的",
        ),
        mutant(
            "coupled_doors", "c_new = f * c + i * g", "c_new = (1 - i) * c + i * g",
            en="1 − i stands for the forget door; here it has weights of its own",
            zh="用 1 − i 代替了遗忘门；这里的遗忘门有自己的权重",
        ),
        mutant(
            "one_bias", " + h @ w_hh.T + b_hh", " + h @ w_hh.T",
            en="b_hh is not added",
            zh="没有加 b_hh",
        ),
        mutant(
            "detached_cell", "c_new = f * c + i * g", "c_new = f * c.detach() + i * g",
            en="the old cell is detached: the gradient cannot go back in time",
            zh="旧的单元状态被 detach 了：梯度无法沿时间往回传",
        ),
        mutant(
            "returned_the_other_way", "return o * torch.tanh(c_new), c_new", "return c_new, o * torch.tanh(c_new)",
            en="h and c are returned the other way round",
            zh="h 和 c 返回的顺序反了",
        ),
        mutant(
            "naive_sigmoid", "torch.sigmoid(f)", "torch.exp(f) / (1 + torch.exp(f))",
            en="exp of a large number is inf, and inf / inf is NaN; 1 / (1 + exp(−a)), torch.sigmoid or tanh survive",
            zh="大数的 exp 是 inf，inf / inf 是 NaN；1 / (1 + exp(−a))、torch.sigmoid 或 tanh 则没有问题",
        ),
    ],
)  # fmt: skip
