"""The check of g6-beam: many small language models, each a table that is looked up by the whole beginning."""

import itertools
import math

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("beam_search")
def drive(beam_search, tables, bos, eos, beam_size, max_len, alpha):
    texts, scores = [], []
    for table in tables.log_softmax(-1):

        def next_log_probs(beginning, table=table):
            place = 0
            for token in beginning:
                place = (place * 7 + int(token) + 1) % len(table)
            return table[place].clone()

        tokens, score = beam_search(next_log_probs, bos, eos, beam_size, max_len, alpha)
        texts.append([int(token) for token in tokens])
        scores.append(float(score))
    return {"tokens": texts, "scores": scores}


def best_text(table, bos, eos, beam_size, max_len, alpha):
    """From all texts, length by length: who has a living parent, and fewer than the free places above it."""
    value, living, ended = {(): 0.0}, {()}, []
    for n in range(1, max_len + 1):
        for text in itertools.product(range(len(table[0])), repeat=n):
            if text[:-1] in living:
                place = 0
                for token in (bos, *text[:-1]):
                    place = (place * 7 + token + 1) % len(table)
                whole = math.log(math.fsum(math.exp(v) for v in table[place]))
                value[text] = value[text[:-1]] + table[place][text[-1]] - whole
        rivals = [text for text in value if len(text) == n]
        free = beam_size - len(ended)
        chosen = {text for text in rivals if sum(value[other] > value[text] for other in rivals) < free}
        living = {text for text in chosen if text[-1] != eos}
        ended += [text for text in chosen if text[-1] == eos]
    score, text = max((value[text] / len(text) ** alpha, text) for text in [*ended, *living])
    return list(text), score


def oracle(tables, bos, eos, beam_size, max_len, alpha):
    found = [best_text(table, bos, eos, beam_size, max_len, alpha) for table in tables.tolist()]
    return {"tokens": [text for text, _ in found], "scores": [score for _, score in found]}


def models(count, tokens, eos, likely, scale=1.5):
    """So many models; `likely` makes eos common or rare."""

    def draw(d):
        table = scale * torch.randn(count, 97, tokens, generator=d.gen, dtype=torch.float64)
        table[:, :, eos] += likely
        return table

    return draw


def fixed_models(d):
    """The same with every seed, chosen so that ended and live texts compete: among drawn models that is rare."""
    table = 1.5 * torch.randn(12, 97, 4, generator=torch.Generator().manual_seed(26), dtype=torch.float64)
    table[:, :, 1] += 0.5
    return table


def run(name, count, beam_size, max_len, alpha, likely=0.0, tokens=4, bos=0, eos=1):
    return case(
        name, tables=models(count, tokens, eos, likely), bos=bos, eos=eos, beam_size=beam_size, max_len=max_len,
        alpha=alpha, float32=False,
    )  # fmt: skip


def one_child(next_log_probs, bos, eos, beam_size, max_len, alpha):
    """The first step opens the beam; from then on each text keeps its own best extension."""
    first = next_log_probs([bos])
    totals, tokens = first.topk(min(beam_size, len(first)))
    texts = [([int(t)], float(s)) for t, s in zip(tokens, totals)]
    for _ in range(max_len - 1):
        for i, (text, total) in enumerate(texts):
            if text[-1] != eos:
                s, t = next_log_probs([bos, *text]).max(0)
                texts[i] = ([*text, int(t)], total + float(s))
    scored = [(text, total / len(text) ** alpha) for text, total in texts]
    return max(scored, key=lambda text: text[1])


def ended_compete(next_log_probs, bos, eos, beam_size, max_len, alpha):
    """Ended texts are ranked anew at each step, with the longer live ones."""
    beam = [([], 0.0)]
    for _ in range(max_len):
        rivals = [text for text in beam if text[0] and text[0][-1] == eos]
        for text, total in beam:
            if not text or text[-1] != eos:
                values = next_log_probs([bos, *text]).tolist()
                rivals += [([*text, token], total + value) for token, value in enumerate(values)]
        beam = sorted(rivals, key=lambda text: -text[1])[:beam_size]
    scored = [(text, total / len(text) ** alpha) for text, total in beam]
    return max(scored, key=lambda text: text[1])


LAST = "    scored = [(tokens, total / len(tokens) ** alpha) for tokens, total in ended + live]\n"

