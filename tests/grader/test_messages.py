"""What a learner reads: the form and the words of the messages, in both languages."""

from __future__ import annotations

import json

import pytest

from deepdojo.grader.grade import Questions, grade_source, prepare
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check, mutated
from deepdojo.grader.runner import Runner
from deepdojo.grader.verdict import Verdict
from deepdojo.grader.words import Text


@pytest.fixture(scope="module")
def asked() -> dict[str, Questions]:
    return {i: prepare(find_lesson(i)) for i in ("c1", "e2", "f1", "g1")}


def grade(runner: Runner, asked: dict[str, Questions], lesson: str, mistake: str) -> Verdict:
    questions = asked[lesson]
    mutant = next(m for m in load_check(questions.lesson).mutants if m.name == mistake)
    return grade_source(
        questions.lesson, mutated(questions.lesson.solution, mutant), questions=questions, runner=runner
    )


def sizes(text: str) -> dict[str, int]:
    """`q (2,3,5,11)`: the width of q, so that the test does not depend on what is drawn."""
    numbers = text.split("q (")[1].split(")")[0].split(",")
    return dict(zip("BHTK", map(int, numbers), strict=True))


def test_value_that_is_recognised(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "e2", "no_scale")
    en, zh = verdict.render("en").split("\n"), verdict.render("zh").split("\n")
    width = sizes(en[0])["K"]
    root = f"{width**0.5:.4g}"
    assert en[0].startswith('✗ attention: the output is wrong                         case "no mask" · seed 0 · q (')
    assert en[1].startswith("  first difference at out[0, 0, 0, 0]:  expected ")
    assert en[1].endswith(" entries differ)")
    cause = f"this is exactly what you get without dividing the scores by √K (here √{width} = {root})."
    assert en[2] == f"  Likely cause: {cause}"
    assert zh[0].startswith("✗ attention：输出不对")
    assert "用例 “no mask” · 种子 0" in zh[0]
    assert zh[1].startswith("  第一处不同 out[0, 0, 0, 0]：应为 ")
    assert zh[1].endswith(" 个数全都不同）")
    assert zh[2] == f"  可能的原因：分数没有除以 √K（此处 √{width} = {root}）时，结果正好是这样。"


def test_gradient_that_is_zero(forked: Runner, asked: dict[str, Questions]) -> None:
    text = "from math import inf\ndef attention(q, k, v, keep=None):\n    k = k.detach()\n"
    text += "    a = q @ k.mT / q.size(3)**.5\n"
    text += "    if keep is None: return a.softmax(-1) @ v\n    dead = ~keep.any(-1, True)\n"
    text += "    return a.masked_fill(~(keep | dead), -inf).softmax(-1).masked_fill(dead, 0) @ v\n"
    verdict = grade_source(asked["e2"].lesson, text, questions=asked["e2"], runner=forked)
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith("✗ attention: values are right, the gradient of k is zero everywhere")
    assert en[1].startswith("  d/dk[0, 0, 0, 0]:  expected ")
    assert en[1].endswith("   got 0")
    cause = "k was detached on its way (.detach(), .data, no_grad or a new tensor built from numbers)."
    assert en[2] == f"  Likely cause: {cause}"
    assert zh[0].startswith("✗ attention：数值正确，但 k 的梯度处处为零")
    assert zh[2] == "  可能的原因：k 在途中被切断（.detach()、.data、no_grad，或用数字新建了张量）。"


def test_arithmetic_is_not_blamed_where_a_later_case_is_plainly_wrong(forked: Runner, softmax: Questions) -> None:
    right = "    e = (x - x.amax(dim, True)).exp()\n    p = e / e.sum(dim, True)\n"
    text = f"def softmax(x, dim):\n{right}    return p + (0.1 if x.dim() == 3 else 1e-7)\n"
    verdict = grade_source(softmax.lesson, text, questions=softmax, runner=forked)
    assert (verdict.kind, verdict.case) == ("wrong", "middle axis")


