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


def with_holes(d):
    """Marks anywhere: the lengths of rows are not enough to know what counts."""
    kept = torch.rand(d.size("B"), d.size("T"), generator=d.gen) < 0.6
    kept[:, 1], kept[:, 3], kept[:, 5] = True, False, True
    return kept


PADDED = {"B": (3, 5), "T": (7, 11)}
LOGITS = {"logits": normal("B T V", scale=2)}

check = Check(
    oracle,
    cases=[
        case("whole rows", **LOGITS, ids=ids),
        case("padding at the end", sizes=PADDED, **LOGITS, ids=ids, keep=at_the_end),
        case("padding at the start", sizes=PADDED, **LOGITS, ids=ids, keep=at_the_start),
        case("holes in the middle", sizes=PADDED, **LOGITS, ids=ids, keep=with_holes),
        case("two tokens", sizes={"T": 2}, **LOGITS, ids=ids),
        case(
            "nothing to predict", sizes={"T": 3}, **LOGITS, ids=ids,
            keep=lambda d: torch.arange(3).expand(d.size("B"), 3) < 1,
            note=("one real token in each row", "每行只有一个真正的词元"),
            nan=("NaN where no target is a real token", "没有任何真正的目标词元时得到 NaN"),
        ),
        case(
            "one token", sizes={"T": 1}, **LOGITS, ids=ids,
            nan=("NaN for texts of one token, which leave nothing to predict", "只有一个词元、没什么可预测时得到 NaN"),
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
            "both_real", "keep[:, 1:]", "(keep[:, 1:] & keep[:, :-1])",
            en="a target counts only where the token before it is real, too; whether it counts is its own mark alone",
            zh="只有前一个词元也是真正的词元时才计入目标；是否计入只看目标自己的标记",
        ),
        mutant(
            "holes_filled", "    log_shares",
            "    if keep is not None:\n"
            "        keep = keep.int().cummax(1).values * keep.flip(1).int().cummax(1).values.flip(1)\n"
            "    log_shares",
            en="everything between a row's first and last real token counts; keep may have holes",
            zh="一行里第一个与最后一个真正的词元之间全都计入了；keep 中间可以有空缺",
        ),
        mutant(
            "token_0_is_padding", "counts = torch.ones_like(each) if keep is None else keep[:, 1:].to(each.dtype)",
            "counts = (targets != 0).to(each.dtype)",
            en="token 0 is taken for padding; it is a token like any other, and only keep says what is padding",
            zh="把词元 0 当成了填充；它与其他词元一样，是不是填充只由 keep 决定",
        ),
        mutant(
            "mean_without_targets", "    counts =", "    if keep is None:\n        return each.mean()\n    counts =",
            en="the mean of no target at all is 0/0: texts of one token have none; the loss is 0 there",
            zh="一个目标也没有时求平均是 0/0：只有一个词元的文本就是这样；此时损失为 0",
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
