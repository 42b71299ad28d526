"""The check of h3-nms."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("nms")
def drive(nms, boxes, scores, iou_threshold):
    kept = nms(boxes, scores, iou_threshold)
    # A list of numbers is an answer, too.
    return torch.tensor([int(i) for i in kept], dtype=torch.int64) if isinstance(kept, list) else kept


def _shared(boxes):
    wide, high = (
        (torch.minimum(e[:, None], e) - torch.maximum(s[:, None], s)).clamp(min=0)
        for s, e in ((boxes[:, 0], boxes[:, 2]), (boxes[:, 1], boxes[:, 3]))
    )
    return wide * high


def oracle(boxes, scores, iou_threshold):
    """By the definition: box i is kept if no better kept box overlaps it too much; best first, all pairs at once."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    shared = _shared(boxes)
    close = (shared > iou_threshold * (area[:, None] + area - shared)).tolist()
    kept = []
    for i in sorted(range(len(scores)), key=scores.tolist().__getitem__, reverse=True):
        if not any(close[i][k] for k in kept):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


def crowd(draw):
    """Groups of boxes that overlap; drawn anew where one lies so near a threshold that rounding would decide."""
    n = draw.size("N")
    while True:
        middle = draw.uniform(f"{n} 2", 0, 4)
        half = draw.uniform(f"{n} 2", 0.5, 1.2)
        boxes = torch.cat([middle - half, middle + half], 1)
        shared = _shared(boxes)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
        share = shared / (area[:, None] + area - shared)
        if not any(((share - t).abs() < 1e-4).any() for t in (0.15, 0.3, 0.5)):
            return boxes


def sparse(draw):
    """Many boxes, most of which are kept: what is slow shows."""
    middle = draw.uniform("N 2", 0, 40)
    half = draw.uniform("N 2", 0.5, 1.2)
    return torch.cat([middle - half, middle + half], 1)


def chain(draw):
    """Each box overlaps its neighbours alone: the second is silenced, and so does not silence the third."""
    left = torch.arange(draw.size("N"), dtype=torch.float64)[:, None]
    zero = torch.zeros_like(left)
    return torch.cat([left, zero, left + 3, zero + 2], 1)


def falling(draw):
    return torch.linspace(0.9, 0.1, draw.size("N"), dtype=torch.float64)


def shuffled(draw):
    n = draw.size("N")
    return (torch.randperm(n, generator=draw.gen).double() + 1) / (n + 1)


def around_zero(draw):
    """Scores as a network gives them before any sigmoid: half of them below 0."""
    return 10 * shuffled(draw) - 5


def all_pairs(boxes, scores, iou_threshold):
    order = scores.argsort(descending=True).tolist()
    silenced = set()
    for i, best in enumerate(order):
        for other in order[i + 1 :]:
            one, two = boxes[best], boxes[other]
            wide = (torch.minimum(one[2], two[2]) - torch.maximum(one[0], two[0])).clamp(min=0)
            high = (torch.minimum(one[3], two[3]) - torch.maximum(one[1], two[1])).clamp(min=0)
            joint = (one[2:] - one[:2]).prod() + (two[2:] - two[:2]).prod() - wide * high
            if best not in silenced and wide * high / joint > iou_threshold:
                silenced.add(other)
    return torch.tensor([i for i in order if i not in silenced], dtype=torch.int64)


HALF = torch.tensor([[0, 0, 4, 2], [0, 0, 2, 2], [8, 0, 12, 2], [8, 0, 11, 2]], dtype=torch.float64)

