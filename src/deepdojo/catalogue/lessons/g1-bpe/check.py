"""The check of g1-bpe: merges from counts, then pieces from given merges, so that one mistake is not counted twice."""

from deepdojo.grader import Check, adapt, case, mutant

ENGLISH = "low lower lowest newest widest new wide slow slower banana bandana"
CHINESE = "注意力 注意 意义 力量 注意力机制 机制 机器"


@adapt("bpe_train", "bpe_encode")
def drive(bpe_train, bpe_encode, words, num_merges, merges, texts):
    learned = bpe_train(words, num_merges)
    return {"merges": [tuple(pair) for pair in learned], "pieces": [list(bpe_encode(text, merges)) for text in texts]}


def _joined(parts, pair):
    """Merges by replacing in a string of code points, one a piece: another way than the solution's."""
    names = {part: chr(0xE000 + i) for i, part in enumerate(dict.fromkeys([*parts, pair[0] + pair[1]]))}
    if pair[0] not in names or pair[1] not in names:
        return parts
    text = "".join(names[p] for p in parts).replace(names[pair[0]] + names[pair[1]], names[pair[0] + pair[1]])
    back = {sign: part for part, sign in names.items()}
    return [back[sign] for sign in text]


def oracle(words, num_merges, merges, texts):
    table = {word: [bytes([b]) for b in word] for word in words}
    learned = []
    for _ in range(num_merges):
        counts = {}
        for word, n in words.items():
            for pair in zip(table[word], table[word][1:], strict=False):
                counts[pair] = counts.get(pair, 0) + n
        if not counts:
            break
        best = sorted(counts, key=lambda pair: (counts[pair], pair))[-1]
        learned.append(best)
        table = {word: _joined(parts, best) for word, parts in table.items()}
    pieces = []
    for text in texts:
        parts = [bytes([b]) for b in text]
        for pair in merges:
            parts = _joined(parts, pair)
        pieces.append(parts)
    return {"merges": learned, "pieces": pieces}


def counted(text):
    """Words with counts that are drawn anew, so that the order of merges cannot be guessed."""

    def draw(drawing):
        return {word.encode(): drawing.integer(1, 9) for word in text.split()}

    return draw


def learned(drawing):
    """Merges for encoding: those of the oracle, so that a fault in training does not show twice."""
    return oracle(drawing["words"], 12, [], [])["merges"]


def even(drawing):
    """All counts equal: only the rule for ties decides."""
    words = ["ab", "ba", "cd", "dc", "abc", "zab"]
    return {words[i].encode(): 2 for i in (drawing.integer(0, 6), 0, 1, 2, 3, 4, 5)}


def longest_match(word, merges):
    known = {a + b for a, b in merges}
    parts, start = [], 0
    while start < len(word):
        end = next(e for e in range(len(word), start, -1) if e == start + 1 or word[start:e] in known)
        parts.append(word[start:end])
        start = end
    return parts


