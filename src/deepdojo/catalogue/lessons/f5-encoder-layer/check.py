"""The check of f5-encoder-layer: real tokens are compared, padding never."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, adapt, case, keep, mutant, normal


@adapt("encoder_layer")
def drive(encoder_layer, x, p, num_heads, keep, norm_first):
    y = encoder_layer(x, p, num_heads, keep, norm_first)
    if keep is not None and isinstance(y, torch.Tensor) and y.shape == x.shape:
        y = y.masked_fill(~keep[..., None], 0.0)
    return y


def attended(x, a, num_heads, keep):
    """torch's own attention of many heads."""
    steps, hidden = x.transpose(0, 1), None
    if keep is not None:
        hidden = ~keep[:, None].repeat_interleave(num_heads, 0).expand(-1, x.shape[1], -1)  # (B · H, T, T)
    found, _ = F.multi_head_attention_forward(
        steps, steps, steps, x.shape[-1], num_heads, torch.cat([a["w_q"], a["w_k"], a["w_v"]]),
        torch.cat([a["b_q"], a["b_k"], a["b_v"]]), None, None, False, 0.0, a["w_o"], a["b_o"],
        attn_mask=hidden, need_weights=False,
    )  # fmt: skip
    return found.transpose(0, 1)


def normed(x, gain, shift):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * gain + shift


def oracle(x, p, num_heads, keep=None, norm_first=True):
    ones, twos = (p["gain_1"], p["shift_1"]), (p["gain_2"], p["shift_2"])
    heard = attended(normed(x, *ones) if norm_first else x, p["self"], num_heads, keep)
    middle = x + heard if norm_first else normed(x + heard, *ones)
    given = normed(middle, *twos) if norm_first else middle
    thought = F.linear(F.relu(F.linear(given, p["w_1"], p["b_1"])), p["w_2"], p["b_2"])
    y = middle + thought if norm_first else normed(middle + thought, *twos)
    return y if keep is None else torch.where(keep[..., None], y, torch.zeros_like(y))


SELF = {f"{kind}_{part}": normal("D D" if kind == "w" else "D", scale=0.5) for kind in "wb" for part in "qkvo"}
P = {
    "self": SELF, "w_1": normal("F D", scale=0.5), "b_1": normal("F"), "w_2": normal("D F", scale=0.5),
    "b_2": normal("D"), "gain_1": normal("D", mean=1, scale=0.5), "shift_1": normal("D"),
    "gain_2": normal("D", mean=1, scale=0.5), "shift_2": normal("D"),
}  # fmt: skip


# What the norms see is small here: their eps counts.
SMALL = {**P, "self": {**SELF, "w_o": normal("D D", scale=0.003), "b_o": normal("D", scale=0.003)}}


