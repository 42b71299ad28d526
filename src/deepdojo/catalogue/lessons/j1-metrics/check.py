"""The check of j1-metrics: precision and recall from sets of rows."""

import torch

from deepdojo.grader import Check, case, mutant


def oracle(y, p, average):
    y, p = y.tolist(), p.tolist()
    where = {c: ({i for i, v in enumerate(y) if v == c}, {i for i, v in enumerate(p) if v == c}) for c in {*y, *p}}
    if average == "micro":
        where = {0: ({(c, i) for c in where for i in where[c][0]}, {(c, i) for c in where for i in where[c][1]})}
    if average == "binary":
        where = {1: where.get(1, (set(), set()))}
    total = weight = 0.0
    for true, said in where.values():
        precision = len(true & said) / len(said) if said else 0.0
        recall = len(true & said) / len(true) if true else 0.0
        w = len(true) if average == "weighted" else 1
        total += w * (2 * precision * recall / (precision + recall) if precision + recall else 0.0)
        weight += w
    return total / weight if weight else 0.0


def rows(average, classes=(0, 1, 2), never_said=(), never_true=(), n=29):
    """About half of the rows are right. Classes of different frequency; some are missing in y or in p."""

    def truth(d):
        seen = [c for c in classes if c not in never_true]
        first = torch.tensor(seen)  # each of them occurs
        rest = torch.tensor(seen)[(d.uniform(f"{n - len(seen)}").square() * len(seen)).long()]
        return torch.cat([first, rest])

    def said(d):
        options = torch.tensor([c for c in classes if c not in never_said])
        other = torch.cat([options, options[d.integers(f"{n - len(options)}", 0, len(options))]])
        right = (d.uniform(f"{n}") < 0.6) & ~torch.isin(d["y"], torch.tensor(never_said or [-1]))
        right[: len(options)] = False
        return torch.where(right, d["y"], other)

    return {"y": truth, "p": said, "average": average}


def given(y, p, average):
    return {"y": lambda d: torch.tensor(y, dtype=torch.int64), "p": lambda d: torch.tensor(p, dtype=torch.int64),
            "average": average}  # fmt: skip


