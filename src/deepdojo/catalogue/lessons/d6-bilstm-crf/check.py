"""The check of d6-bilstm-crf: all tag sequences of each row are listed, at most 3^4 or 2^5 of them."""

import itertools

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("log_partition", "viterbi")
def drive(log_partition, viterbi, emissions, transitions, start, end, keep):
    log_z = log_partition(emissions, transitions, start, end, keep)
    given = [t.detach() for t in (emissions, transitions, start, end)]
    tags = viterbi(*given, keep)
    if isinstance(tags, list):
        rows = [torch.as_tensor(row)[: keep.shape[1]] for row in tags]
        tags = torch.stack([torch.cat([r, torch.zeros(keep.shape[1] - len(r)).long()]) for r in rows])
    if isinstance(tags, torch.Tensor) and tags.shape == keep.shape:
        tags = tags.long() * keep
    return {"log_partition": log_z, "viterbi": tags}


def oracle(emissions, transitions, start, end, keep):
    log_z, tags = [], torch.zeros(keep.shape, dtype=torch.long)
    for b, length in enumerate(keep.sum(1).tolist()):
        paths = torch.tensor(list(itertools.product(range(len(start)), repeat=length)))  # (paths, length)
        scores = start[paths[:, 0]] + end[paths[:, -1]] + emissions[b, range(length), paths].sum(1)
        if length > 1:
            scores = scores + transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        log_z.append(scores.logsumexp(0))
        tags[b, :length] = paths[scores.argmax()]
    return {"log_partition": torch.stack(log_z), "viterbi": tags}


def lengths(*, full=True):
    def draw(d):
        t = d.size("T")
        n = d.integers("B", 1, t)
        n[0], n[1] = t if full else t - 1, 1
        return torch.arange(t) < n[:, None]

    return draw


def chain(name, keep, *, scale=1.5, transitions=None, **more):
    return case(
        name, emissions=normal("B T N", scale=scale), transitions=transitions or normal("N N", scale=1.5),
        start=normal("N", scale=2), end=normal("N", scale=2), keep=keep, **more,
    )  # fmt: skip


def restless(d):
    """A tag is seldom followed by itself: steps that do not stand still show."""
    return d.normal("N N") - 4 * torch.eye(d.size("N"), dtype=torch.float64)


def all_real(d):
    return torch.ones(d.shape("B T"), dtype=torch.bool)