def layer(name, norm_first, keep=None, sizes=None, scale=1, p=P):
    return case(
        name, sizes={"D": 12, "H": 3, "F": 7, **(sizes or {})}, x=normal("B T D", scale=scale), p=p,
        num_heads=lambda d: d.size("H"), keep=keep, norm_first=norm_first,
        nan=("NaN where keys are hidden", "有键被遮住时得到 NaN"),
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        layer("norm first", True),
        layer("norm after", False),
        layer("norm first, padding", True, keep("B T")),
        layer("norm after, padding", False, keep("B T"), {"D": 8, "H": 2}),
        layer("one token", True, None, {"T": 1, "D": 6, "F": 6}),
        layer("small numbers", True, None, {"D": 6, "H": 2}, 0.01, SMALL),
    ],
    forbidden=["multi_head_attention_forward", "MultiheadAttention", "transformer_encoder_layer_fwd"],
    allowed=(
        "layer_norm, softmax and matmul are yours to use, and what you wrote in e4 and f1.",
        "可以使用 layer_norm、softmax、matmul，以及你在 e4 和 f1 中写的函数。",
    ),
    mutants=[
        mutant(
            "no_skip_around_attention", "x = x + attention(norm_1(x))", "x = attention(norm_1(x))",
            "x = norm_1(x + attention(x))", "x = norm_1(attention(x))",
            en="attention replaces x; it shall be added to it",
            zh="注意力的结果取代了 x；应当加到 x 上",
        ),
        mutant(
            "no_skip_around_feed_forward", "return x + feed_forward(norm_2(x))", "return feed_forward(norm_2(x))",
            "return norm_2(x + feed_forward(x))", "return norm_2(feed_forward(x))",
            en="the feed-forward part replaces x; it shall be added to it",
            zh="前馈部分的结果取代了 x；应当加到 x 上",
        ),
        mutant(
            "shared_norm", 'p["gain_2"], p["shift_2"]', 'p["gain_1"], p["shift_1"]',
            en="both parts share the first norm's gain and shift; each has its own (a well-known listing errs here)",
            zh="两个部分共用了第一个归一化的增益和偏移；应各有各的（一份流传很广的代码就错在这里）",
        ),
        mutant(
            "norms_exchanged", "x = x + attention(norm_1(x))", "x = x + attention(norm_2(x))",
            "return x + feed_forward(norm_2(x))", "return x + feed_forward(norm_1(x))",
            "x = norm_1(x + attention(x))", "x = norm_2(x + attention(x))",
            "return norm_2(x + feed_forward(x))", "return norm_1(x + feed_forward(x))",
            en="the two norms are exchanged: gain_1 and shift_1 belong to attention",
            zh="两个归一化弄反了：gain_1 和 shift_1 属于注意力",
        ),
        mutant(
            "feed_forward_first", "x = x + attention(norm_1(x))", "x = x + feed_forward(norm_2(x))",
            "return x + feed_forward(norm_2(x))", "return x + attention(norm_1(x))",
            "x = norm_1(x + attention(x))", "x = norm_2(x + feed_forward(x))",
            "return norm_2(x + feed_forward(x))", "return norm_1(x + attention(x))",
            en="the feed-forward part comes before attention; tokens are mixed first",
            zh="前馈部分放在了注意力之前；应先混合词元",
        ),
        mutant(
            "skip_from_normalised", "x = x + attention(norm_1(x))", "x = norm_1(x)\n        x = x + attention(x)",
            "return x + feed_forward(norm_2(x))", "x = norm_2(x)\n        return x + feed_forward(x)",
            en="what is added is the normalised x; the way around a part carries x as it came in",
            zh="加上的是归一化之后的 x；绕过一个部分的那条路应原样携带 x",
        ),
        mutant(
            "order_of_norm_reversed", "    if norm_first:", "    if not norm_first:",
            en="norm_first is read the other way round",
            zh="norm_first 的含义弄反了",
        ),
        mutant(
            "always_norm_first", "    if norm_first:", "    if True:",
            en="norm_first has no effect: the norm always comes before the part",
            zh="norm_first 没有起作用：归一化总在各部分之前",
        ),
        mutant(
            "always_norm_after", "    if norm_first:", "    if False:",
            en="norm_first has no effect: the norm always comes after the part",
            zh="norm_first 没有起作用：归一化总在各部分之后",
        ),
        mutant(
            "norm_of_the_part", "x = x + attention(norm_1(x))", "x = x + norm_1(attention(x))",
            "return x + feed_forward(norm_2(x))", "return x + norm_2(feed_forward(x))",
            "x = norm_1(x + attention(x))", "x = x + norm_1(attention(x))",
            "return norm_2(x + feed_forward(x))", "return x + norm_2(feed_forward(x))",
            en="only the part's result is normalised; norm after means norm(x + part(x)), norm first x + part(norm(x))",
            zh="只归一化了各部分的结果；后归一化是 norm(x + part(x))，前归一化是 x + part(norm(x))",
        ),
        mutant(
            "no_activation", 'torch.relu(x @ p["w_1"].T + p["b_1"])', '(x @ p["w_1"].T + p["b_1"])',
            en="relu is missing between w_1 and w_2: two matrices in a row are one matrix",
            zh="w_1 和 w_2 之间缺了 relu：两个相连的矩阵等于一个矩阵",
        ),
        mutant(
            "gelu", 'torch.relu(x @ p["w_1"].T + p["b_1"])', 'F.gelu(x @ p["w_1"].T + p["b_1"])',
            en="gelu bends the feed-forward part; relu is asked for",
            zh="前馈部分用了 gelu；这里要 relu",
        ),
        mutant(
            "relu_at_the_end", 'torch.relu(x @ p["w_1"].T + p["b_1"]) @ p["w_2"].T + p["b_2"]',
            'torch.relu((x @ p["w_1"].T + p["b_1"]) @ p["w_2"].T + p["b_2"])',
            en="relu comes after w_2; it stands between w_1 and w_2",
            zh="relu 放在了 w_2 之后；它应在 w_1 和 w_2 之间",
        ),
        mutant(
            "scale_of_model_width", "math.sqrt(q.shape[-1])", "math.sqrt(x.shape[-1])",
            en="the scores are divided by √D = {sqrt(D)}; each head has only K = D / H numbers, hence √K",
            zh="得分除以了 √D = {sqrt(D)}；每个头只有 K = D / H 个数，应除以 √K",
        ),
        mutant(
            "one_head", "    def attention(x):\n", "    num_heads = 1\n\n    def attention(x):\n",
            en="there is one head of width D; num_heads has no effect",
            zh="只有一个宽为 D 的头；num_heads 没有起作用",
        ),
        mutant(
            "no_output_bias", '@ a["w_o"].T + a["b_o"]', '@ a["w_o"].T',
            en="b_o is not added",
            zh="没有加 b_o",
        ),
        mutant(
            "mask_on_queries", "~keep[:, None, None]", "~keep[:, None, :, None]",
            en="the mask hides queries, rows of the scores; it hides keys, their columns: (B, 1, 1, T)",
            zh="掩码遮住了查询（得分的行）；应遮住键（得分的列）：(B, 1, 1, T)",
        ),
        mutant(
            "mask_ignored", "if keep is not None:", "if False:",
            en="keep has no effect: padding is looked at",
            zh="keep 没有起作用：填充也被看到了",
        ),
        mutant(
            "inverted_mask", "~keep[:, None, None]", "keep[:, None, None]",
            en="the mask is read the other way round: keep = True is a real token",
            zh="掩码的含义弄反了：keep = True 是真实的词元",
        ),
        mutant(
            "zero_fill", "~keep[:, None, None], -math.inf", "~keep[:, None, None], 0.0",
            en="hidden scores are set to 0, and exp(0) = 1 still counts; set them to -inf",
            zh="被遮住的得分填成了 0，而 exp(0) = 1 仍占份额；应填 -inf",
        ),
        mutant(
            "other_eps", 'p["gain_1"], p["shift_1"])', 'p["gain_1"], p["shift_1"], 1e-6)',
            'p["gain_2"], p["shift_2"])', 'p["gain_2"], p["shift_2"], 1e-6)',
            en="the norms' eps is 1e-6; 1e-5 is asked for",
            zh="归一化的 eps 是 1e-6；这里要 1e-5",
        ),
        mutant(
            "detached_skip", "x = x + attention(norm_1(x))", "x = x.detach() + attention(norm_1(x))",
            "x = norm_1(x + attention(x))", "x = norm_1(x.detach() + attention(x))",
            en="the way around attention is detached: the gradient of deep layers has no short way back",
            zh="绕过注意力的那条路被 detach 了：深层的梯度失去了捷径",
        ),
    ],
)  # fmt: skip
