"""The check of g4-sampling: what is kept, exactly; what is drawn, by chi squared at a false alarm below 1e-9."""

import math

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("filter_logits", "sample")
def drive(filter_logits, sample, logits, temperature, top_k, top_p, dice):
    kept = filter_logits(logits, temperature, top_k, top_p)
    if dice is None:
        return {"kept": kept}
    rows, width = dice.shape
    many = dice.repeat(6000, 1)  # the kinds of rows take turns
    given = [many.clone() for _ in range(3)]
    before = torch.random.get_rng_state()
    drawn, again, other = (sample(x, torch.Generator().manual_seed(seed)) for x, seed in zip(given, (11, 11, 12)))
    one_each = list(drawn.shape) == [len(many)]
    counts = torch.zeros(rows, width, dtype=torch.float64)
    if one_each:
        kind = torch.arange(len(many)) % rows
        counts.index_put_((kind, drawn.long().clamp(0, width - 1)), torch.ones(1).double(), accumulate=True)
    possible = dice > -math.inf

    def far_from(shares):
        return float(((counts - 6000 * shares).square() / (6000 * shares)).where(possible, 0.0).sum(1).max())

    return {
        "kept": kept,
        "one token for each row": one_each,
        "type of tokens": str(drawn.dtype),
        "logits given to sample are left alone": all(torch.equal(x, many) for x in given),
        "no token that may not be drawn": bool(counts[~possible].sum() == 0),
        "drawn by their shares": far_from(torch.softmax(dice.double(), -1)) < 90,
        "all equally often": far_from(possible / possible.sum(1, keepdim=True)) < 90,
        "the same generator draws the same": bool(torch.equal(drawn, again)),
        "another generator draws others": not torch.equal(drawn, other),
        "the global generator is left alone": bool(torch.equal(before, torch.random.get_rng_state())),
    }  # fmt: skip


def oracle(logits, temperature, top_k, top_p, dice):
    """Row by row, in plain Python."""
    out = []
    for row in logits.tolist():
        row = [v / temperature for v in row]
        ranked = sorted(range(len(row)), key=lambda i: -row[i])
        ranked = ranked if top_k is None else ranked[:top_k]
        if top_p is not None:
            top = row[ranked[0]]
            mass = sum(math.exp(row[i] - top) for i in ranked)
            total, kept = 0.0, []
            for i in ranked:
                kept.append(i)
                total += math.exp(row[i] - top) / mass
                if total >= top_p:
                    break
            ranked = kept
        out.append([v if i in ranked else -math.inf for i, v in enumerate(row)])
    answer = {"kept": torch.tensor(out, dtype=logits.dtype)}
    if dice is not None:
        answer |= {
            "one token for each row": True, "type of tokens": "torch.int64",
            "logits given to sample are left alone": True, "no token that may not be drawn": True,
            "drawn by their shares": True, "all equally often": False, "the same generator draws the same": True,
            "another generator draws others": True, "the global generator is left alone": True,
        }  # fmt: skip
    return answer


def dice(d):
    """Two kinds of rows over six tokens, one impossible in each; shares from 8 to 38 %, so that chi squared does not
    mislead and equal shares are far off. The second kind has logits near 900, whose exp overflows."""
    values = torch.tensor([0.8, 0.4, 0, -0.4, -0.8, -math.inf], dtype=torch.float64)
    orders = [torch.randperm(6, generator=d.gen) for _ in range(2)]
    while torch.equal(*orders):
        orders[1] = torch.randperm(6, generator=d.gen)
    return torch.stack([values[orders[0]], values[orders[1]] + 900])


