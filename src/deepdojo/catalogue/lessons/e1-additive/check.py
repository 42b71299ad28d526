"""The check of e1-additive."""

import torch

from deepdojo.grader import Check, case, keep, mutant, normal


def oracle(q, k, v, w_q, w_k, w, keep=None):
    """Key after key, each with its own score; shares by differences of logarithms, not by softmax."""
    queries = torch.einsum("btq,aq->bta", q, w_q)
    columns = []
    for s in range(k.shape[1]):
        key = torch.einsum("be,ae->ba", k[:, s], w_k)
        columns.append(((queries + key[:, None]).tanh() * w).sum(-1))
    scores = torch.stack(columns, -1)
    seen = torch.ones_like(scores, dtype=torch.bool) if keep is None else keep[:, None].expand_as(scores)
    low = torch.where(seen, scores, torch.full_like(scores, -1e30))
    shares = (low - low.logsumexp(-1, keepdim=True)).exp() * seen
    return torch.einsum("bts,bsw->btw", shares, v)


GIVEN = {
    "q": normal("B T Q"), "k": normal("B S E"), "v": normal("B S W"),
    "w_q": normal("A Q", scale=0.5), "w_k": normal("A E", scale=0.5), "w": normal("A"),
}  # fmt: skip

check = Check(
    oracle,
    cases=[
        case("no mask", **GIVEN, keep=None),
        case("equal widths", sizes={"Q": 4, "E": 4, "W": 4}, **GIVEN, keep=None),
        case("padding hidden", **GIVEN, keep=keep("B S")),
        case(
            "nothing to see", sizes={"B": 3}, **GIVEN, keep=keep("B S", dead=1),
            nan=("NaN where no key may be seen", "没有任何键可看时得到 NaN"),
        ),
        case(
            "large scores", **{**GIVEN, "w": lambda d: d.uniform("A", 1500, 3000)}, keep=None,
            note=("scores in the thousands", "得分上千"), float32=False, gradient=False,
            nan=("NaN for large scores", "得分较大时得到 NaN"),
        ),
        case("one key, one query", sizes={"S": 1, "T": 1}, **GIVEN, keep=None),
    ],
    mutants=[
        mutant(
            "no_tanh", "torch.tanh(pairs) @ w", "pairs @ w",
            en="tanh is missing: without it the query's part is the same for every key, and the softmax cancels it",
            zh="缺了 tanh：没有它，查询的那一部分对每个键都相同，softmax 会把它消去",
        ),
        mutant(
            "tanh_last", "torch.tanh(pairs) @ w", "torch.tanh(pairs @ w)",
            en="tanh is taken of the score; it belongs before the product with w",
            zh="tanh 取在了得分上；它应在与 w 相乘之前",
        ),
        mutant(
            "adds_before_projecting", "queries[:, :, None] + keys[:, None]", "(q[:, :, None] + k[:, None]) @ w_q.T",
            en="query and key are added before they are projected; each has its own matrix, and widths may differ",
            zh="查询和键在投影之前就相加了；两者各有自己的矩阵，宽度也可能不同",
        ),
        mutant(
            "one_matrix", "k @ w_k.T", "k @ (w_q if w_q.shape == w_k.shape else w_k).T",
            en="the keys are projected by w_q; w_k is theirs",
            zh="键用了 w_q 投影；它们的矩阵是 w_k",
        ),
        mutant(
            "keys_for_values", "return weights @ v", "return weights @ (k if k.shape == v.shape else v)",
            en="the mean is taken of the keys; it is the values that are averaged",
            zh="平均的是键；应对值求平均",
        ),
        mutant(
            "softmax_over_queries", "torch.softmax(scores, -1)", "torch.softmax(scores, 1)",
            en="the softmax runs over the queries: the shares of each key sum to one, not those of each query",
            zh="softmax 沿查询的轴进行：每个键的份额之和为一，而不是每个查询的",
        ),
        mutant(
            "unweighted", "torch.tanh(pairs) @ w", "torch.tanh(pairs).sum(-1)",
            en="the A numbers of a pair are summed without w",
            zh="每一对的 A 个数直接求和，没有乘 w",
        ),
        mutant(
            "scaled", "torch.tanh(pairs) @ w", "torch.tanh(pairs) @ w / math.sqrt(w.shape[0])",
            en="the scores are divided by √A; that belongs to dot products, tanh keeps these small",
            zh="得分除以了 √A；那是点积注意力的做法，这里 tanh 已限制了大小",
        ),
        mutant(
            "inverted_mask", "        dead = ~keep.any", "        keep = ~keep\n        dead = ~keep.any",
            en="the mask is read the other way round: keep = True means that the key may be seen",
            zh="掩码的含义弄反了：keep = True 表示这个键可以被看见",
        ),
        mutant(
            "zero_fill", "masked_fill(~(keep[:, None] | dead), -math.inf)",
            "masked_fill(~(keep[:, None] | dead), 0.0)",
            en="hidden scores are set to 0, and exp(0) = 1 still counts; set them to -inf",
            zh="被遮住的得分填成了 0，而 exp(0) = 1 仍占份额；应填 -inf",
        ),
        mutant(
            "mask_after_softmax", "scores = scores.masked_fill(~(keep[:, None] | dead), -math.inf)", "pass",
            "weights.masked_fill(dead, 0.0)", "weights.masked_fill(~keep[:, None], 0.0)",
            en="the mask comes after the softmax: the shares that are left do not sum to one",
            zh="掩码放在了 softmax 之后：剩下的份额之和不为一",
        ),
        mutant(
            "mask_ignored", "    if keep is not None:\n        dead =",
            "    keep = None\n    if keep is not None:\n        dead =",
            en="keep has no effect: padding is looked at like any other key",
            zh="keep 没有起作用：填充和其他键一样被看到了",
        ),
        mutant(
            "dead_row_nan", "~(keep[:, None] | dead), -math.inf", "~keep[:, None], -math.inf",
            "        weights = weights.masked_fill(dead, 0.0)\n", "        pass\n",
            en="softmax of a row of −inf is 0/0. Decide what such a row returns before dividing",
            zh="整行 −inf 的 softmax 是 0/0。请先决定这样的行该返回什么，再做除法",
        ),
        mutant(
            "dead_row_uniform", "        weights = weights.masked_fill(dead, 0.0)\n", "        pass\n",
            en="a query that may see nothing still gets a mean of the values; it shall get zeros",
            zh="没有任何键可看的查询仍得到了值的平均；它应得到零",
        ),
        mutant(
            "naive_exp", "weights = torch.softmax(scores, -1)",
            "weights = torch.exp(scores) / torch.exp(scores).sum(-1, keepdim=True)",
            en="exp of a large score overflows; subtract the row's maximum first",
            zh="较大的得分取 exp 会溢出；请先减去该行的最大值",
        ),
        mutant(
            "detached_weights", "return weights @ v", "return weights.detach() @ v",
            en="the weights are detached: queries, keys and matrices learn nothing",
            zh="权重被 detach 了：查询、键和矩阵都学不到东西",
        ),
    ],
)  # fmt: skip