def across_words(words, num_merges):
    parts = [bytes([b]) for word, n in words.items() for _ in range(n) for b in word]
    merges = []
    while len(merges) < num_merges:
        counts = {}
        for pair in zip(parts, parts[1:]):
            counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
        joined = []
        for part in parts:
            if joined and not joined[-1][1] and (joined[-1][0], part) == merges[-1]:
                joined[-1] = (joined[-1][0] + part, True)
            else:
                joined.append((part, False))
        parts = [part for part, _ in joined]
    return merges


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case(
            "counts decide", words=counted(ENGLISH), num_merges=9, merges=learned,
            texts=[b"lowest", b"slow", b"newlow", b"wides"],
        ),
        case("equal counts", words=even, num_merges=3, merges=learned, texts=[b"abcd", b"cdab", b"zzab"]),
        case(
            "repeated letters", words=lambda d: {b"a" * d.integer(5, 9): 3, b"b": 1, b"aab": 2}, num_merges=4,
            merges=[(b"a", b"a"), (b"aa", b"a"), (b"aa", b"aa")], texts=[b"a" * 7, b"aaab", b"a"],
        ),
        case(
            "a letter three times in a row", words={b"aaa": 2, b"bc": 3, b"d": 1}, num_merges=2, merges=[(b"a", b"a")],
            texts=[b"aaa", b"aaaa"],
        ),
        case(
            "equal counts of pieces", words={b"abc": 2, b"ab": 3, b"az": 2}, num_merges=3, merges=[(b"a", b"z")],
            texts=[b"abaz"],
        ),
        case(
            "earlier merges first", words=counted(ENGLISH), num_merges=2,
            merges=[(b"b", b"c"), (b"a", b"b"), (b"ab", b"c"), (b"bc", b"d")],
            texts=[b"abcd", b"abab", b"xbcx", b"abc"],
        ),
        case(
            "a piece that is made in two ways", words={b"abc": 3, b"ab": 1}, num_merges=2,
            merges=[(b"b", b"c"), (b"a", b"bc"), (b"a", b"b")], texts=[b"abc", b"aabb", b"abab"],
        ),
        case(
            "Chinese text", words=counted(CHINESE), num_merges=12, merges=learned,
            texts=["注意力".encode(), "机力".encode()],
        ),
        case(
            "one word, once", words={b"abcab": 1}, num_merges=9, merges=[(b"a", b"b")], texts=[b"abcab"],
        ),
        case(
            "merges run out", words={b"ab": 2, b"c": 9}, num_merges=5, merges=[(b"a", b"b")], texts=[b"ab", b"c", b""],
        ),
        case("no merges", words={b"ab": 2}, num_merges=0, merges=[], texts=[b"ab"]),
    ],
    gradient=False,
    hang=("Does the loop end when no pair is left?", "没有可合并的对时，循环会结束吗？"),
    mutants=[
        mutant(
            "types_not_tokens", "counts.get(pair, 0) + count", "counts.get(pair, 0) + 1",
            en="each word is counted once; a pair counts as often as its word occurs",
            zh="每个词只数了一次；一个对要按所在词出现的次数计数",
        ),
        mutant(
            "ties_by_order", "max(counts, key=lambda pair: (counts[pair], pair))", "max(counts, key=counts.get)",
            en="of equal counts the first one found wins; the larger pair shall win, so that the result does not "
               "depend on the order of words",
            zh="次数相等时取了最先遇到的对；应取较大的对，结果才不依赖词的顺序",
        ),
        mutant(
            "ties_smallest", "max(counts, key=lambda pair: (counts[pair], pair))",
            "min(counts, key=lambda pair: (-counts[pair], pair))",
            en="of equal counts the smaller pair wins; the larger one shall",
            zh="次数相等时取了较小的对；应取较大的",
        ),
        mutant(
            "overlap", "            i += 2\n", "            i += 1\n",
            en="after a merge only one piece is skipped, so its second half is used twice; skip both",
            zh="合并后只跳过了一个单元，后一半被用了两次；要把两个都跳过",
        ),
        mutant(
            "one_merge_too_many", "len(merges) < num_merges", "len(merges) <= num_merges",
            en="one merge more than num_merges is learned",
            zh="学到的合并比 num_merges 多了一个",
        ),
        mutant(
            "first_merge_only", "parts = merge(parts, min(known, key=rank.get))",
            "return merge(parts, min(known, key=rank.get))",
            en="encoding stops after its first merge; go on until no known pair is left",
            zh="编码在第一次合并后就停了；要继续到没有可合并的对为止",
        ),
        mutant(
            "leftmost_first", "min(known, key=rank.get)", "known[0]",
            en="encoding merges the leftmost known pair; the one that was learned first shall be merged first",
            zh="编码时合并了最左边的对；应先合并最早学到的对",
        ),
        mutant(
            "latest_first", "min(known, key=rank.get)", "max(known, key=rank.get)",
            en="encoding prefers the pair that was learned last; merges are applied in the order of learning",
            zh="编码时优先用了最后学到的对；应按学习的先后顺序合并",
        ),
        mutant(
            "characters",
            "pieces = {word: [word[i : i + 1] for i in range(len(word))] for word in words}",
            "pieces = {word: [sign.encode() for sign in word.decode()] for word in words}",
            en="words are cut into characters; byte-pair encoding starts from single bytes",
            zh="词被切成了字符；字节对编码要从单个字节开始",
        ),
        mutant(
            "longest_match", function={"bpe_encode": longest_match},
            en="the longest piece that was learned is taken from the left; pieces arise only by merges, in their "
               "order",
            zh="从左边取了学到过的最长单元；单元只能按学习的先后一次次合并得到",
        ),
        mutant(
            "across_words", function={"bpe_train": across_words},
            en="pairs reach from one word into the next; each word is counted by itself",
            zh="相邻对跨过了词的边界；每个词应单独统计",
        ),
        mutant(
            "no_pair_left", "        if not counts:\n            break\n", "",
            en="when no pair is left there is no maximum: stop there",
            zh="没有可合并的对时就没有最大值：此时应停止",
        ),
        mutant(
            "counted_without_overlap", "            for pair in zip(parts, parts[1:]):\n                counts",
            "            used = 0\n"
            "            for i, pair in enumerate(zip(parts, parts[1:])):\n"
            "                if i < used:\n"
            "                    continue\n"
            "                used = i + 2 if parts[i] == parts[i + 1] else 0\n"
            "                counts",
            en="in aaa the pair (a, a) is counted once; a is followed by a twice",
            zh="在 aaa 中，(a, a) 只数了一次；a 后面跟着 a 的情形有两次",
        ),
        mutant(
            "whole_word", "    rank = {pair",
            "    if word in {a + b for a, b in merges}:\n        return [word]\n    rank = {pair",
            en="a word that some merge would make is given back whole; it is whole only if the merges, in their order, "
               "make it so",
            zh="某个合并能得到的词被整个返回了；只有按学习次序合并真能得到它时，才是一个整体",
        ),
        mutant(
            "ties_by_joined", "(counts[pair], pair))", "(counts[pair], pair[0] + pair[1]))",
            en="of equal counts the larger joined piece wins; the pairs themselves are compared, first half first",
            zh="次数相等时比较的是合并后的单元；应比较对本身，先比前一半",
        ),
    ],
)  # fmt: skip