def run(name, temperature, top_k, top_p, drawn=None, **sizes):
    return case(
        name, sizes={"V": (11, 13), **sizes}, logits=normal("B V", scale=2, grad=False), temperature=temperature,
        top_k=top_k, top_p=top_p, dice=drawn, float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("as they are", 1.0, None, None, dice),
        run("temperature", 0.7, None, None),
        run("top-k", 1.0, 3, None),
        run("top-p", 1.0, None, 0.8),
        run("all three", 1.6, 6, 0.7),
        run("a sharp temperature and top-p", 0.5, None, 0.9),
        run("k of one", 1.0, 1, None),
        run("k larger than the vocabulary", 1.3, 50, 0.9),
        run("a tiny p", 1.0, None, 1e-6),
        run("p of one", 1.0, 4, 1.0),
    ],
    gradient=False,
    layout=False,
    mutants=[
        mutant(
            "crossing_dropped", "before >= top_p", "before + shares >= top_p",
            en="the token with which the sum reaches p is dropped; it is the last one that stays",
            zh="使累积和达到 p 的那个词元被去掉了；它应是最后一个留下的",
        ),
        mutant(
            "left_sorted", "torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before >= top_p)",
            "before >= top_p",
            en="the verdict is still in sorted order when it meets the logits; put it back with scatter",
            zh="结果还是排序后的次序就用到了 logits 上；应当用 scatter 放回原位",
        ),
        mutant(
            "ascending", "sort(-1, descending=True)", "sort(-1)",
            en="the shares are sorted from small to large: the rarest tokens stay",
            zh="份额按从小到大排序了：留下的是最少见的词元",
        ),
        mutant(
            "temperature_multiplied", "logits / temperature", "logits * temperature",
            en="the logits are multiplied by the temperature: hot becomes cold",
            zh="logits 乘以了温度：热变成了冷",
        ),
        mutant(
            "temperature_last", "    logits = logits / temperature\n", "    pass\n",
            "        logits = logits.masked_fill(drop, -torch.inf)\n    return logits",
            "        logits = logits.masked_fill(drop, -torch.inf)\n    return logits / temperature",
            en="the temperature comes last: top-p has cut by the shares of temperature 1",
            zh="温度放在了最后：top-p 是按温度为 1 时的份额截断的",
        ),
        mutant(
            "p_of_all", "shares, order = torch.softmax(logits, -1)", "shares, order = torch.softmax(whole, -1)",
            "    logits = logits / temperature\n", "    logits = logits / temperature\n    whole = logits\n",
            en="top-p adds up the shares before top-k; after top-k those that remain sum to one again",
            zh="top-p 累加的是 top-k 之前的份额；top-k 之后，剩下的份额应重新加起来等于一",
        ),
        mutant(
            "zero_fill", "logits = logits.masked_fill(logits < threshold, -torch.inf)",
            "logits = logits.masked_fill(logits < threshold, 0.0)",
            "logits = logits.masked_fill(drop, -torch.inf)", "logits = logits.masked_fill(drop, 0.0)",
            en="what is cut is set to 0, and a logit of 0 is quite likely; set it to -inf",
            zh="被截断的填成了 0，而 logit 为 0 的词元相当常见；应填 -inf",
        ),
        mutant(
            "k_crashes", "top_k is not None and top_k < logits.shape[-1]", "top_k is not None",
            en="topk with more than there are raises an error; with k larger than the vocabulary all stay",
            zh="topk 的 k 大于个数时会报错；k 大于词表时应全部留下",
        ),
        mutant(
            "threshold_dropped", "logits < threshold", "logits <= threshold",
            en="the k-th largest itself is dropped: k − 1 tokens stay",
            zh="第 k 大的那个也被去掉了：只留下 k − 1 个词元",
        ),
        mutant(
            "shares_for_logits", "        logits = logits.masked_fill(drop, -torch.inf)\n",
            "        logits = torch.softmax(logits, -1).masked_fill(drop, -torch.inf)\n",
            en="after top-p shares are given back, not logits",
            zh="top-p 之后返回的是份额，而不是 logits",
        ),
        mutant(
            "greedy", "torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)",
            "logits.argmax(-1)",
            en="sample takes the most likely token and never draws",
            zh="sample 总取最可能的词元，从不抽签",
        ),
        mutant(
            "global_chance", ", generator=generator", "",
            en="sample draws from the global generator, not from the one that it is given: it cannot be repeated",
            zh="sample 用的是全局随机数，而不是传入的 generator：结果无法重现",
        ),
        mutant(
            "uniform", "torch.multinomial(torch.softmax(logits, -1), 1",
            "torch.multinomial((logits > -torch.inf).to(logits.dtype), 1",
            en="all tokens that may be drawn are equally likely; they are drawn by their shares",
            zh="所有可抽的词元机会均等；应按份额抽取",
        ),
        mutant(
            "dice_of_the_first_row", "torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)",
            "torch.multinomial(torch.softmax(logits[0], -1), len(logits), replacement=True, generator=generator)",
            en="all rows are drawn by the shares of the first; each row has its own",
            zh="所有行都按第一行的份额抽取；每一行有自己的份额",
        ),
        mutant(
            "exp_overflows", "torch.multinomial(torch.softmax(logits, -1), 1", "torch.multinomial(logits.exp(), 1",
            en="exp of a large logit overflows, and infinity is no share; torch.softmax subtracts the largest first",
            zh="较大的 logit 取 exp 会溢出，而无穷不是份额；torch.softmax 会先减去最大值",
        ),
        mutant(
            "seeds_the_generator", "    return torch.multinomial(",
            "    generator = generator.manual_seed(0)\n    return torch.multinomial(",
            en="sample seeds the generator, so every call draws the same; take it as it comes",
            zh="sample 给 generator 重新设了种子，每次调用抽到的都一样；应原样使用",
        ),
        mutant(
            "changes_its_logits", "    return torch.multinomial(",
            "    logits -= logits.amax(-1, keepdim=True)\n    return torch.multinomial(",
            en="sample changes the logits that it is given; the caller still needs them",
            zh="sample 改动了传入的 logits；调用者还要用它",
        ),
        mutant(
            "int32", "generator=generator).squeeze(-1)", "generator=generator).squeeze(-1).int()",
            en="the tokens are int32; token numbers are int64",
            zh="词元编号是 int32；应为 int64",
        ),
    ],
)  # fmt: skip
