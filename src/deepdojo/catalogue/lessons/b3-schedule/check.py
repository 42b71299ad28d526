"""The check of b3-schedule: the whole curve, beyond its end."""

import cmath

from deepdojo.grader import Check, adapt, case, mutant


@adapt("lr_at")
def drive(lr_at, steps, peak, warmup, total, floor):
    found = [lr_at(step, peak, warmup, total, floor) for step in range(steps)]
    return {"lr": [each if each is None else float(each) for each in found]}


def oracle(steps, peak, warmup, total, floor):
    """Powers of a root of one instead of cosines."""
    root = cmath.exp(1j * cmath.pi / (total - warmup))
    rise = [peak / warmup * k for k in range(1, warmup + 1)]
    fall = [floor + (peak - floor) * (0.5 + 0.5 * (root**k).real) for k in range(total - warmup)]
    return {"lr": [*rise, *fall, *[floor] * steps][:steps]}


def curve(name, warmup, total, floor=None, steps=8):
    """`floor` None is drawn."""
    return case(
        name, steps=total + steps, peak=lambda d: 0.5 + d.integer(1, 100) / 100, warmup=warmup, total=total,
        floor=(lambda d: d.integer(5, 30) / 100) if floor is None else floor,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        curve("warm-up and decay", 5, 17),
        curve("to zero", 3, 13, floor=0.0),
        curve("no warm-up", 0, 11),
        curve("one step of warm-up", 1, 7),
        curve("one step of decay", 4, 5),
        curve("long after the end", 2, 9, steps=30),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "from_zero", "peak * (step + 1) / warmup", "peak * step / warmup",
            en="the warm-up starts at 0, so the first step learns nothing and the last one misses the peak: "
               "(step + 1) / warmup",
            zh="预热从 0 开始，第一步什么都没学，最后一步也没到峰值：应为 (step + 1) / warmup",
        ),
        mutant(
            "over_all_steps", "(step - warmup) / (total - warmup)", "step / total",
            en="the cosine runs over all steps; it starts where the warm-up ends: (step − warmup) / (total − warmup)",
            zh="余弦走的是全部步数；它从预热结束处开始：(step − warmup) / (total − warmup)",
        ),
        mutant(
            "ends_late", "(step - warmup) / (total - warmup)", "(step - warmup) / total",
            en="the decay ends warmup steps too late: it has total − warmup steps",
            zh="衰减晚了 warmup 步才结束：它只有 total − warmup 步",
        ),
        mutant(
            "one_step_late", "(step - warmup) / (total - warmup)", "(step + 1 - warmup) / (total - warmup)",
            en="the decay is one step ahead: at step = warmup the fraction is 0",
            zh="衰减早了一步：step = warmup 时比例应为 0",
        ),
        mutant(
            "rises_again", "min(1.0, (step - warmup) / (total - warmup))", "(step - warmup) / (total - warmup)",
            en="after total the cosine comes up again: the fraction must stop at 1",
            zh="过了 total 余弦又升了回去：比例到 1 就要停住",
        ),
        mutant(
            "no_floor", "floor + (peak - floor) *", "peak *",
            en="floor has no effect: the rate falls to 0",
            zh="floor 没有起作用：学习率降到了 0",
        ),
        mutant(
            "floor_on_top", "floor + (peak - floor) *", "floor + peak *",
            en="floor is added on top of the whole curve; the cosine should span peak − floor",
            zh="floor 加在了整条曲线之上；余弦的幅度应是 peak − floor",
        ),
        mutant(
            "floor_as_bound", "return floor + (peak - floor) * (1 + math.cos(math.pi * done)) / 2",
            "return max(floor, peak * (1 + math.cos(math.pi * done)) / 2)",
            en="the curve falls to 0 and is cut off at floor; it should arrive there smoothly",
            zh="曲线先往 0 降，再被 floor 截断；应平滑地到达 floor",
        ),
        mutant(
            "divided_by_zero", "    if step < warmup:\n",
            "    rise = (step + 1) / warmup\n    if step < warmup:\n",
            en="without a warm-up something is divided by 0: divide only where step < warmup",
            zh="没有预热时发生了除以 0：只有在 step < warmup 时才做除法",
        ),
        mutant(
            "degrees", "math.cos(math.pi * done)", "math.cos(180 * done)",
            en="cos takes radians: half a turn is π, not 180",
            zh="cos 用的是弧度：半圈是 π，不是 180",
        ),
        mutant(
            "full_turn", "math.cos(math.pi * done)", "math.cos(2 * math.pi * done)",
            en="the cosine goes a full turn and ends at the top; half a turn, π, ends at the bottom",
            zh="余弦转了整圈，又回到顶点；半圈 π 才停在底部",
        ),
        mutant(
            "linear", "(1 + math.cos(math.pi * done)) / 2", "(1 - done)",
            en="the decay is a straight line, not a cosine",
            zh="衰减是直线，不是余弦",
        ),
    ],
)  # fmt: skip