def test_a_factor_of_every_case_is_no_size(forked: Runner, asked: dict[str, Questions]) -> None:
    text = asked["c1"].lesson.solution.replace("    return out\n", "    return out / 2\n")  # and B is 2 in every case
    verdict = grade_source(asked["c1"].lesson, text, questions=asked["c1"], runner=forked)
    assert "Likely cause: everything is 0.5 times what it should be." in verdict.render("en")


def test_a_result_of_another_kind_is_not_called_by_a_parts_name(forked: Runner) -> None:
    lesson = find_lesson("d1")
    text = lesson.solution.replace("return torch.stack(ys, 1), h\n", "return torch.stack(ys, 1)\n")
    verdict = grade_source(lesson, text, questions=prepare(lesson, (0,)), runner=forked)
    assert verdict.head.en == "another kind of answer is asked for"


def test_mask(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "e2", "dead_row_nan")
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith("✗ attention: NaN where a query may look at nothing")
    assert 'case "fully masked row" · seed 0 · keep[' in en[0]
    assert en[0].endswith(":] is all False")
    assert "outputs are NaN, all of them in that row.  Expected there: 0." in en[1]
    assert en[2] == "  Likely cause: softmax of a row of −inf is 0/0. Decide what such a row returns before dividing."
    assert zh[0].startswith("✗ attention：没有任何键可看的查询得到 NaN")
    assert zh[1].endswith("个 NaN，全在这一行。那里应为 0。")


def test_shape(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "c1", "no_padding")
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith('✗ conv2d: wrong shape                                    case "stride 2, padding 1"')
    assert en[1].startswith("  expected (2, 5, ")
    assert "   got (2, 5, " in en[1]
    assert en[2].startswith("  Likely cause: padding has no effect. Height: (")
    assert zh[0].startswith("✗ conv2d：形状不对")
    assert zh[1].startswith("  应为 (2, 5, ")


def test_lost_digits(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "f1", "one_pass")
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith("✗ layer_norm: the formula is right, the arithmetic loses digits")
    assert en[0].endswith('case "large mean" · seed 0 · values near 10 000')
    assert en[1].endswith("already in float64; in float32 nothing would be left")
    assert en[2].startswith(
        "  Likely cause: E[x²] − E[x]² subtracts two huge equal numbers. Subtract the mean first, square"
    )
    assert zh[0].startswith("✗ layer_norm：公式正确，但运算丢失精度")
    assert zh[1].endswith("（这还是 float64；float32 下将毫无精度）")


def test_forbidden_call(forked: Runner, asked: dict[str, Questions]) -> None:
    text = "import torch.nn.functional as F\n\n\ndef attention(q, k, v, keep=None):\n"
    text += "    return F.scaled_dot_product_attention(q, k, v)\n"
    verdict = grade_source(asked["e2"].lesson, text, questions=asked["e2"], runner=forked)
    name = "torch.nn.functional.scaled_dot_product_attention"
    assert verdict.lines("en")[:2] == [
        f"✗ attention: {name} was called (your code, line 5)",
        "  That is what you are about to write. matmul, softmax, where and masked_fill are yours to use.",
    ]
    assert verdict.lines("zh")[:2] == [
        f"✗ attention：调用了 {name}（your code 第 5 行）",
        "  这正是你要写的函数。可以使用 matmul、softmax、where、masked_fill。",
    ]


def test_changed_input(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "f1", "in_place")
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith("✗ layer_norm: your function changed its input x")
    assert en[1].startswith("  x[0, 0, 0] was ")
    assert en[1].endswith(" after it. The caller still needs x.")
    assert en[2] == "  Likely cause: an in-place operation (-=, sub_, x[...] = …) on x. Write x = x - mean instead."
    assert zh[0].startswith("✗ layer_norm：函数改动了输入 x")
    assert zh[1].endswith("。调用者还要用 x。")


