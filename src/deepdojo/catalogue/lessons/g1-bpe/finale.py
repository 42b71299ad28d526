"""What the pass shows: how fast real text shrinks while merges are learned from it."""

import re

from deepdojo.grader.drawing import Chart, Line
from deepdojo.grader.lessons import all_lessons
from deepdojo.grader.words import Text

STEPS = (0, 10, 20, 40, 70, 100, 150, 200, 250, 300)


def given():
    """The words of all lessons' texts, in English, as bytes; every tenth different word is kept for later."""
    found = re.findall("[a-z]+", " ".join(lesson.text("en") for lesson in all_lessons()).lower())
    counts = {}
    for word in found:
        counts[word.encode()] = counts.get(word.encode(), 0) + 1
    often = sorted(counts, key=lambda word: (-counts[word], word))
    kept, new = [w for i, w in enumerate(often) if i % 10 != 9], [w for i, w in enumerate(often) if i % 10 == 9]
    common = kept[:600]
    return {"words": {w: counts[w] for w in common}, "new": {w: counts[w] for w in new}, "steps": list(STEPS)}


def drive(bpe_train, bpe_encode, words, new, steps):
    merges = bpe_train(dict(words), steps[-1])
    sizes = []
    for bank in (words, new):
        total = sum(len(word) * count for word, count in bank.items())
        sizes.append([total / sum(len(bpe_encode(w, merges[:n])) * count for w, count in bank.items()) for n in steps])
    return {"known": sizes[0], "new": sizes[1], "split": [bpe_encode(w, merges) for w in (b"gradients", b"attention")],
            "merges": [a + b for a, b in merges]}  # fmt: skip


def show(words, new, steps, found):
    lines = [
        Line(Text("words that it was learned from", "学习时用的词"), found["known"], steps),
        Line(Text("words that it never saw", "从未见过的词"), found["new"], steps),
    ]
    up = Text("letters in a piece", "每个片段的字母数")
    chart = Chart(lines, up, Text("merges", "合并"), 1, max(found["known"]) * 1.05, 0, steps[-1], form="{:.1f}")
    first = " ".join(piece.decode() for piece in found["merges"][:8])
    split = "  ".join("|".join(piece.decode() for piece in each) for each in found["split"])
    return chart, Text(
        f"Your merges, learned from {len(words)} words of these lessons' texts. The first ones: {first}. After "
        f"{steps[-1]} a piece holds {found['known'][-1]:.2f} letters, and {found['new'][-1]:.2f} in {len(new)} words "
        f"that were held back. {split}",
        f"你的合并规则，学自本课程英文讲义中的 {len(words)} 个词。最先合并的：{first}。{steps[-1]} 次合并后，"
        f"每个片段平均 {found['known'][-1]:.2f} 个字母；在 {len(new)} 个没见过的词上是 {found['new'][-1]:.2f} 个。"
        f"{split}",
    )
