"""What the pass shows: every box in which a crude detector sees a zero, and those that the learner keeps."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.drawing import Grey
from deepdojo.grader.words import Text

ROWS, COLUMNS, FINE = 2, 7, 6


def given():
    """14 digits, some of them zeros; the detector is their likeness to the mean zero of other digits, at each place."""
    x, y, held = digits()
    zeros, others = x[held & (y == 0)], x[held & (y != 0)]
    picks, z, o = [], 0, 0
    for i in range(ROWS * COLUMNS):
        zero = i % 4 == 1
        picks.append(zeros[z] if zero else others[o])
        z, o = z + zero, o + (not zero)
    sheet = torch.zeros(ROWS * 10, COLUMNS * 10)
    for i, image in enumerate(picks):
        top, left = 10 * (i // COLUMNS) + 1, 10 * (i % COLUMNS) + 1
        sheet[top : top + 8, left : left + 8] = image.view(8, 8) / 16
    like = x[~held & (y == 0)].mean(0)
    patches = sheet.unfold(0, 8, 1).unfold(1, 8, 1).flatten(2)
    likeness = torch.nn.functional.cosine_similarity(patches - patches.mean(2, keepdim=True), like - like.mean(), dim=2)
    found = (likeness > 0.55).nonzero()
    corner = found.flip(1).float()
    scores = likeness[found[:, 0], found[:, 1]] + 1e-6 * torch.arange(len(found))  # all different
    return {"sheet": sheet, "boxes": torch.cat([corner, corner + 8], 1), "scores": scores, "zeros": z}


def drive(nms, sheet, boxes, scores, zeros):
    return nms(boxes, scores, 0.2)


def show(sheet, boxes, scores, zeros, kept):
    parts = [_drawn(sheet, boxes), torch.zeros(2 * FINE, sheet.shape[1] * FINE), _drawn(sheet, boxes[kept])]
    return Grey(torch.cat(parts).numpy(), light=True), Text(
        f"Above: {len(boxes)} boxes in which a crude detector (likeness to a mean zero) sees a zero. Below: the "
        f"{len(kept)} that your nms keeps. The sheet holds {zeros} zeros; what is kept beyond them is the detector's "
        "mistake, not yours.",
        f"上图：粗糙的检测器（与平均的 0 相似）在 {len(boxes)} 个框里看到了 0。下图：你的 nms 留下的 {len(kept)} 个。"
        f"纸上其实有 {zeros} 个 0，多出来的是检测器的错，不是你的。",
    )


def _drawn(sheet, boxes):
    paper = 0.45 * sheet.repeat_interleave(FINE, 0).repeat_interleave(FINE, 1)
    for left, top, right, foot in (FINE * boxes).int().tolist():
        paper[top, left:right] = paper[foot - 1, left:right] = 1
        paper[top:foot, left] = paper[top:foot, right - 1] = 1
    return paper