def test_slowness(forked: Runner, asked: dict[str, Questions]) -> None:
    questions = asked["c1"]
    from deepdojo.grader.gate import _function_source

    mutant = next(m for m in load_check(questions.lesson).mutants if m.slow)
    text = _function_source(questions.lesson, load_check(questions.lesson), mutant)
    verdict = grade_source(questions.lesson, text, questions=questions, runner=forked)
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert "but too slow" in en[0]
    assert en[1] == "  stopped at 200 × the time of a plain reference."
    assert en[2].startswith("  Loop over the 9 positions of the kernel, not over the pixels:")
    assert zh[2].startswith("  请循环卷积核的 9 个位置，而不是像素：")


def test_time_out(quick: Runner, asked: dict[str, Questions]) -> None:
    text = asked["g1"].lesson.solution.replace(
        "        if not counts:\n            break\n", "        if not counts:\n            continue\n"
    )
    verdict = grade_source(asked["g1"].lesson, text, questions=asked["g1"], runner=quick)
    en, zh = verdict.lines("en"), verdict.lines("zh")
    assert en[0].startswith("✗ bpe_train: no answer within 3 s, stopped ")
    assert en[1].startswith("  Your code was in your code, line ")
    assert en[2] == "  Does the loop end when no pair is left?"
    assert zh[0].startswith("✗ bpe_train：3 秒内没有结果，已停止")
    assert zh[2] == "  没有可合并的对时，循环会结束吗？"


def test_pass(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade_source(asked["c1"].lesson, asked["c1"].lesson.solution, questions=asked["c1"], runner=forked)
    head = verdict.lines("en")[0]
    assert head.startswith("✓ conv2d: 7 cases, values, 3 gradients, float32, speed ")
    assert head.endswith(" s")


def test_an_unknown_mistake_is_not_guessed(forked: Runner, softmax: Questions) -> None:
    text = "def softmax(x, dim):\n    return (x - x.amax(dim, keepdim=True)).exp2() / 3\n"
    verdict = grade_source(softmax.lesson, text, questions=softmax, runner=forked)
    assert verdict.mutants == []
    assert verdict.causes == []
    assert verdict.lines("en")[2].startswith("  No known mistake gives these numbers.")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("-p", "every sign is reversed"),
        ("2.5 * p", "everything is 2.5 times what it should be"),
        ("p + 0.25", "everything is off by the same 0.25"),
        ("p.flip(dim)", None),  # another axis in each case: no one sentence is true
    ],
)
def test_patterns_hold_on_every_case(forked: Runner, softmax: Questions, code: str, cause: str | None) -> None:
    text = "def softmax(x, dim):\n    e = (x - x.amax(dim, keepdim=True)).exp()\n    p = e / e.sum(dim, keepdim=True)\n"
    verdict = grade_source(softmax.lesson, f"{text}    return {code}\n", questions=softmax, runner=forked)
    assert [c.en for c in verdict.causes] == ([cause] if cause else [])


def test_twins_are_joined_by_or() -> None:
    verdict = Verdict("x1", "f", False, "value", "wrong", Text("wrong", "不对"))
    verdict.causes = [Text("one", "甲"), Text("two", "乙"), Text("three", "丙")]
    assert verdict.cause("en") == "one, two or three."
    assert verdict.cause("zh") == "甲，或者乙，或者丙。"


def test_a_narrow_terminal_puts_the_case_below(forked: Runner, asked: dict[str, Questions]) -> None:
    verdict = grade(forked, asked, "f1", "unbiased")
    lines = verdict.lines("en", width=60)
    assert lines[0] == "✗ layer_norm: the output is wrong"
    assert lines[1].startswith('  case "tokens" · seed 0')


def test_json_holds_both_languages(forked: Runner, asked: dict[str, Questions]) -> None:
    said = json.loads(json.dumps(grade(forked, asked, "f1", "unbiased").as_json()))
    assert (said["verdict"], said["stage"], said["mutants"]) == ("not yet", "value", ["unbiased"])
    assert set(said["message"]) == {"en", "zh"}
