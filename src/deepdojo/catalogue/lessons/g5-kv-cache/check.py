"""The check of g5-kv-cache: a text given piece by piece must come out as if it were given whole."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("step")
def drive(step, x, other, w_q, w_k, w_v, w_o, num_heads, cuts, fork, later):
    ys, branch, cache, at = [], [], None, 0
    for i, length in enumerate(cuts):
        weights = (w_q, w_k, w_v, w_o) if later is None or i + 1 < len(cuts) else (w_q, *later, w_o)
        before = cache
        y, cache = step(x[:, at : at + length], before, *weights, num_heads)
        if i == fork:  # another text with the same beginning, written before this one goes on
            first, aside = step(other[:, :1], before, *weights, num_heads)
            branch = [first, step(other[:, 1:], aside, *weights, num_heads)[0]]
        ys.append(y)
        at += length
    found = {"y": torch.cat(ys, 1)}
    if branch:
        found["y_of_another_end"] = torch.cat(branch, 1)
    return found


def oracle(x, other, w_q, w_k, w_v, w_o, num_heads, cuts, fork, later):
    """The whole text, token by token and head by head; no cache."""
    width, last = w_q.shape[0] // num_heads, x.shape[1] - cuts[-1]

    def whole(text):
        made = [(w_k, w_v) if later is None or t < last else later for t in range(text.shape[1])]
        k, v = (torch.stack([text[:, t] @ pair[j].T for t, pair in enumerate(made)], 1) for j in (0, 1))
        q, rows = text @ w_q.T, []
        for t in range(text.shape[1]):
            parts = []
            for own in torch.arange(len(w_q)).split(width):
                scores = torch.einsum("bk,bsk->bs", q[:, t, own], k[:, : t + 1, own]) * width**-0.5
                shares = (scores - scores.logsumexp(1, keepdim=True)).exp()
                parts.append((shares[..., None] * v[:, : t + 1, own]).sum(1))
            rows.append(torch.cat(parts, 1) @ w_o.T)
        return torch.stack(rows, 1)

    found = {"y": whole(x)}
    if fork is not None:
        begin = sum(cuts[:fork])
        found["y_of_another_end"] = whole(torch.cat([x[:, :begin], other], 1))[:, begin:]
    return found


def given(cuts, fork=None, later=None, scale=0.6):
    return {
        "x": normal(f"B {sum(cuts)} I"), "other": normal("B 3 I") if fork is not None else None,
        "w_q": normal("D I", scale=scale), "w_k": normal("D I", scale=scale), "w_v": normal("D I"),
        "w_o": normal("O D"),
        "num_heads": lambda d: d.size("H"), "cuts": cuts, "fork": fork, "later": later,
    }  # fmt: skip


def shared_list(x_new, cache, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = ((x_new @ w.T).unflatten(-1, (num_heads, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    cache = [] if cache is None else cache
    cache.append((k, v))
    k, v = (torch.cat(each, 2) for each in zip(*cache, strict=True))
    back = torch.arange(q.shape[2])[:, None] + k.shape[2] - q.shape[2] - torch.arange(k.shape[2])
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(back < 0, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2) @ w_o.T, cache


def shared_buffer(x_new, cache, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = ((x_new @ w.T).unflatten(-1, (num_heads, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    keys, values, used = cache or (*(torch.zeros(*k.shape[:2], 64, k.shape[3]).to(k) for _ in range(2)), 0)
    end = used + k.shape[2]
    keys[:, :, used:end], values[:, :, used:end] = k, v
    ahead = torch.arange(end) > torch.arange(used, end)[:, None]
    scores = (q @ keys[:, :, :end].mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    return (scores.softmax(-1) @ values[:, :, :end]).transpose(1, 2).flatten(2) @ w_o.T, (keys, values, end)


def recompute(x_new, cache, w_q, w_k, w_v, w_o, num_heads):
    x = x_new if cache is None else torch.cat([cache, x_new], 1)
    q, k, v = ((x @ w.T).unflatten(-1, (num_heads, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
    ahead = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    y = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2) @ w_o.T
    return y[:, -x_new.shape[1] :], x


SIZES = {"B": 2, "I": 5, "H": 3, "D": 6, "O": 7}

check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("a text at once", sizes=SIZES, **given([5])),
        case("one token after another", sizes=SIZES, **given([1, 1, 1, 1])),
        case("a prompt, then single tokens", sizes=SIZES, **given([3, 1, 1])),
        case("pieces of several tokens", sizes={**SIZES, "H": 2, "D": 8}, **given([2, 3, 7, 1]), float32=False),
        case("one head", sizes={**SIZES, "H": 1}, **given([2, 1, 2]), float32=False),
        case("two ends of one beginning", sizes=SIZES, **given([2, 2, 2], fork=1)),
        case("two ends, token by token", sizes=SIZES, **given([2, 1, 1, 2], fork=2), float32=False),
        case(
            "large scores", sizes=SIZES, float32=False, **given([2, 2], scale=18.0),
            note=("scores in the hundreds and thousands", "得分上百、上千"),
            nan=("NaN for large scores", "得分较大时得到 NaN"),
        ),
        case(
            "weights that change", sizes=SIZES, float32=False, **given([3, 2, 1], later=[normal("D I"), normal("D I")]),
            note=("w_k and w_v are others at the last call", "最后一次调用换了 w_k 和 w_v"),
        ),
    ],
    mutants=[
        mutant(
            "top_left", "torch.arange(steps)[:, None] + seen - steps", "torch.arange(steps)[:, None]",
            en="the triangle is lined up at the top left: a new token counts as step 0 and does not see its past; it "
               "stands at step t + S − T",
            zh="三角形按左上角对齐了：新词元被当作第 0 步，看不见过去；它位于第 t + S − T 步",
        ),
        mutant(
            "no_mask", "scores = scores.masked_fill(back < 0, -math.inf)", "pass",
            en="nothing is hidden: within a piece of several tokens the early ones see the later ones",
            zh="什么都没有遮住：一段里有几个词元时，前面的看见了后面的",
        ),
        mutant(
            "top_left_for_several", "masked_fill(back < 0, -math.inf)",
            "masked_fill((torch.arange(steps)[:, None] < torch.arange(seen)) & (steps > 1), -math.inf)",
            en="one token sees everything, but a piece of several has its triangle at the top left, which is what "
               "is_causal=True of torch does: it does not see the past",
            zh="单个词元没有问题，但几个词元的段把三角形按左上角对齐了（torch 的 is_causal=True 就是这样）：看不见过去",
        ),
        mutant(
            "one_ahead", "masked_fill(back < 0,", "masked_fill(back < -1,",
            en="every token sees the next one of its piece",
            zh="每个词元都能看见本段的下一个词元",
        ),
        mutant(
            "zero_fill", "masked_fill(back < 0, -math.inf)", "masked_fill(back < 0, 0.0)",
            en="hidden scores are set to 0, and exp(0) = 1 still counts; set them to -inf",
            zh="被遮住的得分填成了 0，而 exp(0) = 1 仍占份额；应填 -inf",
        ),
        mutant(
            "fill_of_100", "masked_fill(back < 0, -math.inf)", "masked_fill(back < 0, -100.0)",
            en="hidden scores are set to −100, which is not small where the others are large and negative; set them to "
               "-inf",
            zh="被遮住的得分填成了 −100；其余得分是很大的负数时，它并不算小；应填 -inf",
        ),
        mutant(
            "softmax_overflows", "found = torch.softmax(scores, -1) @ v",
            "found = (scores.exp() / scores.exp().sum(-1, keepdim=True)) @ v",
            en="exp of a large score overflows; torch.softmax subtracts the largest score first",
            zh="较大的得分取 exp 会溢出；torch.softmax 会先减去最大的得分",
        ),
        mutant(
            "mask_at_the_first_call_only", "masked_fill(back < 0, -math.inf)",
            "masked_fill((back < 0) & (cache is None), -math.inf)",
            en="only the first call has a mask: later pieces of several tokens look ahead within themselves",
            zh="只有第一次调用用了掩码：之后有几个词元的段，内部会看到后面",
        ),
        mutant(
            "own_key_hidden", "masked_fill(back < 0, -math.inf)",
            "masked_fill((back < 0) | ((back == 0) & (torch.arange(seen) > 0)), -math.inf)",
            en="a token does not see itself; it may: the difference 0 is allowed",
            zh="词元看不见自己；应该看得见：差为 0 是允许的",
        ),
        mutant(
            "replaced", "k = torch.cat([cache[0], k], dim=2)\n        v = torch.cat([cache[1], v], dim=2)", "pass",
            en="the new keys and values take the place of the old ones, so everything before this call is forgotten",
            zh="新的键和值取代了旧的：这次调用之前的一切都被忘掉了",
        ),
        mutant(
            "prepended", "torch.cat([cache[0], k], dim=2)", "torch.cat([k, cache[0]], dim=2)",
            "torch.cat([cache[1], v], dim=2)", "torch.cat([v, cache[1]], dim=2)",
            en="the new keys stand before the old ones; time goes from left to right",
            zh="新的键接到了旧的前面；时间是从左到右的",
        ),
        mutant(
            "values_not_cached", "v = torch.cat([cache[1], v], dim=2)", "pass",
            en="the values are not kept: there are more shares than values",
            zh="没有保存值：份额比值多",
        ),
        mutant(
            "keys_for_values", "v = torch.cat([cache[1], v], dim=2)", "v = torch.cat([cache[0], v], dim=2)",
            en="the old values are taken from the kept keys",
            zh="旧的值取成了缓存里的键",
        ),
        mutant(
            "cache_of_this_call", "q, k, v = split(x_new @ w_q.T), split(x_new @ w_k.T), split(x_new @ w_v.T)\n",
            "q, k, v = split(x_new @ w_q.T), split(x_new @ w_k.T), split(x_new @ w_v.T)\n    new = k, v\n",
            "@ w_o.T, (k, v)", "@ w_o.T, new",
            en="what is returned holds the tokens of this call only; two calls later the beginning is lost",
            zh="返回的缓存只有这次调用的词元；再过两次调用，开头就丢了",
        ),
        mutant(
            "never_updated", "@ w_o.T, (k, v)", "@ w_o.T, (k, v) if cache is None else cache",
            en="the cache stays what the first call made it: later tokens are not added",
            zh="缓存一直停留在第一次调用之后的样子：后来的词元没有加进去",
        ),
        mutant(
            "last_token_kept", "@ w_o.T, (k, v)",
            "@ w_o.T, tuple(torch.cat([old, new[:, :, -1:]], 2) for old, new in zip(cache or (k[:, :, :0], "
            "v[:, :, :0]), (k, v)))",
            en="only the last token of a piece is kept; all of them are seen later",
            zh="一段里只保存了最后一个词元；之后它们都会被看到",
        ),
        mutant(
            "joined_on_the_heads", "torch.cat([cache[0], k], dim=2)", "torch.cat([cache[0], k], dim=1)",
            "torch.cat([cache[1], v], dim=2)", "torch.cat([cache[1], v], dim=1)",
            en="old and new keys are joined on the axis of the heads; (B, H, T, K) grows on the third axis",
            zh="新旧的键在头的轴上拼接了；(B, H, T, K) 应在第三个轴上增长",
        ),
        mutant(
            "shared_list", function=shared_list,
            en="the old cache is changed: two texts with the same beginning write into one list; return a new one",
            zh="旧缓存被改动了：开头相同的两个文本写进了同一个列表；应返回新的",
        ),
        mutant(
            "shared_buffer", function=shared_buffer,
            en="the old cache is changed: two texts with the same beginning write into the same buffer, each over the "
               "other's keys; copy before writing",
            zh="旧缓存被改动了：开头相同的两个文本写进了同一个缓冲区，互相覆盖；写之前先复制",
        ),
        mutant(
            "detached", "torch.cat([cache[0], k], dim=2)", "torch.cat([cache[0].detach(), k], dim=2)",
            "torch.cat([cache[1], v], dim=2)", "torch.cat([cache[1].detach(), v], dim=2)",
            en="the cache is detached: no gradient reaches the tokens that it holds",
            zh="缓存被 detach 了：梯度到不了缓存里的词元",
        ),
        mutant(
            "detached_when_kept", "@ w_o.T, (k, v)", "@ w_o.T, (k.detach(), v)",
            en="the kept keys are detached: they pass no gradient to the tokens that they were made of",
            zh="存下的键被 detach 了：梯度传不到产生它们的词元",
        ),
        mutant(
            "recompute", function=recompute,
            en="keys and values of earlier tokens are computed again at each call, which is the very work that a cache "
               "saves: keep k and v, not x",
            zh="每次调用都重新计算了以前词元的键和值，而缓存要省的正是这份计算：要保存的是 k 和 v，而不是 x",
        ),
        mutant(
            "scale_of_model_width", "math.sqrt(q.shape[-1])", "math.sqrt(w_q.shape[0])",
            en="the scores are divided by √D; each head has only K = D / H numbers, hence √K",
            zh="得分除以了 √D；每个头只有 K = D / H 个数，应除以 √K",
        ),
        mutant(
            "no_scale", " / math.sqrt(q.shape[-1])", "",
            en="the scores are not divided by √K",
            zh="得分没有除以 √K",
        ),
        mutant(
            "merge_without_transpose", "found.transpose(1, 2).flatten(2)", "found.reshape(*x_new.shape[:2], -1)",
            en="the heads are merged without swapping the axes back: (B, H, T, K) is not (B, T, H, K)",
            zh="合并头时没有把轴换回来：(B, H, T, K) 不是 (B, T, H, K)",
        ),
        mutant(
            "strided_heads", "x.unflatten(-1, (num_heads, -1)).transpose(1, 2)",
            "x.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2)",
            en="head h takes every H-th column; it owns K columns side by side",
            zh="第 h 个头取了每隔 H 列的一列；它应占并排的 K 列",
        ),
        mutant(
            "split_without_transpose", "x.unflatten(-1, (num_heads, -1)).transpose(1, 2)",
            "x.reshape(len(x), num_heads, x.shape[1], -1)",
            en="the heads are split by one reshape, which mixes tokens and heads: first (B, T, H, K), then swap axes",
            zh="一次 reshape 就分了头，把词元和头混在了一起：应先变成 (B, T, H, K)，再交换轴",
        ),
        mutant(
            "no_output_matrix", "flatten(2) @ w_o.T", "flatten(2)",
            en="w_o is not applied",
            zh="没有乘 w_o",
        ),
    ],
)  # fmt: skip
