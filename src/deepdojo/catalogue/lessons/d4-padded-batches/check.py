"""The check of d4-padded-batches: what stands at padding is never compared, and must never matter."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("masked_rnn", "last_states")
def drive(masked_rnn, last_states, x, h0, w_xh, w_hh, b, keep, states):
    ys, h = masked_rnn(x, h0, w_xh, w_hh, b, keep)
    if isinstance(ys, torch.Tensor) and ys.shape[:2] == keep.shape and ys.dim() == 3:
        ys = ys.masked_fill(~keep[..., None], 0.0)
    return {"ys": ys, "h": h, "last_states": last_states(states, keep)}


def oracle(x, h0, w_xh, w_hh, b, keep, states):
    """Every row alone, by torch's kernel, over its own steps."""
    ys = torch.zeros(*x.shape[:2], len(b), dtype=x.dtype)
    rows, ends, last = [], [], []
    for i, n in enumerate(keep.sum(1).tolist()):
        if n == 0:
            rows.append(ys[i])
            ends.append(h0[i])
            last.append(torch.zeros_like(states[i, 0]))
            continue
        weights = [w_xh, w_hh, b, torch.zeros_like(b)]
        found, end = torch.rnn_tanh(x[i : i + 1, :n], h0[None, i : i + 1], weights, True, 1, 0.0, False, False, True)
        rows.append(torch.cat([found[0], ys[i, n:]]))
        ends.append(end[0, 0])
        last.append(states[i, n - 1])
    return {"ys": torch.stack(rows), "h": torch.stack(ends), "last_states": torch.stack(last)}


def lengths(*, shortest, full=True):
    """Lengths from `shortest` on, one row of it, one (if `full`) without padding."""

    def draw(d):
        t = d.size("T")
        n = d.integers("B", min(max(shortest, 1), t - 1), t)
        n[0] = shortest
        n[-1] = t if full else n[-1]
        n = n.clamp(min=shortest)
        return torch.arange(t) < n[:, None]

    return draw


def in_padding(axes, level):
    """Numbers near `level` in the padding: whoever reads them shows it. `keep` must be drawn before."""

    def draw(d):
        return torch.where(d["keep"][..., None], d.normal(axes), level + d.normal(axes))

    return draw


GIVEN = {
    "x": normal("B T I"), "h0": normal("B H"), "w_xh": normal("H I", scale=0.7), "w_hh": normal("H H", scale=0.7),
    "b": normal("H"),
}  # fmt: skip
STATES = normal("B T H")

