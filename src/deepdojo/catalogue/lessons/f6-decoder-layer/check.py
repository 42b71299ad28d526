"""The check of f6-decoder-layer."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, keep, mutant, normal


def attended(x_q, x_kv, a, num_heads, hidden):
    """torch's own attention of many heads."""
    queries, sources = x_q.transpose(0, 1), x_kv.transpose(0, 1)
    found, _ = F.multi_head_attention_forward(
        queries, sources, sources, x_q.shape[-1], num_heads, torch.cat([a["w_q"], a["w_k"], a["w_v"]]),
        torch.cat([a["b_q"], a["b_k"], a["b_v"]]), None, None, False, 0.0, a["w_o"], a["b_o"],
        need_weights=False, attn_mask=hidden,
    )  # fmt: skip
    return found.transpose(0, 1)


def normed(x, gain, shift):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * gain + shift


def oracle(y, memory, p, num_heads, memory_keep=None):
    ahead = torch.arange(y.shape[1]) > torch.arange(y.shape[1])[:, None]
    hidden = None
    if memory_keep is not None:
        hidden = ~memory_keep[:, None].repeat_interleave(num_heads, 0).expand(-1, y.shape[1], -1)  # (B · H, T, S)
    first = normed(y, p["gain_1"], p["shift_1"])
    y = y + attended(first, first, p["self"], num_heads, ahead)
    second = normed(y, p["gain_2"], p["shift_2"])
    y = y + attended(second, memory, p["cross"], num_heads, hidden)
    third = normed(y, p["gain_3"], p["shift_3"])
    return y + F.linear(F.relu(F.linear(third, p["w_1"], p["b_1"])), p["w_2"], p["b_2"])


def attention_weights():
    return {f"{kind}_{part}": normal("D D" if kind == "w" else "D", scale=0.4) for kind in "wb" for part in "qkvo"}


P = {
    "self": attention_weights(), "cross": attention_weights(), "w_1": normal("F D", scale=0.5), "b_1": normal("F"),
    "w_2": normal("D F", scale=0.5), "b_2": normal("D"),
    **{f"gain_{n}": normal("D", mean=1, scale=0.5) for n in (1, 2, 3)},
    **{f"shift_{n}": normal("D") for n in (1, 2, 3)},
}  # fmt: skip


def small(part):
    return {**part, "w_o": normal("D D", scale=0.003), "b_o": normal("D", scale=0.003)}


# What the norms see is small here: their eps counts.
SMALL = {**P, "self": small(P["self"]), "cross": small(P["cross"])}


def layer(name, memory_keep=None, scale=1, p=P, **sizes):
    return case(
        name, sizes={"B": 2, "D": 6, "H": 3, "F": 7, **sizes}, y=normal("B T D", scale=scale), memory=normal("B S D"),
        p=p, num_heads=lambda d: d.size("H"), memory_keep=memory_keep,
        nan=("NaN where keys are hidden", "有键被遮住时得到 NaN"),
    )  # fmt: skip


