"""What the pass shows: digits that attend to other digits, and what their attention alone can read."""

import torch

from deepdojo.grader.bundled import digits
from deepdojo.grader.words import Text

SHARP = 12.0


def given():
    """Queries are digits that were held back, keys the others, values their classes: nothing is learned."""
    x, y, held = digits()
    unit = torch.nn.functional.normalize(x - x[~held].mean(0), dim=1)
    return {"q": SHARP * 8 * unit[held], "k": unit[~held], "y": y[held], "known": y[~held]}


def drive(attention, q, k, y, known):
    classes = torch.nn.functional.one_hot(known, 10).to(q.dtype)
    read = attention(q[None, None], k[None, None], classes[None, None])[0, 0].argmax(1)
    rows, columns = (torch.cat([(labels == c).nonzero()[:4, 0] for c in range(10)]) for labels in (y, known))
    seen = attention(q[rows][None, None], k[columns][None, None], torch.eye(len(columns), dtype=q.dtype)[None, None])
    return {"read": read, "map": seen[0, 0]}


def show(q, k, y, known, found):
    """Four digits of each class, in order: queries down, keys to the right."""
    share = 100 * (found["read"] == y).double().mean().item()
    ink = (found["map"] / found["map"].amax(1, keepdim=True)).float()
    return ink.numpy(), Text(
        f"Forty digits look at forty others, four of each class from 0 to 9: your attention, a row for each that "
        f"looks. The blocks on the diagonal are digits that find their like. With classes as values, your attention "
        f"over {len(k):,} digits reads {share:.1f} % of {len(y)} new ones. No training.",
        f"四十个数字看另外四十个，0 到 9 每类四个：这是你的注意力，每行是一个在看的数字。"
        f"对角线上的方块，是数字找到了同类。"
        f"以类别为值，你的注意力在 {len(k):,} 个数字上能认对 {len(y)} 个新数字中的 {share:.1f} %。没有任何训练。",
    )
