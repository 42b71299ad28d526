"""The check of g3-lm-loss."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def oracle(logits, ids, keep=None):
    """All shares at once, by a table of which token is wanted where; nothing is dropped or gathered."""
    b, t, v = logits.shape
    wanted = torch.zeros(b, t, v, dtype=logits.dtype)
    for row in range(b):
        for place in range(t - 1):
            if keep is None or bool(keep[row, place + 1]):
                wanted[row, place, int(ids[row, place + 1])] = 1
    shares = torch.log_softmax(logits, -1)
    return -(wanted * shares).sum() / max(float(wanted.sum()), 1.0)


def ids(d):
    return d.integers("B T", 0, d.size("V"))


def at_the_end(d):
    """Rows of different length, padded at the end; the longest is whole."""
    lengths = [d.size("T"), 2] + [d.integer(2, d.size("T") + 1) for _ in range(d.size("B") - 2)]
    return torch.arange(d.size("T")) < torch.tensor(lengths)[:, None]


def at_the_start(d):
    return at_the_end(d).flip(1)


PADDED = {"B": (3, 5), "T": (7, 11)}
LOGITS = {"logits": normal("B T V", scale=2)}

check = Check(
    oracle,
    cases=[
        case("whole rows", **LOGITS, ids=ids),
        case("padding at the end", sizes=PADDED, **LOGITS, ids=ids, keep=at_the_end),
        case("padding at the start", sizes=PADDED, **LOGITS, ids=ids, keep=at_the_start),
        case("two tokens", sizes={"T": 2}, **LOGITS, ids=ids),
        case(
            "nothing to predict", sizes={"T": 3}, **LOGITS, ids=ids,
            keep=lambda d: torch.arange(3).expand(d.size("B"), 3) < 1,
            note=("one real token in each row", "每行只有一个真正的词元"),
            nan=("NaN where no target is a real token", "没有任何真正的目标词元时得到 NaN"),
        ),
        case(
            "large logits", logits=normal("B T V", scale=900), ids=ids, float32=False,
            note=("logits in the thousands", "logits 上千"),
            nan=("NaN or infinity for large logits", "logits 较大时得到 NaN 或无穷"),
        ),
    ],
    forbidden=["cross_entropy", "nll_loss", "cross_entropy_loss"],
    allowed=("log_softmax, logsumexp and gather are yours to use.", "可以使用 log_softmax、logsumexp、gather。"),
    mutants=[
        mutant(
            "no_shift", "logits[:, :-1], ids[:, 1:]", "logits, ids",
            "keep[:, 1:]", "keep",
            en="nothing is shifted: position t is judged on token t, which it has just read",
            zh="没有错位：位置 t 用第 t 个词元来评判，而它刚刚读过这个词元",
        ),
        mutant(
            "shifted_back", "logits[:, :-1], ids[:, 1:]", "logits[:, 1:], ids[:, :-1]",
            "keep[:, 1:]", "keep[:, :-1]",
            en="the shift goes the wrong way: position t is judged on token t − 1",
            zh="错位的方向反了：位置 t 用第 t − 1 个词元来评判",
        ),
        mutant(
            "shifted_twice", "logits[:, :-1], ids[:, 1:]", "logits[:, :-2], ids[:, 2:]",
            "keep[:, 1:]", "keep[:, 2:]",
            en="the shift is made twice: position t is judged on token t + 2",
            zh="错位了两次：位置 t 用第 t + 2 个词元来评判",
        ),
        mutant(
            "padding_counts", "torch.ones_like(each) if keep is None else keep[:, 1:].to(each.dtype)",
            "torch.ones_like(each)",
            en="padding is predicted and counted, too: keep is not used",
            zh="填充也被预测并计入了：没有用到 keep",
        ),
        mutant(
            "keep_of_position", "keep[:, 1:]", "keep[:, :-1]",
            en="the mask is that of the position, not of its target: the last real token still predicts padding",
            zh="用的是位置自己的掩码，而不是目标的：最后一个真正的词元仍在预测填充",
        ),
        mutant(
            "count_of_all", "counts.sum().clamp(min=1)", "each.numel()",
            en="the sum is divided by all positions, padding included",
            zh="和除以了所有位置的个数，连填充也算在内",
        ),
        mutant(
            "mean_of_rows", "(each * counts).sum() / counts.sum().clamp(min=1)",
            "((each * counts).sum(1) / counts.sum(1).clamp(min=1)).mean()",
            en="each row is averaged first, then the rows: a token in a short row counts more",
            zh="先对每行求平均，再对各行求平均：短行里的词元占的比重更大",
        ),
        mutant(
            "bits", "return (each * counts).sum()", "return 1.4426950408889634 * (each * counts).sum()",
            en="the loss is in bits (logarithm to base 2), not in nats",
            zh="损失的单位是比特（以 2 为底的对数），而不是奈特",
        ),
        mutant(
            "sum_for_mean", " / counts.sum().clamp(min=1)", "",
            en="the losses are summed, not averaged",
            zh="损失取了和，而不是平均",
        ),
        mutant(
            "naive_softmax", "log_shares = logits - torch.logsumexp(logits, -1, keepdim=True)",
            "log_shares = (logits.exp() / logits.exp().sum(-1, keepdim=True)).log()",
            en="exp of a large logit overflows; subtract the largest first, or use logsumexp",
            zh="较大的 logit 取 exp 会溢出；应先减去最大值，或用 logsumexp",
        ),
        mutant(
            "empty_is_nan", ".clamp(min=1)", "",
            en="where no target counts this divides 0 by 0; the loss is 0 there",
            zh="没有目标算数时，这里是 0 除以 0；此时损失为 0",
        ),
        mutant(
            "shares_over_time", "torch.logsumexp(logits, -1, keepdim=True)", "torch.logsumexp(logits, 1, keepdim=True)",
            en="the softmax runs over the positions, not over the vocabulary",
            zh="softmax 沿位置的轴进行，而不是沿词表",
        ),
    ],
)  # fmt: skip
