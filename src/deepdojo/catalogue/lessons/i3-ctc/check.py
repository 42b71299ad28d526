"""The check of i3-ctc. The oracle is torch's kernel, which shares nothing with a learner's loop but the paper; the
gradient is taken with respect to logits, where that kernel's is right."""

import torch
import torch.nn.functional as F

from deepdojo.grader import Check, case, mutant, normal


def oracle(logits, targets, input_lengths, target_lengths, blank=0):
    logs = logits.log_softmax(-1).transpose(0, 1)
    real = torch.arange(targets.shape[1]) < target_lengths[:, None]
    spare = 1 if blank == 0 else 0
    return F.ctc_loss(logs, targets.where(real, spare), input_lengths, target_lengths, blank, reduction="none")


def labels(*, twice=False):
    """Any but the blank; with `twice` each row's second repeats its first."""

    def draw(d):
        found = d.integers("B L", 0, d.size("V") - 1)
        found = found + (found >= d["blank"])
        if twice:
            found[:, 1] = found[:, 0]
        return found

    return draw


def counts(letter, low):
    """From `low` to the size of an axis, the first row at `low`, the last at the full size."""

    def draw(d):
        full = d.size(letter)
        n = d.integers("B", low, full + 1)
        n[0], n[-1] = low, full
        return n

    return draw


def every(letter):
    return lambda d: torch.full((d.size("B"),), d.size(letter))


SIZES = {"B": 3, "T": 7, "V": 5, "L": 3}


def speech(name, *, targets, frames, said, blank=0, sizes=None, logits=None, **more):
    return case(
        name, sizes={**SIZES, **(sizes or {})}, blank=blank, logits=logits or normal("B T V", scale=1.5),
        targets=targets, input_lengths=frames, target_lengths=said, **more,
    )  # fmt: skip


