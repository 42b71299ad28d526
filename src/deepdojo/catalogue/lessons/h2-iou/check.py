"""The check of h2-iou. Gradients are not compared where edges coincide: there the overlap has a kink."""

import torch

from deepdojo.grader import Check, case, mutant, near_miss
from deepdojo.grader.draws import Draw


def oracle(a, b):
    """Coordinate by coordinate, and the union as the two areas outside the overlap, plus the overlap."""
    (ax, ay, ar, ab), (bx, by, br, bb) = a.T.unsqueeze(-1), b.T.unsqueeze(1)
    wide = (torch.minimum(ar, br) - torch.maximum(ax, bx)).relu()
    high = (torch.minimum(ab, bb) - torch.maximum(ay, by)).relu()
    shared = wide * high
    joint = ((ar - ax) * (ab - ay) - shared) + ((br - bx) * (bb - by) - shared) + shared
    empty = joint == 0
    return shared / (joint + empty.to(joint.dtype)) * (~empty)


def boxes(axis, spread=1.0, at=0.0, unit=1.0):
    """Boxes around points that are `spread` apart, so that some overlap and some do not; all times `unit`."""

    def make(draw):
        n = draw.size(axis)
        middle = draw.normal(f"{n} 2", mean=at, scale=spread)
        half = draw.uniform(f"{n} 2", 0.3, 1.5)
        return torch.cat([middle - half, middle + half], 1) * unit

    return Draw(make, True, (axis,) if axis.isalpha() else ())


def points(axis, at):
    """Boxes without area, apart from all others: no kink is near, so gradients are compared, and all are 0."""
    return Draw(lambda draw: draw.normal(f"{axis} 2", mean=at).repeat(1, 2), True, (axis,))


def rows(*found):
    return lambda draw: torch.tensor(found, dtype=torch.float64)