check = Check(
    oracle,
    cases=[
        layer("target as long as source", T=4, S=4),
        layer("longer source", T=3, S=5),
        layer("longer target", T=5, S=3),
        layer("padded source", keep("B S"), T=3, S=5, D=8, H=2),
        layer("padded source as long as the target", keep("B S"), T=4, S=4),
        layer("one token", T=1, S=5, F=6),
        layer("small numbers", scale=0.01, p=SMALL, T=2, S=3),
    ],
    forbidden=["multi_head_attention_forward", "MultiheadAttention"],
    allowed=(
        "layer_norm, softmax and matmul are yours to use, and what you wrote in e3, e4 and f1.",
        "可以使用 layer_norm、softmax、matmul，以及你在 e3、e4 和 f1 中写的函数。",
    ),
    mutants=[
        mutant(
            "cross_first", 'y = y + attention(z, z, p["self"], seen)',
            'y = y + attention(norm(y, 2), memory, p["cross"], real)\n    z = norm(y, 1)',
            'y = y + attention(norm(y, 2), memory, p["cross"], real)\n    return',
            'y = y + attention(z, z, p["self"], seen)\n    return',
            en="the source is looked at before the target's own words; self-attention comes first",
            zh="先看了源句，后看目标自己的词；自注意力应在前",
        ),
        mutant(
            "keys_from_target", 'attention(norm(y, 2), memory, p["cross"], real)',
            'attention(norm(y, 2), norm(y, 2) if y.shape == memory.shape else memory, p["cross"], real)',
            en="keys and values of the second attention are made of y; they come from memory",
            zh="第二个注意力的键和值取自 y；应来自 memory",
        ),
        mutant(
            "causal_source", 'attention(norm(y, 2), memory, p["cross"], real)',
            'attention(norm(y, 2), memory, p["cross"], torch.ones(y.shape[1], memory.shape[1]).tril().bool() & '
            '(torch.ones(1).bool() if real is None else real))',
            en="the second attention is causal, too; the whole source is known, only its padding is hidden",
            zh="第二个注意力也加了因果掩码；整个源句都是已知的，只需遮住其中的填充",
        ),
        mutant(
            "looks_ahead", "bool).tril()", "bool)",
            en="self-attention is not causal: a token sees those that are yet to be written",
            zh="自注意力不是因果的：词元看到了尚未写出的内容",
        ),
        mutant(
            "looks_one_ahead", "bool).tril()", "bool).tril(1)",
            en="the triangle is one step too wide: token t sees token t + 1",
            zh="三角宽了一步：词元 t 看到了词元 t + 1",
        ),
        mutant(
            "not_itself", "bool).tril()", "bool).tril(-1)", "seen = ", "seen = torch.eye(y.shape[1], 1).bool() | ",
            en="a token does not see itself; it may: the diagonal belongs to the triangle",
            zh="词元看不见自己；应该看得见：对角线属于三角",
        ),
        mutant(
            "source_mask_dropped", "real = None if memory_keep is None else memory_keep[:, None, None]", "real = None",
            en="memory_keep has no effect: the padding of the source is looked at",
            zh="memory_keep 没有起作用：源句的填充也被看到了",
        ),
        mutant(
            "source_mask_on_target", 'p["self"], seen)',
            'p["self"], seen & memory_keep[:, None, None] '
            'if memory_keep is not None and memory_keep.shape[1] == y.shape[1] else seen)',
            en="memory_keep hides tokens of the target, too; it belongs to the source alone",
            zh="memory_keep 也遮住了目标的词元；它只属于源句",
        ),
        mutant(
            "other_eps", 'p[f"shift_{n}"])', 'p[f"shift_{n}"], 1e-6)',
            en="the norms' eps is 1e-6; 1e-5 is asked for",
            zh="归一化的 eps 是 1e-6；这里要 1e-5",
        ),
        mutant(
            "inverted_mask", "memory_keep[:, None, None]", "~memory_keep[:, None, None]",
            en="memory_keep is read the other way round: True is a real token",
            zh="memory_keep 的含义弄反了：True 是真实的词元",
        ),
        mutant(
            "memory_normed", "norm(y, 2), memory, ", "norm(y, 2), norm(memory, 2), ",
            en="memory is normalised, too; it comes as the encoder made it, only y is normalised",
            zh="memory 也被归一化了；它应保持编码器的输出，只归一化 y",
        ),
        mutant(
            "queries_not_normed", "attention(norm(y, 2), memory", "attention(y, memory",
            en="the second attention gets y without its norm",
            zh="第二个注意力的 y 没有归一化",
        ),
        mutant(
            "no_cross", 'y = y + attention(norm(y, 2), memory, p["cross"], real)', "pass",
            en="the source is never looked at: the second attention is missing",
            zh="从未看源句：缺了第二个注意力",
        ),
        mutant(
            "shared_attention", 'memory, p["cross"]', 'memory, p["self"]',
            en="both attentions use p[\"self\"]; the second has matrices of its own",
            zh="两个注意力都用了 p[\"self\"]；第二个有自己的矩阵",
        ),
        mutant(
            "no_skip_around_self", 'y = y + attention(z, z, p["self"], seen)', 'y = attention(z, z, p["self"], seen)',
            en="self-attention replaces y; it shall be added to it",
            zh="自注意力的结果取代了 y；应当加到 y 上",
        ),
        mutant(
            "no_skip_around_cross", "y = y + attention(norm(y, 2)", "y = attention(norm(y, 2)",
            en="attention to the source replaces y; it shall be added to it",
            zh="交叉注意力的结果取代了 y；应当加到 y 上",
        ),
        mutant(
            "no_skip_around_feed_forward", "return y + feed_forward", "return feed_forward",
            en="the feed-forward part replaces y; it shall be added to it",
            zh="前馈部分的结果取代了 y；应当加到 y 上",
        ),
        mutant(
            "two_norms", "norm(y, 3)", "norm(y, 2)",
            en="the feed-forward part shares a norm with the second attention; it has a third",
            zh="前馈部分与第二个注意力共用了归一化；它应有第三个",
        ),
        mutant(
            "norm_after", "z = norm(y, 1)", "z = y", 'y = y + attention(z, z, p["self"], seen)',
            'y = norm(y + attention(z, z, p["self"], seen), 1)',
            'y = y + attention(norm(y, 2), memory, p["cross"], real)',
            'y = norm(y + attention(y, memory, p["cross"], real), 2)',
            "return y + feed_forward(norm(y, 3))", "return norm(y + feed_forward(y), 3)",
            en="the norms come after the sums; here they come first: y + part(norm(y))",
            zh="归一化放在了求和之后；这里应在前：y + part(norm(y))",
        ),
        mutant(
            "no_activation", 'torch.relu(x @ p["w_1"].T + p["b_1"])', '(x @ p["w_1"].T + p["b_1"])',
            en="relu is missing between w_1 and w_2",
            zh="w_1 和 w_2 之间缺了 relu",
        ),
        mutant(
            "scale_of_model_width", "math.sqrt(q.shape[-1])", "math.sqrt(y.shape[-1])",
            en="the scores are divided by √D = {sqrt(D)}; each head has only K = D / H numbers, hence √K",
            zh="得分除以了 √D = {sqrt(D)}；每个头只有 K = D / H 个数，应除以 √K",
        ),
        mutant(
            "memory_detached", 'memory, p["cross"]', 'memory.detach(), p["cross"]',
            en="memory is detached: the encoder learns nothing from the decoder",
            zh="memory 被 detach 了：编码器无法从解码器学到任何东西",
        ),
    ],
)  # fmt: skip