check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("nothing padded", sizes={"B": 3, "T": 5}, **GIVEN, keep=lengths(shortest=5), states=STATES),
        case("different lengths", sizes={"B": 5, "T": 7}, **GIVEN, keep=lengths(shortest=2), states=STATES),
        case("all rows padded", sizes={"B": 4, "T": 6}, **GIVEN, keep=lengths(shortest=1, full=False), states=STATES),
        case("an empty row", sizes={"B": 4, "T": 5}, **GIVEN, keep=lengths(shortest=0), states=STATES),
        case("one row", sizes={"B": 1, "T": 5}, **GIVEN, keep=lengths(shortest=3, full=False), states=STATES),
        case(
            "padding full of large numbers", sizes={"B": 4, "T": 6}, keep=lengths(shortest=2, full=False),
            **{**GIVEN, "x": in_padding("B T I", 100)}, states=in_padding("B T H", 1000),
            note=("padding near 100", "填充约为 100"),
        ),
    ],
    mutants=[
        mutant(
            "last_column", "found = ys[rows, (lengths - 1).clamp(min=0)]", "found = ys[:, -1]",
            en="last_states takes the last column; in a padded row that lies behind the end",
            zh="last_states 取了最后一列；对有填充的行，那已在结尾之后",
        ),
        mutant(
            "first_column", "found = ys[rows, (lengths - 1).clamp(min=0)]", "found = ys[:, 0]",
            en="last_states takes the first step of every row",
            zh="last_states 取了每行的第一步",
        ),
        mutant(
            "one_too_far", "(lengths - 1).clamp(min=0)", "lengths.clamp(max=ys.shape[1] - 1)",
            en="last_states takes step `length`, which is the first of the padding; the last real one is length − 1",
            zh="last_states 取了第 length 步，那是填充的第一步；最后一个真实步是 length − 1",
        ),
        mutant(
            "flat_keep", "lengths = keep.sum(1)", "lengths = keep.sum(1).amax().expand(len(keep))",
            "found * (lengths > 0)[:, None]", "found * keep.any(1)[:, None]",
            en="last_states uses the longest row's length for all rows; each has its own",
            zh="last_states 对所有行都用了最长行的长度；每行应有自己的",
        ),
        mutant(
            "wraps_round", "(lengths - 1).clamp(min=0)", "lengths - 1", "found * (lengths > 0)[:, None]", "found",
            en="where a row has no step, index −1 takes the last column; last_states gives zeros there",
            zh="一步都没有的行，下标 −1 取到了最后一列；last_states 在那里应返回零",
        ),
        mutant(
            "empty_row_first", "found * (lengths > 0)[:, None]", "found",
            en="where a row has no step, last_states gives what stands at step 0, which is padding; it gives zeros",
            zh="一步都没有的行，last_states 返回了第 0 步，而那是填充；应返回零",
        ),
        mutant(
            "mean_of_states", "found = ys[rows, (lengths - 1).clamp(min=0)]",
            "found = (ys * keep[..., None]).sum(1) / lengths.clamp(min=1)[:, None]",
            en="last_states gives the mean of the real steps; the last one is asked for",
            zh="last_states 返回了真实各步的平均；要的是最后一步",
        ),
        mutant(
            "runs_through_padding", "h = torch.where(keep[:, t, None], new, h)", "h = new",
            en="the state runs on through the padding: the same sequence gets another end beside longer ones",
            zh="状态在填充上继续运行：同一个序列与更长的序列放在一起时，终点就变了",
        ),
        mutant(
            "zeroed_at_padding", "h = torch.where(keep[:, t, None], new, h)", "h = new * keep[:, t, None]",
            en="the state is multiplied by the mask: padding sets it to zero instead of leaving it as it was",
            zh="状态乘了掩码：填充把它变成了零，而不是保持原样",
        ),
        mutant(
            "input_zeroed", "torch.tanh(x[:, t] @ w_xh.T", "torch.tanh(x[:, t] * keep[:, t, None] @ w_xh.T",
            "h = torch.where(keep[:, t, None], new, h)", "h = new",
            en="only the input of padding is set to zero; the state still goes on through W_hh and b",
            zh="只把填充处的输入变成了零；状态仍会经过 W_hh 和 b 继续变化",
        ),
        mutant(
            "empty_row_zero", "    return torch.stack(ys, 1), h",
            "    return torch.stack(ys, 1), h * keep.any(1)[:, None]",
            en="where a row has no step, masked_rnn gives zeros; it ends where it began, at h0",
            zh="一步都没有的行，masked_rnn 返回了零；终点应是起点 h0",
        ),
        mutant(
            "inverted_mask", "torch.where(keep[:, t, None], new, h)", "torch.where(keep[:, t, None], h, new)",
            en="the mask is read the other way round: keep = True is a real step",
            zh="掩码的含义弄反了：keep = True 是真实的步",
        ),
        mutant(
            "stops_at_the_shortest", "h = torch.where(keep[:, t, None], new, h)",
            "h = torch.where(keep[:, t].all(), new, h)",
            en="all rows stop where the shortest one ends; each has its own end",
            zh="所有行都停在了最短行的结尾；每行应有自己的结尾",
        ),
        mutant(
            "detached_state", "torch.where(keep[:, t, None], new, h)", "torch.where(keep[:, t, None], new, h.detach())",
            en="the state that is kept through the padding is detached: short rows learn nothing",
            zh="在填充上保持的状态被 detach 了：短的行学不到任何东西",
        ),
    ],
)  # fmt: skip