check = Check(
    oracle,
    adapt=drive,
    cases=[
        chain("nothing padded", all_real, sizes={"B": 17, "T": 4, "N": 3}, scale=1),
        chain("two tags", all_real, sizes={"B": 3, "T": 5, "N": 2}),
        chain("different lengths", lengths(), sizes={"B": 12, "T": 4, "N": 3}, scale=1),
        chain("all rows padded", lengths(full=False), sizes={"B": 16, "T": 5, "N": 2}, scale=1,
              transitions=restless),
        chain("one step", all_real, sizes={"B": 2, "T": 1, "N": 3}),
        chain(
            "large scores", all_real, sizes={"B": 2, "T": 4, "N": 3}, scale=700, float32=False, gradient=False,
            note=("scores in the hundreds and thousands", "得分成百上千"),
            nan=("NaN or infinity for large scores", "得分较大时得到 NaN 或无穷"),
        ),
    ],
    mutants=[
        mutant(
            "transitions_turned", "alpha[:, :, None] + transitions  # (B, from, to)",
            "alpha[:, :, None] + transitions.T",
            en="log_partition reads transitions as [to, from]; they are [from, to]",
            zh="log_partition 把 transitions 当成了 [to, from]；应是 [from, to]",
        ),
        mutant(
            "transitions_turned_in_viterbi", "best[:, :, None] + transitions", "best[:, :, None] + transitions.T",
            en="viterbi reads transitions as [to, from]; they are [from, to]",
            zh="viterbi 把 transitions 当成了 [to, from]；应是 [from, to]",
        ),
        mutant(
            "maximum_for_sum", "torch.logsumexp(paths, 1)", "paths.amax(1)",
            "return torch.logsumexp(alpha + end, -1)", "return (alpha + end).amax(-1)",
            en="log_partition takes the best path alone; it sums over all of them",
            zh="log_partition 只取了最好的一条路径；它要对所有路径求和",
        ),
        mutant(
            "wrong_axis", "torch.logsumexp(paths, 1)", "torch.logsumexp(paths, 2)",
            en="the log-sum-exp runs over the tag that is gone to; it runs over the one that is come from, axis 1",
            zh="log-sum-exp 沿“到达”的标签进行；应沿“出发”的标签，即轴 1",
        ),
        mutant(
            "mask_ignored", "alpha = torch.where(keep[:, t, None], new, alpha)", "alpha = new",
            en="log_partition goes on through the padding; a row that has ended keeps its alpha",
            zh="log_partition 在填充上继续计算；已结束的行应保持 alpha 不变",
        ),
        mutant(
            "emission_zeroed", "torch.logsumexp(paths, 1) + emissions[:, t]",
            "torch.logsumexp(paths, 1) + emissions[:, t] * keep[:, t, None]",
            "alpha = torch.where(keep[:, t, None], new, alpha)", "alpha = new",
            en="only the emission of padding is set to zero; its transitions are still added, and alpha changes",
            zh="只把填充处的发射分置零；转移分仍然加上了，alpha 仍在变化",
        ),
        mutant(
            "alpha_zeroed", "torch.where(keep[:, t, None], new, alpha)", "new * keep[:, t, None]",
            en="alpha is multiplied by the mask: a row that has ended loses what it had",
            zh="alpha 乘了掩码：已结束的行丢掉了之前的结果",
        ),
        mutant(
            "no_start", "alpha = start + emissions[:, 0]", "alpha = emissions[:, 0]",
            en="log_partition leaves out start",
            zh="log_partition 漏掉了 start",
        ),
        mutant(
            "no_end", "torch.logsumexp(alpha + end, -1)", "torch.logsumexp(alpha, -1)",
            en="log_partition leaves out end",
            zh="log_partition 漏掉了 end",
        ),
        mutant(
            "no_emission", "new = torch.logsumexp(paths, 1) + emissions[:, t]", "new = torch.logsumexp(paths, 1)",
            en="after the first step log_partition adds no emissions",
            zh="第一步之后 log_partition 没有加发射分",
        ),
        mutant(
            "naive_exp", "torch.logsumexp(paths, 1)", "paths.exp().sum(1).log()",
            en="exp of a large score overflows: log-sum-exp subtracts the maximum first",
            zh="较大的得分取 exp 会溢出：log-sum-exp 先减去最大值",
        ),
        mutant(
            "detached_recursion", "paths = alpha[:, :, None]", "paths = alpha.detach()[:, :, None]",
            en="alpha is detached on its way: only the last step learns",
            zh="alpha 在途中被 detach 了：只有最后一步能学到东西",
        ),
        mutant(
            "step_by_step", "    tag = (best + end).argmax(-1)\n",
            "    return emissions.argmax(-1) * keep\n    tag = (best + end).argmax(-1)\n",
            en="viterbi takes the best emission of each step by itself; transitions can make another path the best",
            zh="viterbi 在每一步单独取最大的发射分；考虑转移之后，最好的可能是另一条路径",
        ),
        mutant(
            "viterbi_without_end", "(best + end).argmax(-1)", "best.argmax(-1)",
            en="viterbi leaves out end",
            zh="viterbi 漏掉了 end",
        ),
        mutant(
            "viterbi_without_start", "best, came_from = start + emissions[:, 0]", "best, came_from = emissions[:, 0]",
            en="viterbi leaves out start",
            zh="viterbi 漏掉了 start",
        ),
        mutant(
            "viterbi_through_padding", "best = torch.where(keep[:, t, None], top + emissions[:, t], best)",
            "best = top + emissions[:, t]", "torch.where(keep[:, t, None], source, stay)", "source",
            en="viterbi goes on through the padding: the last real tag is chosen with steps in mind that are none",
            zh="viterbi 在填充上继续：选择最后一个真实标签时，把不存在的步也考虑了进去",
        ),
        mutant(
            "walks_back_through_padding", "torch.where(keep[:, t, None], source, stay)", "source",
            en="the way back goes through the padding's pointers; there the tag stays as it is",
            zh="回溯时走了填充处的指针；在那里标签应保持不变",
        ),
        mutant(
            "not_reversed", "torch.stack(tags[::-1], 1)", "torch.stack(tags, 1)",
            en="the tags come in the order of the way back; turn them round",
            zh="标签还是回溯的顺序；要倒过来",
        ),
    ],
)  # fmt: skip