check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("no text ends", 6, 2, 4, 1.0, likely=-30.0),
        run("one step", 4, 3, 1, 1.0),
        run("greedy: a beam of one", 8, 1, 4, 0.6),
        run("a beam of three", 8, 3, 4, 0.7),
        case(
            "many models", tables=fixed_models, bos=0, eos=1, beam_size=2, max_len=4, alpha=2.0, float32=False,
        ),
        run("no penalty", 8, 3, 4, 0.0, bos=2, eos=3),
        run("texts that end early", 16, 3, 4, 1.0, likely=1.5),
        run("a strong penalty", 16, 2, 4, 1.5, likely=0.5, eos=0, bos=3),
        run("a beam wider than the vocabulary", 8, 6, 3, 1.0, tokens=3, eos=2),
    ],
    gradient=False,
    layout=False,
    hang=("Does the search end after max_len tokens?", "到了 max_len 个词元，搜索会结束吗？"),
    mutants=[
        mutant(
            "greedy", "    live: list", "    beam_size = 1\n    live: list",
            en="one text only is kept (greedy search); keep the best {beam_size}",
            zh="只保留了一条文本（贪心搜索）；应保留最好的 {beam_size} 条",
        ),
        mutant(
            "one_child", function=one_child,
            en="each text keeps its own best extension; rank the extensions of all texts together, so that a good "
               "text may have two and a bad one none",
            zh="每条文本各自保留了最好的一个扩展；应把所有文本的扩展放在一起排序：好的可以留下两个，差的可以一个不留",
        ),
        mutant(
            "after_eos", "if text[0][-1] != eos]", "]", "if text[0][-1] == eos]", "if False]",
            en="texts go on after eos; a text that ends with eos is not extended any more",
            zh="文本在 eos 之后仍在继续；以 eos 结尾的文本不应再扩展",
        ),
        mutant(
            "first_eos", "if text[0][-1] == eos]\n",
            "if text[0][-1] == eos]\n        if ended:\n            live = []\n",
            en="the search stops when the first text ends; a live one may still get the better score",
            zh="第一条文本结束时搜索就停了；未结束的文本仍可能得分更高",
        ),
        mutant(
            "counts_bos", "len(tokens) ** alpha", "(len(tokens) + 1) ** alpha",
            en="bos is counted in the length; it is no part of the text",
            zh="长度把 bos 也算了进去；它不属于文本",
        ),
        mutant(
            "eos_not_counted", "len(tokens) ** alpha", "max(1, len(tokens) - (tokens[-1] == eos)) ** alpha",
            en="eos is not counted in the length; it is a token with a log-probability of its own",
            zh="长度没有算上 eos；它也是一个词元，有自己的对数概率",
        ),
        mutant(
            "no_penalty", "total / len(tokens) ** alpha", "total",
            en="the total is not divided by length ** alpha: short texts win",
            zh="总分没有除以 length ** alpha：短文本占了便宜",
        ),
        mutant(
            "adds_probabilities", "total + log_prob", "total + 2.718281828459045**log_prob",
            en="probabilities are added; the probability of a text is their product, so add the log-probabilities",
            zh="把概率加了起来；文本的概率是它们的乘积，应把对数概率相加",
        ),
        mutant(
            "last_only", "total + log_prob", "log_prob",
            en="a text is judged by its last token alone; add up the log-probabilities of all its tokens",
            zh="只按最后一个词元评判文本；应累加所有词元的对数概率",
        ),
        mutant(
            "drops_unfinished", "in ended + live]", "in ended or live]",
            en="texts that are still live after max_len tokens are dropped; they compete, too",
            zh="到 max_len 时仍未结束的文本被丢掉了；它们同样参与比较",
        ),
        mutant(
            "full_width", "candidates[: beam_size - len(ended)]", "candidates[:beam_size]",
            en="ended texts give their places back; each keeps its own, so that beam_size texts are found in all",
            zh="已结束的文本让出了位置；它们应各占一个位置，总共只找 beam_size 条",
        ),
        mutant(
            "eos_cut_off", LAST, LAST + "    scored = [(t[:-1] if t[-1] == eos else t, s) for t, s in scored]\n",
            en="eos is cut off the answer; it is the text's last token",
            zh="答案里去掉了 eos；它是文本的最后一个词元",
        ),
        mutant(
            "bos_returned", LAST, LAST + "    scored = [([bos, *t], s) for t, s in scored]\n",
            en="the answer begins with bos; return the tokens behind it",
            zh="答案以 bos 开头；应返回它之后的词元",
        ),
        mutant(
            "total_returned", LAST, LAST + "    return max(ended + live, key=lambda t: t[1] / len(t[0]) ** alpha)\n",
            en="the text is right, but its total is returned; the score is divided by length ** alpha",
            zh="文本是对的，但返回的是总分；得分应除以 length ** alpha",
        ),
        mutant(
            "ended_compete", function=ended_compete,
            en="ended texts are ranked against live ones of another length, and may push them out or be pushed out; "
               "an ended text leaves the ranking and keeps its place",
            zh="已结束的文本又与长度不同的未结束文本一起排序，会互相挤掉；已结束的文本应退出排序，并保留自己的位置",
        ),
        mutant(
            "constant_of_wu", "len(tokens) ** alpha", "((5 + len(tokens)) / 6) ** alpha",
            en="the length penalty is that of Wu et al., ((5 + n) / 6) ** alpha; here it is n ** alpha",
            zh="用的是 Wu 等人的长度惩罚 ((5 + n) / 6) ** alpha；这里是 n ** alpha",
        ),
        mutant(
            "no_bos", "[bos, *tokens]", "tokens",
            en="next_log_probs is called without bos in front",
            zh="调用 next_log_probs 时前面少了 bos",
        ),
        mutant(
            "one_short", "range(max_len)", "range(max(1, max_len - 1))",
            en="texts get one token fewer than max_len; bos is not counted",
            zh="文本比 max_len 少了一个词元；bos 不计入长度",
        ),
    ],
)  # fmt: skip
