"""The check of d3-gru."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, h, w_ih, w_hh, b_ih, b_hh):
    return torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh)


WEIGHTS = {"w_ih": normal("3H I"), "w_hh": normal("3H H"), "b_ih": normal("3H"), "b_hh": normal("3H")}

check = Check(
    oracle,
    cases=[
        case("one step", x=normal("B I"), h=normal("B H"), **WEIGHTS),
        case("one row, one input", sizes={"B": 1, "I": 1}, x=normal("B I"), h=normal("B H"), **WEIGHTS),
        case("as wide as the state", sizes={"I": 4, "H": 4}, x=normal("B I"), h=normal("B H"), **WEIGHTS),
        case("from zero", x=normal("B I"), h=lambda d: 0 * d.normal("B H"), **WEIGHTS),
        case(
            "doors wide open or shut", x=normal("B I", scale=3000), h=normal("B H", scale=3000), **WEIGHTS,
            note=("gates in the thousands", "门的输入上千"), float32=False, gradient=False,
            nan=("NaN for large inputs", "输入较大时得到 NaN"),
        ),
    ],
    forbidden=["gru_cell", "gru", "lstm_cell", "rnn_tanh_cell"],
    allowed=("matmul, sigmoid, tanh and chunk are yours to use.", "可以使用 matmul、sigmoid、tanh、chunk。"),
    mutants=[
        mutant(
            "update_reversed", "(1 - z) * n + z * h", "z * n + (1 - z) * h",
            en="z lets the candidate in; here, as in torch, z keeps the old state: (1 − z) · n + z · h. (Papers "
               "differ in this, and weights do not carry over)",
            zh="z 放进了候选；这里与 torch 相同，z 保留旧状态：(1 − z) · n + z · h。（各论文写法不同，权重不能互换）",
        ),
        mutant(
            "reset_before_product", "n = torch.tanh(x_n + r * h_n)",
            "n = torch.tanh(x_n + (r * h) @ w_hh[-h.shape[1] :].T + b_hh[-h.shape[1] :])",
            en="the reset door is applied to h before the product. That is the GRU of the paper's last version, and no "
               "mistake in itself; the form asked for, cuDNN's and torch's, resets W_hn h + b_hn after the product",
            zh="重置门乘在了乘积之前的 h 上。那是论文最终版的 GRU，本身并不算错；这里要的是 cuDNN 和 torch 的写法："
               "重置乘积之后的 W_hn h + b_hn",
        ),
        mutant(
            "doors_swapped", "x_r, x_z, x_n =", "x_z, x_r, x_n =", "h_r, h_z, h_n =", "h_z, h_r, h_n =",
            en="reset and update are exchanged: the rows come as reset, update, candidate",
            zh="重置门和更新门弄反了：各行依次为重置、更新、候选",
        ),
        mutant(
            "candidate_first", "x_r, x_z, x_n =", "x_n, x_r, x_z =", "h_r, h_z, h_n =", "h_n, h_r, h_z =",
            en="the candidate is taken from the first rows; it has the last: reset, update, candidate",
            zh="候选取了最前面的行；它在最后：重置、更新、候选",
        ),
        mutant(
            "no_reset", "x_n + r * h_n", "x_n + h_n",
            en="the reset door has no effect",
            zh="重置门没有起作用",
        ),
        mutant(
            "reset_everything", "torch.tanh(x_n + r * h_n)", "torch.tanh(r * (x_n + h_n))",
            en="the reset door is applied to the input's part, too; it touches only what comes from h",
            zh="重置门也乘在了输入的部分上；它只作用于来自 h 的部分",
        ),
        mutant(
            "bias_outside_reset", "x_n + r * h_n",
            "x_n + r * (h @ w_hh[-h.shape[1] :].T) + b_hh[-h.shape[1] :]",
            en="b_hn is added outside the reset; it stands inside: r · (W_hn h + b_hn)",
            zh="b_hn 加在了重置门之外；应在里面：r · (W_hn h + b_hn)",
        ),
        mutant(
            "one_bias", "h @ w_hh.T + b_hh", "h @ w_hh.T",
            en="b_hh is not added",
            zh="没有加 b_hh",
        ),
        mutant(
            "sigmoid_candidate", "torch.tanh(x_n + r * h_n)", "torch.sigmoid(x_n + r * h_n)",
            en="the candidate goes through sigmoid; it needs tanh, to be able to fall below zero",
            zh="候选用了 sigmoid；要用 tanh，才能取到负值",
        ),
        mutant(
            "candidate_unbent", "torch.tanh(x_n + r * h_n)", "x_n + r * h_n",
            en="the candidate lacks its tanh",
            zh="候选缺了 tanh",
        ),
        mutant(
            "tanh_of_state", "return (1 - z) * n + z * h", "return torch.tanh((1 - z) * n + z * h)",
            en="the new state goes through one more tanh; the blend itself is the state",
            zh="新状态又多过了一次 tanh；混合的结果本身就是状态",
        ),
        mutant(
            "forgetful", "(1 - z) * n + z * h", "(1 - z) * n",
            en="the old state is not kept: z · h is missing",
            zh="没有保留旧状态：缺了 z · h",
        ),
        mutant(
            "detached_carry", "+ z * h", "+ z * h.detach()",
            en="the old state is detached: the gradient cannot go back in time through it",
            zh="旧状态被 detach 了：梯度无法沿它往回传",
        ),
        mutant(
            "naive_sigmoid", "z = torch.sigmoid(x_z + h_z)", "e = torch.exp(x_z + h_z)\n    z = e / (1 + e)",
            en="exp of a large number is inf, and inf / inf is NaN; 1 / (1 + exp(−a)), torch.sigmoid or tanh survive",
            zh="大数的 exp 是 inf，inf / inf 是 NaN；1 / (1 + exp(−a))、torch.sigmoid 或 tanh 则没有问题",
        ),
    ],
)  # fmt: skip