check = Check(
    oracle,
    cases=[
        case("macro", **rows("macro")),
        case("micro", **rows("micro")),
        case("weighted", **rows("weighted")),
        case("binary", **rows("binary", classes=(0, 1))),
        case("class 2 is never predicted", **rows("macro", never_said=(2,))),
        case("class 3 is predicted and never true", **rows("macro", classes=(0, 1, 2, 3), never_true=(3,))),
        case("weighted, class 2 is never predicted", **rows("weighted", never_said=(2,))),
        case("labels 0, 4 and 9", **rows("macro", classes=(0, 4, 9))),
        case("binary, class 1 occurs nowhere", **given([0, 0], [0, 0], "binary")),
        case("binary, class 1 is never right", **given([0, 1, 0], [1, 0, 0], "binary")),
        case("all right", **given([2, 0, 1], [2, 0, 1], "macro")),
        case("no rows, macro", **given([], [], "macro")),
        case("no rows, micro", **given([], [], "micro")),
        case("no rows, weighted", **given([], [], "weighted")),
        case("no rows, binary", **given([], [], "binary")),
    ],
    gradient=False,
    float32=False,
    mutants=[
        mutant(
            "micro_for_macro", 'if average == "micro":', 'if average in ("micro", "macro"):',
            en="counts are added before the score is made: that is micro; macro is the mean of the classes' scores",
            zh="先把计数相加再算分数：那是微平均；宏平均是各类分数的平均",
        ),
        mutant(
            "macro_for_micro", 'if average == "micro":', "if False:",
            en="micro is computed as macro: add the counts of all classes first",
            zh="微平均算成了宏平均：应先把所有类的计数相加",
        ),
        mutant(
            "unsaid_dropped", "torch.cat([y, p]).unique()", "p.unique()",
            en="a class that was never predicted is left out; its F1 is 0, and it counts",
            zh="漏了从未被预测到的类；它的 F1 是 0，照样计入",
        ),
        mutant(
            "untrue_dropped", "torch.cat([y, p]).unique()", "y.unique()",
            en="a class that is predicted and never true is left out; its F1 is 0, and it counts",
            zh="漏了被预测到但真实中没有的类；它的 F1 是 0，照样计入",
        ),
        mutant(
            "empty_classes", "labels = torch.cat([y, p]).unique()",
            "labels = torch.arange(int(max([-1, *y.tolist(), *p.tolist()])) + 1)",
            en="numbers that are no class here (they occur neither in y nor in p) are averaged in as 0",
            zh="在 y 和 p 中都没出现过的编号也当作类、按 0 平均进去了",
        ),
        mutant(
            "nan", "2 * tp / (2 * tp + fp + fn).clamp(min=1).double()",
            "2 * (tp / (tp + fp) * (tp / (tp + fn))).double() / (tp / (tp + fp) + tp / (tp + fn))",
            en="precision and recall are 0/0 = NaN where a class is never predicted, or never true: 0/0 counts as 0. "
               "2tp / (2tp + fp + fn) avoids it",
            zh="某个类从未被预测到或从未为真时，精确率、召回率是 0/0 = NaN：0/0 按 0 计。2tp / (2tp + fp + fn) 可避开",
        ),
        mutant(
            "f1_of_means", "    return float((weights * scores).sum() / weights.sum().clamp(min=1))",
            "    precision = (weights * tp / (tp + fp).clamp(min=1)).sum() / weights.sum().clamp(min=1)\n"
            "    recall = (weights * tp / (tp + fn).clamp(min=1)).sum() / weights.sum().clamp(min=1)\n"
            "    return float(2 * precision * recall / (precision + recall).clamp(min=1e-300))",
            en="precision and recall are averaged first and F1 is made of the means; average the F1 of the classes",
            zh="先平均了精确率和召回率，再由平均值算 F1；应对各类的 F1 取平均",
        ),
        mutant(
            "class_zero", "labels = torch.tensor([1])", "labels = torch.tensor([0])",
            en="binary scores class 0; class 1 is the one to be found",
            zh="binary 算的是类 0；要找的是类 1",
        ),
        mutant(
            "weighted_by_predictions", "weights = true.sum(0)", "weights = said.sum(0)",
            en="classes are weighted by how often they are predicted; weigh them by how often they are true",
            zh="按预测到的次数加权了；应按真实出现的次数",
        ),
        mutant(
            "unweighted", 'if average == "weighted":', "if False:",
            en="weighted is computed as macro: weigh each class by how often it is true",
            zh="weighted 算成了宏平均：应按每个类真实出现的次数加权",
        ),
        mutant(
            "recall", "2 * tp / (2 * tp + fp + fn)", "tp / (tp + fn)",
            en="this is recall: false positives are missing",
            zh="这是召回率：没有计入假正例",
        ),
        mutant(
            "precision", "2 * tp / (2 * tp + fp + fn)", "tp / (tp + fp)",
            en="this is precision: false negatives are missing",
            zh="这是精确率：没有计入假负例",
        ),
        mutant(
            "jaccard", "2 * tp / (2 * tp + fp + fn)", "tp / (tp + fp + fn)",
            en="this is the Jaccard index tp / (tp + fp + fn): in F1 true positives count twice",
            zh="这是 Jaccard 指数 tp / (tp + fp + fn)：F1 中真正例要算两次",
        ),
        mutant(
            "accuracy", "    labels = torch.cat",
            '    if average != "binary":\n        return float((y == p).double().mean().nan_to_num(0.0))\n'
            "    labels = torch.cat",
            en="this is accuracy; only micro-F1 equals it",
            zh="这是准确率；只有微平均 F1 与它相等",
        ),
    ],
)  # fmt: skip