check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("a crowd", sizes={"N": (23, 29)}, boxes=crowd, scores=shuffled, iou_threshold=0.3),
        case("another threshold", sizes={"N": (23, 29)}, boxes=crowd, scores=shuffled, iou_threshold=0.15),
        case("scores below zero", sizes={"N": (11, 13)}, boxes=crowd, scores=around_zero, iou_threshold=0.3),
        case("many boxes", sizes={"N": 101}, boxes=sparse, scores=shuffled, iou_threshold=0.3, float32=False),
        case("neighbours in a row", sizes={"N": 7}, boxes=chain, scores=falling, iou_threshold=0.4),
        case("exactly at the threshold", sizes={"N": 4}, boxes=lambda d: HALF.clone(), scores=shuffled,
             iou_threshold=0.5, float32=False),
        case("nothing overlaps", sizes={"N": 5}, scores=shuffled, iou_threshold=0.5,
             boxes=lambda d: chain(d) + 5 * torch.arange(5)[:, None] * torch.tensor([1.0, 0, 1, 0])),
        case("one box", sizes={"N": 1}, boxes=crowd, scores=shuffled, iou_threshold=0.5),
        case("no boxes", sizes={"N": 0}, boxes=crowd, scores=lambda d: d.uniform("0"), iou_threshold=0.5),
    ],
    gradient=False,
    forbidden=["nms"],
    allowed=("argsort and box_iou are yours to use.", "可以使用 argsort 和 box_iou。"),
    speed=case("timed", sizes={"N": 211}, boxes=sparse, scores=shuffled, iou_threshold=0.3),
    speed_limit=60,
    slow=(
        "Compare one kept box with all others at once, or all pairs before the walk; not pair by pair.",
        "把一个保留的框与其余所有框一次比完，或在遍历之前算好所有的对；不要逐对计算。",
    ),
    hang=("Does the list of boxes that are left get shorter in every round?", "剩余框的列表每一轮都在变短吗？"),
    mutants=[
        mutant(
            "unsorted", "scores.argsort(descending=True)", "torch.arange(len(scores))",
            en="the boxes are taken in the given order; start with the best score",
            zh="按给定的顺序处理了；要从得分最高的开始",
        ),
        mutant(
            "ascending", "scores.argsort(descending=True)", "scores.argsort()",
            en="the walk starts at the lowest score; start at the highest",
            zh="从得分最低的开始了；要从最高的开始",
        ),
        mutant(
            "silenced_silence", "            kept.append(i)\n            silenced |= overlap[i]",
            "            kept.append(i)\n        silenced |= overlap[i]",
            en="a box that was silenced silences others; only kept boxes may",
            zh="已被抑制的框还在抑制别的框；只有保留的框才可以",
        ),
        mutant(
            "at_threshold", "> iou_threshold", ">= iou_threshold",
            en="a box whose IoU equals the threshold is silenced; it must be strictly greater",
            zh="IoU 恰好等于阈值的框也被抑制了；应严格大于",
        ),
        mutant(
            "reversed_test", "> iou_threshold", "< iou_threshold",
            en="boxes that overlap little are silenced, and those that overlap much stay: the comparison is reversed",
            zh="重叠少的被抑制，重叠多的反而保留：比较的方向反了",
        ),
        mutant(
            "index_order", "return order[torch.tensor(kept, dtype=torch.int64)]",
            "return order[torch.tensor(kept, dtype=torch.int64)].sort().values",
            en="the indices are sorted; the best score comes first",
            zh="按下标排序了；应按得分从高到低",
        ),
        mutant(
            "ranks", "return order[torch.tensor(kept, dtype=torch.int64)]",
            "return torch.tensor(kept, dtype=torch.int64)",
            en="places in the sorted order are returned; give the places in the given tensors: order[i]",
            zh="返回的是排序后的位置；应返回在原张量中的位置：order[i]",
        ),
        mutant(
            "only_best", "            silenced |= overlap[i]", "            silenced |= overlap[0]",
            en="only the very best box silences others; every kept box does",
            zh="只有得分最高的那个框在抑制；每个保留的框都应抑制",
        ),
        mutant(
            "scores_returned", "return order[torch.tensor(kept, dtype=torch.int64)]",
            "return scores[order[torch.tensor(kept, dtype=torch.int64)]]",
            en="scores are returned; the indices of the kept boxes are asked for",
            zh="返回的是得分；要的是保留的框的下标",
        ),
        mutant(
            "mask_returned", "return order[torch.tensor(kept, dtype=torch.int64)]",
            "return torch.zeros(len(order), dtype=torch.bool).index_fill(0, order[kept], True)",
            en="a mask is returned; the indices of the kept boxes are asked for, best score first",
            zh="返回的是掩码；要的是保留的框的下标，得分高的在前",
        ),
        mutant(
            "float_when_empty", "torch.tensor(kept, dtype=torch.int64)", "torch.tensor(kept)",
            en="torch.tensor([]) is float32 and no index: give dtype=torch.int64",
            zh="torch.tensor([]) 是 float32，不能作下标：要写 dtype=torch.int64",
        ),
        mutant(
            "positive_only", "    order = scores.argsort(descending=True)\n",
            "    order = scores.argsort(descending=True)\n    order = order[scores[order] > 0]\n",
            en="boxes with a score of 0 or less are lost; scores may be logits, so mark what is done by something that "
               "no score can be",
            zh="得分不大于 0 的框丢掉了；得分可以是 logits，应当用得分不可能取到的标记来表示已处理",
        ),
        mutant("all_pairs", function=all_pairs, slow=True, en="it compares pair by pair", zh="它在逐对比较"),
    ],
)  # fmt: skip
