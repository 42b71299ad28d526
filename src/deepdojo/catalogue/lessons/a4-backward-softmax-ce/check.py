"""The check of a4-backward-softmax-ce: autograd is the oracle, and may not be the answer."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, normal


def oracle(logits, target):
    with torch.enable_grad():
        leaf = logits.detach().requires_grad_()
        return torch.autograd.grad(F.cross_entropy(leaf, target), leaf)[0]


def labels(draw):
    return draw.integers("N", 0, draw.size("C"))


def jacobian_signs(logits, target):
    p = torch.softmax(logits, 1)
    slope = torch.zeros_like(p)
    slope[torch.arange(len(p)), target] = -1 / p[torch.arange(len(p)), target]
    beside = 1 - torch.eye(p.shape[1], dtype=p.dtype)
    jacobian = torch.diag_embed(p - p * p) + p[:, :, None] * p[:, None, :] * beside
    return (jacobian @ slope[:, :, None])[:, :, 0] / len(p)


check = Check(
    oracle,
    cases=[
        case("a batch", logits=normal("N C", scale=2), target=labels),
        case("two classes", logits=normal("N 2", scale=2), target=lambda d: d.integers("N", 0, 2)),
        case("square", sizes={"N": 5}, logits=normal("N N"), target=lambda d: d.integers("N", 0, 5)),
        case("one example", sizes={"N": 1}, logits=normal("N C"), target=labels),
        case("one class", logits=normal("N 1"), target=lambda d: d.integers("N", 0, 1)),
        case(
            "large logits", logits=normal("N C", mean=1000, scale=3), target=labels,
            note=("logits near 1000", "logits 约 1000"), nan=("NaN for large logits", "logits 较大时得到 NaN"),
        ),
    ],
    gradient=False,
    forbidden=["grad", "backward", "requires_grad", "vjp", "jacobian", "log_softmax_backward_data"],
    allowed=(
        "softmax, one_hot, exp and sums are yours to use.",
        "可以使用 softmax、one_hot、exp 和求和。",
    ),
    mutants=[
        mutant(
            "sign", "(p - y) / len(target)", "(y - p) / len(target)",
            en="the sign is reversed: y − p is the direction that lowers the loss, the gradient points up",
            zh="符号反了：y − p 是让损失下降的方向，而梯度指向上升",
        ),
        mutant(
            "not_divided", "(p - y) / len(target)", "p - y",
            en="the gradient is not divided by N = {N}: the loss is the mean over the rows",
            zh="梯度没有除以 N = {N}：损失是各行的平均",
        ),
        mutant(
            "divided_by_classes", "(p - y) / len(target)", "(p - y) / p.shape[1]",
            en="the division is by the number of classes; the loss is the mean over the {N} rows",
            zh="除以了类别数；损失是 {N} 行的平均",
        ),
        mutant(
            "divided_by_both", "(p - y) / len(target)", "(p - y) / p.numel()",
            en="the division is by all entries (N times C); the loss is the mean over the {N} rows",
            zh="除以了全部元素个数（N 乘 C）；损失是 {N} 行的平均",
        ),
        mutant(
            "other_axis", "logits.amax(1, keepdim=True)", "logits.amax(0, keepdim=True)",
            "e.sum(1, keepdim=True)", "e.sum(0, keepdim=True)",
            en="softmax runs over the examples; the classes of one row share its probability",
            zh="softmax 沿着样本做了；应由同一行的各个类分享概率",
        ),
        mutant(
            "jacobian_signs", function=jacobian_signs,
            en="the Jacobian of softmax has the wrong sign off its diagonal: ∂p_i/∂z_j = −p_i p_j for i ≠ j",
            zh="softmax 的雅可比矩阵在对角线以外符号错了：i ≠ j 时 ∂p_i/∂z_j = −p_i p_j",
        ),
        mutant(
            "target_only", "return (p - y) / len(target)", "return (p - 1) * y / len(target)",
            en="only the target's entry has a gradient; the other classes are pushed down by their p",
            zh="只有目标类有梯度；其他类也要按各自的 p 被压低",
        ),
        mutant(
            "loss_of_shares", "return (p - y) / len(target)", "return -y / p / len(target)",
            en="this is the gradient with respect to p; go on through softmax to the logits",
            zh="这是对 p 的梯度；还要穿过 softmax 传到 logits",
        ),
        mutant(
            "every_row_every_target", "y[torch.arange(len(target)), target] = 1", "y[:, target] = 1",
            en="y[:, target] marks the targets of all rows in every row; pair row n with its own: "
               "y[torch.arange(N), target]",
            zh="y[:, target] 在每一行都标上了所有行的目标；第 n 行只配自己的目标：y[torch.arange(N), target]",
        ),
        mutant(
            "overflow", "logits - logits.amax(1, keepdim=True)", "logits",
            en="exp(1000) overflows: subtract each row's maximum first, as in a2-softmax",
            zh="exp(1000) 溢出：像 a2-softmax 那样先减去每行的最大值",
        ),
    ],
)  # fmt: skip
