"""The check of a3-backward-linear: autograd is the oracle, and may not be the answer."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, w, dy):
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_(), w.detach().requires_grad_(), w.new_zeros(len(w)).requires_grad_()]
        return torch.autograd.grad(F.linear(*leaves), leaves, dy.detach())


check = Check(
    oracle,
    outputs=("dx", "dw", "db"),
    cases=[
        case("a batch", x=normal("B I"), w=normal("O I"), dy=normal("B O")),
        case("square weight", sizes={"I": 5}, x=normal("B I"), w=normal("I I"), dy=normal("B I")),
        case("all sizes equal", sizes={"B": 3}, x=normal("B B"), w=normal("B B"), dy=normal("B B")),
        case("one example", x=normal("1 I"), w=normal("O I"), dy=normal("1 O")),
        case("one output", x=normal("B I"), w=normal("1 I"), dy=normal("B 1")),
    ],
    gradient=False,
    forbidden=["grad", "backward", "requires_grad", "vjp", "jacobian", "linear_backward"],
    allowed=(
        "Autograd does it for you everywhere else; here, matmul, sum and transposes are enough.",
        "别处都有 autograd 代劳；这里只需要 matmul、sum 和转置。",
    ),
    mutants=[
        mutant(
            "dw_transposed", "dw = dy.T @ x", "dw = x.T @ dy",
            en="dw is transposed: it has the shape of w, (O, I)",
            zh="dw 转置了：它应与 w 同形状，即 (O, I)",
        ),
        mutant(
            "mean_over_batch", "dw = dy.T @ x", "dw = dy.T @ x / len(x)", "dy.sum(0)", "dy.mean(0)",
            en="dw and db are averaged over the batch; a mean belongs to the loss, and has already been counted in dy",
            zh="dw 和 db 对批取了平均；平均属于损失函数，已经包含在 dy 里了",
        ),
        mutant(
            "mean_of_bias", "dy.sum(0)", "dy.mean(0)",
            en="db is the mean over the batch; it is the sum: every row adds the same bias",
            zh="db 对批取了平均；应为求和：每一行都加了同一个偏置",
        ),
        mutant(
            "bias_not_summed", "dy.sum(0)", "dy",
            en="db still has the batch in it: sum over the rows that share the bias",
            zh="db 里还留着批这一轴：要对共用这个偏置的各行求和",
        ),
        mutant(
            "bias_over_outputs", "dy.sum(0)", "dy.sum(1)",
            en="db sums over the outputs; each output has its own bias, and the rows of the batch share it",
            zh="db 对输出求和了；每个输出有自己的偏置，共用它的是批的各行",
        ),
        mutant(
            "dx_transposed", "dx = dy @ w", "dx = dy @ w.T",
            en="dx multiplies by w.T: going forward was x @ w.T, going back is dy @ w",
            zh="dx 乘的是 w.T：正向是 x @ w.T，反向应是 dy @ w",
        ),
        mutant(
            "last_sample", "dw = dy.T @ x", "dw = torch.outer(dy[-1], x[-1])", "dy.sum(0)", "dy[-1]",
            en="only the last example of the batch counts: dw and db are sums over all of them (+=, not =)",
            zh="只算了批的最后一个样本：dw 和 db 要对所有样本求和（用 +=，而不是 =）",
        ),
        mutant(
            "weight_for_input", "dw = dy.T @ x", "dw = dy.T @ (dy @ w)",
            en="dw is made of dx; it needs the input x of the layer",
            zh="dw 里用了 dx；它需要的是这一层的输入 x",
        ),
        mutant(
            "other_order", "return dx, dw, db", "return dw, dx, db",
            en="dx and dw are returned the other way round",
            zh="dx 和 dw 返回的顺序反了",
        ),
    ],
)  # fmt: skip