check = Check(
    oracle,
    cases=[
        case("overlapping boxes", sizes={"N": 5, "M": 7}, a=boxes("N", 0.5), b=boxes("M", 0.5)),
        case("far and near boxes", sizes={"N": 7, "M": 11}, a=boxes("N", 3.0), b=boxes("M", 3.0)),
        case("as many in both", sizes={"N": 5}, a=boxes("N"), b=boxes("N")),
        case("large coordinates", sizes={"N": 3, "M": 5}, a=boxes("N", 0.8, 300.0), b=boxes("M", 0.8, 300.0)),
        case("small boxes", sizes={"N": 3, "M": 5}, a=boxes("N", 0.8, unit=0.05), b=boxes("M", 0.8, unit=0.05)),
        case("large boxes", sizes={"N": 3, "M": 5}, a=boxes("N", 0.8, unit=1e4), b=boxes("M", 0.8, unit=1e4)),
        case("apart on both axes", a=rows((0, 0, 1, 1)), b=rows((2, 3, 4, 5), (-3, -4, -1, -2), (2, -4, 4, -1))),
        case("one inside the other", a=rows((0, 0, 4, 3)), b=rows((1, 1, 2, 2), (0, 0, 4, 3), (4, 0, 6, 3))),
        case("no area", a=rows((1, 1, 1, 3), (2, 2, 2, 2), (0, 0, 2, 2)), b=rows((2, 2, 2, 2), (0, 0, 3, 3))),
        case("no area, far apart", sizes={"N": 2, "M": 3}, a=points("N", 0.0), b=points("M", 90.0)),
        case("no boxes", a=lambda d: torch.zeros(0, 4, dtype=torch.float64), b=rows((0, 0, 1, 1), (0, 0, 1, 2))),
    ],
    forbidden=["box_iou"],
    allowed=("maximum, minimum, clamp and prod are yours to use.", "可以使用 maximum、minimum、clamp、prod。"),
    tolerance=1e-11,
    mutants=[
        mutant(
            "no_clamp", "(high - low).clamp(min=0).prod(-1)", "(high - low).prod(-1)",
            en="a side of the overlap below 0 is not cut off: two negative sides make a positive area",
            zh="重叠部分为负的边没有截到 0：两条负边会乘出正面积",
        ),
        mutant(
            "product_clamped", "(high - low).clamp(min=0).prod(-1)", "(high - low).prod(-1).clamp(min=0)",
            en="the product is clamped, not each side: boxes apart on both axes have two negative sides, whose product "
               "is positive",
            zh="clamp 了乘积而不是每条边：两个方向上都分开的框有两条负边，乘积为正",
        ),
        mutant(
            "pixel_added", "(high - low).clamp(min=0)", "(high - low + 1).clamp(min=0)",
            "(a[:, 2:] - a[:, :2])", "(a[:, 2:] - a[:, :2] + 1)", "(b[:, 2:] - b[:, :2])", "(b[:, 2:] - b[:, :2] + 1)",
            en="1 is added to each side, as for pixel indices that are both inside; here coordinates are real",
            zh="每条边都加了 1，那是首尾像素都算在内的做法；这里的坐标是实数",
        ),
        mutant(
            "overlap_twice", "area_a[:, None] + area_b - shared", "area_a[:, None] + area_b",
            en="the union counts the overlap twice: area(a) + area(b) − overlap",
            zh="并集把重叠算了两次：应为 area(a) + area(b) − 重叠",
        ),
        mutant(
            "over_smaller", "area_a[:, None] + area_b - shared", "torch.minimum(area_a[:, None], area_b)",
            en="the overlap is divided by the smaller box, not by the union",
            zh="重叠除以了较小的框，而不是并集",
        ),
        mutant(
            "over_first", "area_a[:, None] + area_b - shared", "area_a[:, None] + 0 * shared",
            en="the overlap is divided by the box of a alone, not by the union",
            zh="重叠只除以了 a 的框，而不是并集",
        ),
        mutant(
            "centre_format", "    low = torch.maximum(",
            "    a, b = (torch.cat([c[:, :2] - c[:, 2:] / 2, c[:, :2] + c[:, 2:] / 2], 1) for c in (a, b))\n"
            "    low = torch.maximum(",
            en="boxes are read as centre and size; they are two corners: x1, y1, x2, y2",
            zh="框被当成了中心加宽高；它们是两个角：x1、y1、x2、y2",
        ),
        mutant(
            "corner_and_size", "    low = torch.maximum(",
            "    a, b = (torch.cat([c[:, :2], c[:, :2] + c[:, 2:]], 1) for c in (a, b))\n    low = torch.maximum(",
            en="boxes are read as corner and size (x, y, width, height); they are two corners: x1, y1, x2, y2",
            zh="框被当成了左上角加宽高（x、y、宽、高）；它们是两个角：x1、y1、x2、y2",
        ),
        near_miss(
            "eps_in_union", "shared / joint.where(joint > 0, 1.0)", "shared / (joint + 1e-7)",
            en="an eps is added to the union: every IoU is a little too small, and that of equal boxes is not 1",
            zh="并集加了 eps：所有 IoU 都略微偏小，相同的框也得不到 1",
        ),
        mutant(
            "nan_without_area", "torch.where(joint > 0, shared / joint.where(joint > 0, 1.0), 0.0)", "shared / joint",
            en="where neither box has an area this is 0/0 = NaN; answer 0 there",
            zh="两个框都没有面积时是 0/0 = NaN；那里应回答 0",
        ),
        mutant(
            "where_too_late", "shared / joint.where(joint > 0, 1.0), 0.0)", "shared / joint, 0.0)",
            en="where picks the value 0, but the gradient still passes through 0/0 of the other branch and is NaN; "
               "make the union safe before dividing",
            zh="where 选出了值 0，但梯度仍经过另一个分支里的 0/0，成了 NaN；应在除之前先让并集安全",
        ),
        mutant(
            "pairs_in_order", "a[:, None, :2], b[:, :2]", "a[:, :2], b[:, :2]",
            "a[:, None, 2:], b[:, 2:]", "a[:, 2:], b[:, 2:]", "area_a[:, None] + area_b", "area_a + area_b",
            en="the n-th box meets the n-th only; with a[:, None] each meets all",
            zh="第 n 个框只对了第 n 个；用 a[:, None] 才能两两相对",
        ),
        mutant(
            "transposed", "shared / joint.where(joint > 0, 1.0), 0.0)", "shared / joint.where(joint > 0, 1.0), 0.0).T",
            en="rows are the boxes of b; they should be those of a",
            zh="行对应了 b 的框；行应对应 a 的框",
        ),
    ],
)  # fmt: skip
