"""The check of e2-dot-product."""

import torch

from deepdojo.grader import Check, case, keep, mutant, normal


def oracle(q, k, v, keep=None):
    """Each head and query by itself, over the keys that it may see: nothing in common with the usual four lines."""
    b, h, t, width = q.shape
    seen = torch.ones(b, h, t, k.shape[2], dtype=torch.bool) if keep is None else keep.expand(b, h, t, k.shape[2])
    scores = (q[:, :, :, None] * k[:, :, None]).sum(-1) * width**-0.5
    shifted = scores - scores.detach().where(seen, torch.full_like(scores, -torch.inf)).amax(-1, keepdim=True).clamp(
        min=-1e30
    )
    e = torch.where(seen, shifted, torch.zeros_like(shifted)).exp() * seen
    total = e.sum(-1, keepdim=True)
    weights = e / torch.where(total == 0, torch.ones_like(total), total)
    return (weights[..., None] * v[:, :, None]).sum(-2)


QKV = {"q": normal("B H T K"), "k": normal("B H S K"), "v": normal("B H S W")}

check = Check(
    oracle,
    cases=[
        case("no mask", **QKV, keep=None),
        case(
            "self-attention", sizes={"K": 5, "W": 5, "T": 3, "S": 3}, **QKV, keep=None,
            note=("keys and values of one shape", "键与值形状相同"),
        ),
        case("padding hidden", **QKV, keep=keep("B 1 1 S")),
        case("mask for each pair", **QKV, keep=keep("B H T S")),
        case(
            "fully masked row", **QKV, keep=keep("B 1 T S", dead=1),
            nan=("NaN where a query may look at nothing", "没有任何键可看的查询得到 NaN"),
        ),
        case(
            "large scores", q=normal("B H T K", scale=40), k=normal("B H S K", scale=40), v=QKV["v"], keep=None,
            note=("scores in the thousands", "得分上千"), float32=False,
            nan=("NaN for large scores", "得分较大时得到 NaN"),
        ),
        case(
            "large scores, some hidden", q=normal("B H T K", scale=40), k=normal("B H S K", scale=40), v=QKV["v"],
            keep=keep("B 1 T S"), note=("scores in the thousands", "得分上千"), float32=False,
            nan=("NaN for large scores", "得分较大时得到 NaN"),
        ),
        case("one key", sizes={"S": 1}, **QKV, keep=None),
    ],
    forbidden=["scaled_dot_product_attention", "multi_head_attention_forward", "MultiheadAttention"],
    allowed=(
        "matmul, softmax, where and masked_fill are yours to use.",
        "可以使用 matmul、softmax、where、masked_fill。",
    ),
    mutants=[
        mutant(
            "no_scale", " / math.sqrt(q.shape[-1])", "",
            en="this is exactly what you get without dividing the scores by √K (here √{K} = {sqrt(K)})",
            zh="分数没有除以 √K（此处 √{K} = {sqrt(K)}）时，结果正好是这样",
        ),
        mutant(
            "scale_without_root", "math.sqrt(q.shape[-1])", "q.shape[-1]",
            en="the scores are divided by K = {K}, not by √K = {sqrt(K)}",
            zh="得分除以了 K = {K}，而不是 √K = {sqrt(K)}",
        ),
        mutant(
            "scale_of_values", "math.sqrt(q.shape[-1])", "math.sqrt(v.shape[-1])",
            en="the scores are divided by √W, the width of the values ({W}), not by √K of the keys ({K})",
            zh="得分除以了值的宽度的根 √W（W = {W}），而不是键的 √K（K = {K}）",
        ),
        mutant(
            "softmax_over_queries", "torch.softmax(scores, -1)", "torch.softmax(scores, -2)",
            en="the softmax runs over the queries: the shares of each key sum to one, not those of each query",
            zh="softmax 沿查询的轴进行：每个键的份额之和为一，而不是每个查询的",
        ),
        mutant(
            "inverted_mask", "        dead = ~keep.any", "        keep = ~keep\n        dead = ~keep.any",
            en="the mask is read the other way round: keep = True means that the key may be seen",
            zh="掩码的含义弄反了：keep = True 表示这个键可以被看见",
        ),
        mutant(
            "zero_fill", "masked_fill(~(keep | dead), -math.inf)", "masked_fill(~(keep | dead), 0.0)",
            en="hidden scores are set to 0, and exp(0) = 1 still counts; set them to -inf",
            zh="被遮住的得分填成了 0，而 exp(0) = 1 仍占份额；应填 -inf",
        ),
        mutant(
            "mask_after_softmax", "scores = scores.masked_fill(~(keep | dead), -math.inf)", "pass",
            "weights.masked_fill(dead, 0.0)", "weights.masked_fill(~keep, 0.0)",
            en="the mask comes after the softmax: the shares that are left do not sum to one",
            zh="掩码放在了 softmax 之后：剩下的份额之和不为一",
        ),
        mutant(
            "dead_row_nan", "~(keep | dead), -math.inf", "~keep, -math.inf",
            "        weights = weights.masked_fill(dead, 0.0)\n", "        pass\n",
            en="softmax of a row of −inf is 0/0. Decide what such a row returns before dividing",
            zh="整行 −inf 的 softmax 是 0/0。请先决定这样的行该返回什么，再做除法",
        ),
        mutant(
            "dead_row_nan_gradient", "scores.masked_fill(~(keep | dead), -math.inf)",
            "scores + torch.zeros_like(scores).masked_fill(~keep, -math.inf)",
            en="the row of NaN is overwritten after the softmax, but its gradient passes through 0/0 all the same; let "
               "such a row see everything first, then set its result to zero",
            zh="NaN 的那一行虽在 softmax 之后被覆盖，但梯度仍经过 0/0；应先让这样的行看到全部，再把结果置零",
        ),
        mutant(
            "dead_row_uniform", "        weights = weights.masked_fill(dead, 0.0)\n", "        pass\n",
            en="a query that may see nothing still gets a mean of the values; it shall get zeros",
            zh="没有任何键可看的查询仍得到了值的平均；它应得到零",
        ),
        mutant(
            "large_negative_fill", "masked_fill(~(keep | dead), -math.inf)", "masked_fill(~keep, -1e9)",
            "        weights = weights.masked_fill(dead, 0.0)\n", "        pass\n",
            en="hidden scores are set to a large negative number instead of −inf: a query that may see nothing "
               "then gets the plain mean of all values; it shall get zeros",
            zh="被遮住的得分填成了很大的负数而不是 −inf：没有任何键可看的查询就得到了所有值的平均；它应得到零",
        ),
        mutant(
            "detached_weights", "return weights @ v", "return weights.detach() @ v",
            en="the weights are detached: queries and keys learn nothing",
            zh="权重被 detach 了：查询和键学不到任何东西",
        ),
        mutant(
            "keys_for_values", "return weights @ v", "return weights @ (k if k.shape == v.shape else v)",
            en="the mean is taken of the keys; it is the values that are averaged",
            zh="平均的是键；应对值求平均",
        ),
        mutant(
            "no_softmax", "torch.softmax(scores, -1)", "torch.exp(scores)",
            en="exp of the scores is not divided by its sum over the keys",
            zh="得分取 exp 之后没有除以它对键的和",
        ),
    ],
)  # fmt: skip
