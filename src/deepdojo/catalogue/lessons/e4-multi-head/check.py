"""The check of e4-multi-head."""

import torch

from deepdojo.grader import Check, case, keep, mutant, normal


def oracle(x_q, x_kv, w_q, w_k, w_v, w_o, num_heads, keep=None):
    """One head after another by its rows of the matrices; what each adds to the output is summed."""
    b, t, s = x_q.shape[0], x_q.shape[1], x_kv.shape[1]
    seen = torch.ones(b, num_heads, t, s, dtype=torch.bool) if keep is None else keep.expand(b, num_heads, t, s)
    width = w_q.shape[0] // num_heads
    total = x_q.new_zeros(b, t, w_o.shape[0])
    for h in range(num_heads):
        rows = slice(h * width, (h + 1) * width)
        q, k, v = x_q @ w_q[rows].T, x_kv @ w_k[rows].T, x_kv @ w_v[rows].T
        scores = torch.where(seen[:, h], torch.einsum("btk,bsk->bts", q, k) * width**-0.5, torch.tensor(-1e30).to(q))
        shares = (scores - scores.logsumexp(-1, keepdim=True)).exp() * seen[:, h]
        total = total + (shares[..., None] * v[:, None]).sum(2) @ w_o[:, rows].T
    return total


def given(q="Q", e="E", o="O", t="T", s="S"):
    return {
        "x_q": normal(f"B {t} {q}"), "x_kv": normal(f"B {s} {e}"), "w_q": normal(f"D {q}", scale=0.6),
        "w_k": normal(f"D {e}", scale=0.6), "w_v": normal(f"D {e}"), "w_o": normal(f"{o} D"),
        "num_heads": lambda d: d.size("H"),
    }  # fmt: skip


SIZES = {"D": 12, "H": 3}
SQUARE = given("D", "D", "D", "T", "T")

