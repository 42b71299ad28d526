"""What the pass shows: handwritten digits, each over the one that the learner's own distances call nearest."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.words import Text

SHOWN = 6


def given():
    """Every fourth digit is asked about, the others are known."""
    pixels, digit, asked = digits()
    return {"asked": pixels[asked], "known": pixels[~asked], "digit": digit[asked], "known_digit": digit[~asked]}


def drive(pairwise_sq_dist, asked, known, digit, known_digit):
    return pairwise_sq_dist(asked, known).argmin(1)


def show(asked, known, digit, known_digit, nearest):
    right = known_digit[nearest] == digit
    mistakes = (~right).nonzero().flatten()
    picks = torch.cat([right.nonzero().flatten()[: SHOWN - 1], mistakes[:1]])
    rows = [
        torch.stack([bank[i].view(8, 8) for i in index]) for bank, index in ((asked, picks), (known, nearest[picks]))
    ]
    paper = torch.zeros(2 * 8 + 2, len(picks) * 10 - 2)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            paper[y * 10 : y * 10 + 8, x * 10 : x * 10 + 8] = image / 16
    n, share = len(digit), 100 * right.double().mean().item()
    return paper.numpy(), Text(
        f"Your distances read handwriting: of {n} digits, {share:.1f} % are the same digit as the nearest of "
        f"{len(known)} others by your function, drawn below them. No training. The last one shown is a mistake.",
        f"你的距离函数已经会认手写数字了：{n} 个数字，在另外 {len(known)} 个中用你的函数找出最近的一个（画在下面），"
        f"{share:.1f} % 是同一个数字。没有任何训练。最后一个是认错的例子。",
    )