check = Check(
    oracle,
    cases=[
        speech("full rows", targets=labels(), frames=every("T"), said=every("L")),
        speech("a label twice in a row", targets=labels(twice=True), frames=every("T"), said=every("L")),
        speech("another blank", targets=labels(), frames=every("T"), said=every("L"), blank=2),
        speech("frames of different number", targets=labels(), frames=counts("T", 5), said=every("L")),
        speech("labels of different number", targets=labels(), frames=every("T"), said=counts("L", 1)),
        speech("one label, one frame", targets=labels(), frames=every("T"), said=every("L"),
               sizes={"T": 1, "L": 1, "B": 2}),
        speech("nothing said", targets=labels(), frames=counts("T", 5), said=counts("L", 0), blank=4),
        speech(
            "many frames", targets=lambda d: d.integers("B L", 1, 5), frames=every("T"), said=every("L"),
            sizes={"B": 1, "T": 70, "V": 6, "L": 2}, float32=False,
            logits=lambda d: d.normal("B T V") - 13.0 * (torch.arange(6) != 5),
            note=("70 frames of small probability", "70 帧，概率都很小"),
            nan=("NaN or infinity for many frames", "帧数较多时得到 NaN 或无穷"),
        ),
    ],
    forbidden=["ctc_loss"],
    allowed=(
        "log_softmax, logsumexp, gather and where are yours to use.",
        "可以使用 log_softmax、logsumexp、gather、where。",
    ),
    mutants=[
        mutant(
            "jumps_between_equal_labels", "(places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])",
            "places[:, 2:] != blank",
            en="a jump is allowed between equal labels; without a blank between them two equal labels melt into one",
            zh="相同的标签之间也允许跳跃；中间没有空白，两个相同的标签会合并成一个",
        ),
        mutant(
            "never_jumps", "two = torch.where(jump, two, NEVER)", "two = torch.full_like(alpha, NEVER)",
            en="no alignment jumps over a blank; between two different labels the blank may be left out",
            zh="没有任何对齐跳过空白；两个不同标签之间的空白是可以省略的",
        ),
        mutant(
            "jumps_from_blank_to_blank", "two = torch.where(jump, two, NEVER)", "pass",
            en="jumps are allowed everywhere, even from blank to blank, which leaves out a label",
            zh="到处都允许跳跃，连空白到空白也可以，那样会漏掉一个标签",
        ),
        mutant(
            "starts_in_blank", "torch.arange(places.shape[1]) < 2", "torch.arange(places.shape[1]) < 1",
            en="every alignment begins with a blank; it may begin with the first label",
            zh="所有对齐都从空白开始；也可以从第一个标签开始",
        ),
        mutant(
            "starts_in_label", "torch.arange(places.shape[1]) < 2", "torch.arange(places.shape[1]) == 1",
            en="every alignment begins with the first label; it may begin with a blank",
            zh="所有对齐都从第一个标签开始；也可以从空白开始",
        ),
        mutant(
            "ends_in_blank", "return -torch.logaddexp(blank_end, label_end)", "return -blank_end",
            en="every alignment ends with a blank; it may end with the last label",
            zh="所有对齐都以空白结束；也可以以最后一个标签结束",
        ),
        mutant(
            "ends_in_label", "return -torch.logaddexp(blank_end, label_end)",
            "return -torch.where(target_lengths > 0, label_end, blank_end)",
            en="every alignment ends with the last label; a blank may follow",
            zh="所有对齐都以最后一个标签结束；其后还可以有空白",
        ),
        mutant(
            "ends_anywhere", "return -torch.logaddexp(blank_end, label_end)", "return -alpha.logsumexp(1)",
            en="alignments that have not yet reached the last label are counted, too",
            zh="还没到达最后一个标签的对齐也被算了进去",
        ),
        mutant(
            "best_alignment", "torch.stack([alpha, one, two]).logsumexp(0)", "torch.stack([alpha, one, two]).amax(0)",
            "torch.logaddexp(blank_end, label_end)", "torch.maximum(blank_end, label_end)",
            en="only the best alignment counts (Viterbi); the loss sums over all",
            zh="只算了最好的一个对齐（维特比）；损失要对所有对齐求和",
        ),
        mutant(
            "frames_ignored", "torch.where((t < input_lengths)[:, None], new, alpha)", "new",
            en="input_lengths has no effect: padding counts as frames",
            zh="input_lengths 没有起作用：填充也被当作帧",
        ),
        mutant(
            "frames_off_by_one", "(t < input_lengths)", "(t <= input_lengths)",
            en="one frame too many is read: frames are counted from 0, the last one is input_lengths − 1",
            zh="多读了一帧：帧从 0 数起，最后一帧是 input_lengths − 1",
        ),
        mutant(
            "labels_ignored", "last = 2 * target_lengths[:, None]",
            "last = torch.full_like(target_lengths, 2 * targets.shape[1])[:, None]",
            en="target_lengths has no effect: what stands behind a row's labels counts as labels",
            zh="target_lengths 没有起作用：一行标签之后的内容也被当成了标签",
        ),
        mutant(
            "blank_is_zero", "places = torch.full(", "blank = 0\n    places = torch.full(",
            en="blank has no effect: 0 is taken for it",
            zh="blank 没有起作用：总是把 0 当成空白",
        ),
        mutant(
            "empty_target", "label_end = torch.where(target_lengths > 0, label_end, NEVER)", "pass",
            en="a target without labels has one place, the blank; here it is counted twice",
            zh="没有标签的目标只有一个位置，即空白；这里算了两次",
        ),
        mutant(
            "no_softmax", "torch.log_softmax(logits, -1)", "logits",
            en="the logits are taken for logarithms of probabilities; log_softmax comes first",
            zh="把 logits 直接当成了对数概率；要先做 log_softmax",
        ),
        mutant(
            "probabilities_underflow", "new = torch.stack([alpha, one, two]).logsumexp(0) + frames[:, t]",
            "new = (torch.stack([alpha, one, two]).exp().sum(0) * frames[:, t].exp()).log()",
            en="the sum is made of probabilities, which underflow to 0 after some hundred frames; stay in logs",
            zh="求和用的是概率，几百帧之后就下溢为 0；应始终用对数",
        ),
        mutant(
            "divided_by_labels", "return -torch.logaddexp(blank_end, label_end)",
            "return -torch.logaddexp(blank_end, label_end) / target_lengths.clamp(min=1)",
            en="the loss is divided by the number of labels; each row's own sum is asked for",
            zh="损失除以了标签数；要的是每一行本来的值",
        ),
        mutant(
            "mean_over_batch", "return -torch.logaddexp(blank_end, label_end)",
            "return -torch.logaddexp(blank_end, label_end).mean()",
            en="the batch's mean is returned; a loss for each row is asked for",
            zh="返回的是整批的平均；要的是每一行各自的损失",
        ),
        mutant(
            "detached_alpha", "[alpha, one, two]", "[alpha.detach(), one, two]",
            en="the part of alpha that stays is detached: the gradient loses these alignments",
            zh="停留的那部分 alpha 被 detach 了：梯度丢掉了这些对齐",
        ),
    ],
)  # fmt: skip