check = Check(
    oracle,
    cases=[
        case("equal widths", sizes=SIZES, **SQUARE, keep=None),
        case("queries and keys of two texts", sizes=SIZES, **given(), keep=None),
        case("two heads", sizes={"D": 6, "H": 2}, **given(), keep=None),
        case("padding hidden", sizes=SIZES, **given(), keep=keep("B 1 1 S")),
        case("mask for each pair", sizes=SIZES, **given(), keep=keep("B 1 T S")),
        case("mask for each head", sizes={"D": 8, "H": 4}, **SQUARE, keep=keep("1 H T T")),
        case(
            "fully masked row", sizes=SIZES, **given(), keep=keep("B 1 T S", dead=1),
            nan=("NaN where a query may look at nothing", "没有任何键可看的查询得到 NaN"),
        ),
        case("one head", sizes={"D": 7, "H": 1}, **given(), keep=None),
        case("one token", sizes={"D": 6, "H": 3, "T": 1, "S": 1}, **given(), keep=None),
    ],
    forbidden=["multi_head_attention_forward", "MultiheadAttention"],
    allowed=(
        "matmul, view, transpose and softmax are yours to use, and your attention of e2.",
        "可以使用 matmul、view、transpose、softmax，以及你在 e2 中写的注意力。",
    ),
    mutants=[
        mutant(
            "view_without_transpose", "x.view(*x.shape[:2], num_heads, -1).transpose(1, 2)",
            "x.reshape(x.shape[0], num_heads, x.shape[1], -1)",
            en="(B, T, D) is reshaped straight to (B, H, T, K): a head then holds pieces of several tokens; split D "
               "first, then swap the axes",
            zh="(B, T, D) 被直接 reshape 成 (B, H, T, K)：一个头里混进了几个词元的碎片；应先拆 D，再交换轴",
        ),
        mutant(
            "merge_without_transpose", "(weights @ v).transpose(1, 2).flatten(2)",
            "(weights @ v).reshape(x_q.shape[0], x_q.shape[1], -1)",
            en="the heads are merged without swapping the axes back: (B, H, T, K) is not (B, T, H, K)",
            zh="合并头时没有把轴换回来：(B, H, T, K) 不是 (B, T, H, K)",
        ),
        mutant(
            "scale_of_model_width", "math.sqrt(q.shape[-1])", "math.sqrt(w_q.shape[0])",
            en="the scores are divided by √D = {sqrt(D)}; each head has only K = D / H numbers, hence √K",
            zh="得分除以了 √D = {sqrt(D)}；每个头只有 K = D / H 个数，应除以 √K",
        ),
        mutant(
            "no_scale", " / math.sqrt(q.shape[-1])", "",
            en="the scores are not divided by √K",
            zh="得分没有除以 √K",
        ),
        mutant(
            "scale_without_root", "math.sqrt(q.shape[-1])", "q.shape[-1]",
            en="the scores are divided by K, not by √K",
            zh="得分除以了 K，而不是 √K",
        ),
        mutant(
            "no_output_matrix", "return found @ w_o.T", "return found",
            en="w_o is not applied: the heads stand side by side and are not mixed",
            zh="没有乘 w_o：各头的结果只是并排放着，没有混合",
        ),
        mutant(
            "output_matrix_transposed", "return found @ w_o.T",
            "return found @ (w_o if w_o.shape[0] == w_o.shape[1] else w_o.T)",
            en="w_o is applied without the transpose; its rows are outputs, as in nn.Linear",
            zh="w_o 没有转置就用了；它的行是输出，与 nn.Linear 相同",
        ),
        mutant(
            "one_head", "    q, k, v = split", "    num_heads = 1\n    q, k, v = split",
            en="there is one head of width D; num_heads has no effect",
            zh="只有一个宽为 D 的头；num_heads 没有起作用",
        ),
        mutant(
            "strided_heads", "x.view(*x.shape[:2], num_heads, -1).transpose(1, 2)",
            "x.view(*x.shape[:2], -1, num_heads).permute(0, 3, 1, 2)",
            en="head h takes every H-th column; it owns K columns side by side: view (B, T, H, K), not (B, T, K, H)",
            zh="第 h 个头取了每隔 H 列的一列；它应占并排的 K 列：view 成 (B, T, H, K)，而不是 (B, T, K, H)",
        ),
        mutant(
            "width_for_heads", "x.view(*x.shape[:2], num_heads, -1)", "x.view(*x.shape[:2], -1, num_heads)",
            en="num_heads is taken for the width of a head: there are D / H heads of width H",
            zh="把 num_heads 当成了头的宽度：成了 D / H 个宽为 H 的头",
        ),
        mutant(
            "values_from_keys", "split(x_kv @ w_v.T)", "split(x_kv @ w_k.T)",
            en="the values are made by w_k; w_v is theirs",
            zh="值用了 w_k；它们的矩阵是 w_v",
        ),
        mutant(
            "keys_by_query_matrix", "split(x_kv @ w_k.T)",
            "split(x_kv @ (w_q if w_q.shape == w_k.shape and x_q.shape == x_kv.shape else w_k).T)",
            en="the keys are made by w_q; w_k is theirs",
            zh="键用了 w_q；它们的矩阵是 w_k",
        ),
        mutant(
            "keys_from_queries", "split(x_kv @ w_k.T)", "split((x_q if x_q.shape == x_kv.shape else x_kv) @ w_k.T)",
            en="the keys are made of x_q; keys and values come from x_kv",
            zh="键取自 x_q；键和值都应来自 x_kv",
        ),
        mutant(
            "softmax_over_heads", "torch.softmax(scores, -1)", "torch.softmax(scores, 1)",
            en="the softmax runs over the heads; the shares sum to one over the keys of each head",
            zh="softmax 沿头的轴进行；份额应在每个头内沿键的轴之和为一",
        ),
        mutant(
            "softmax_over_queries", "torch.softmax(scores, -1)", "torch.softmax(scores, -2)",
            en="the softmax runs over the queries, not over the keys",
            zh="softmax 沿查询的轴进行，而不是键的轴",
        ),
        mutant(
            "inverted_mask", "        dead = ~keep.any", "        keep = ~keep\n        dead = ~keep.any",
            en="the mask is read the other way round: keep = True means that the key may be seen",
            zh="掩码的含义弄反了：keep = True 表示这个键可以被看见",
        ),
        mutant(
            "mask_ignored", "    if keep is not None:\n        dead =",
            "    keep = None\n    if keep is not None:\n        dead =",
            en="keep has no effect",
            zh="keep 没有起作用",
        ),
        mutant(
            "zero_fill", "masked_fill(~(keep | dead), -math.inf)", "masked_fill(~(keep | dead), 0.0)",
            en="hidden scores are set to 0, and exp(0) = 1 still counts; set them to -inf",
            zh="被遮住的得分填成了 0，而 exp(0) = 1 仍占份额；应填 -inf",
        ),
        mutant(
            "dead_row_nan", "~(keep | dead), -math.inf", "~keep, -math.inf",
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
            "detached_weights", "(weights @ v).transpose", "(weights.detach() @ v).transpose",
            en="the weights are detached: w_q and w_k learn nothing",
            zh="权重被 detach 了：w_q 和 w_k 学不到任何东西",
        ),
    ],
)  # fmt: skip
