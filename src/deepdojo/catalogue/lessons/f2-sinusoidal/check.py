"""The check of f2-sinusoidal. Angles in float32 are right: hence the tolerance, which half precision cannot meet."""

import math

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("sinusoidal_positions")
def drive(sinusoidal_positions, T, D, base):
    usual = torch.get_default_dtype()
    narrow = sinusoidal_positions(T, D, base)
    try:
        torch.set_default_dtype(torch.float64)
        table = sinusoidal_positions(T, D, base)
    finally:
        torch.set_default_dtype(usual)
    if not (isinstance(narrow, torch.Tensor) and isinstance(table, torch.Tensor)):
        return {"table": table, "dtype": "float32", "table_of_another_base": None}
    other = sinusoidal_positions(T, D, 3 * base)
    dtype = str(narrow.dtype).removeprefix("torch.")
    return {"table": table.double(), "dtype": dtype, "table_of_another_base": other.double()}


def oracle(T, D, base):
    return {"table": clocks(T, D, base), "dtype": "float32", "table_of_another_base": clocks(T, D, 3 * base)}


def clocks(T, D, base):
    """Number by number."""
    rows = []
    for t in range(T):
        row = []
        for column in range(D):
            angle = t / math.pow(base, (column - column % 2) / D)
            row.append(math.cos(angle) if column % 2 else math.sin(angle))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("a few positions", T=7, D=lambda d: 2 * d.integer(3, 7), base=10000.0),
        case("another base", T=11, D=lambda d: 2 * d.integer(3, 6), base=lambda d: float(d.integer(30, 900))),
        case("as many positions as columns", T=8, D=8, base=10000.0),
        case("many positions", T=400, D=8, base=lambda d: float(d.integer(5000, 20000))),
        case("one clock", T=5, D=2, base=100.0),
        case("one position", T=1, D=6, base=10000.0),
    ],
    gradient=False,
    float32=False,
    layout=False,
    tolerance=1e-4,
    mutants=[
        mutant(
            "halves", "torch.stack([angle.sin(), angle.cos()], -1).flatten(1)",
            "torch.cat([angle.sin(), angle.cos()], -1)",
            en="all sines come first and all cosines after them; here they take turns: columns 2i and 2i + 1",
            zh="先是全部正弦，后是全部余弦；这里应交替排列：第 2i 列与第 2i + 1 列",
        ),
        mutant(
            "swapped", "[angle.sin(), angle.cos()]", "[angle.cos(), angle.sin()]",
            en="sine and cosine are exchanged: even columns hold the sine",
            zh="正弦和余弦弄反了：偶数列放正弦",
        ),
        mutant(
            "half_exponent", "(-2 * pair / D)", "(-pair / D)",
            en="the exponent is i / D; it is 2i / D, so that the clocks reach from 1 to almost 1 / base",
            zh="指数写成了 i / D；应为 2i / D，这样各个钟的速度才从 1 一直到接近 1 / base",
        ),
        mutant(
            "double_exponent", "(-2 * pair / D)", "(-4 * pair / D)",
            en="the exponent is twice too large: 2i is the number of the even column itself, do not double it again",
            zh="指数大了一倍：2i 本身就是偶数列的列号，不要再乘 2",
        ),
        mutant(
            "own_speed_per_column", "torch.stack([angle.sin(), angle.cos()], -1).flatten(1)",
            "torch.stack([angle.sin(), (angle * base ** (-1 / D)).cos()], -1).flatten(1)",
            en="every column has a speed of its own; the columns 2i and 2i + 1 share one",
            zh="每一列都有自己的速度；第 2i 列和第 2i + 1 列应共用一个",
        ),
        mutant(
            "ends_at_base", "(-2 * pair / D)", "(-2 * pair / max(D - 2, 1))",
            en="the exponent is divided by D − 2, so that the last clock has exactly 1 / base; the paper divides by D",
            zh="指数除以了 D − 2，最后一个钟恰好是 1 / base；论文中除以 D",
        ),
        mutant(
            "starts_at_one", "torch.arange(T)[:, None]", "torch.arange(1, T + 1)[:, None]",
            en="positions are counted from 1; the first one is 0",
            zh="位置从 1 数起了；第一个是 0",
        ),
        mutant(
            "inverse", "base ** (-2 * pair / D)", "base ** (2 * pair / D)",
            en="the angle is multiplied by base^(2i / D); it is divided by it",
            zh="角度乘了 base^(2i / D)；应除以它",
        ),
        mutant(
            "base_fixed", "base ** (-2", "10000.0 ** (-2",
            en="base has no effect: 10000 stands in its place",
            zh="base 没有起作用：写死成了 10000",
        ),
        mutant(
            "sines_only", "angle.cos()", "angle.sin()",
            en="both columns of a pair hold the sine; the odd one holds the cosine",
            zh="一对中的两列都是正弦；奇数列应为余弦",
        ),
        mutant(
            "full_turns", "[:, None] * speed", "[:, None] * speed * 2 * torch.pi",
            en="the angle has a factor 2π too many",
            zh="角度多乘了 2π",
        ),
        mutant(
            "bfloat16_angles", "[:, None] * speed", "[:, None] * speed\n    angle = angle.bfloat16()",
            "torch.stack([angle.sin(), angle.cos()], -1).flatten(1)",
            "torch.stack([angle.sin(), angle.cos()], -1).flatten(1).to(torch.get_default_dtype())",
            en="the angles are in bfloat16, which has 8 bits: positions 300 and 301 fall together; use float32",
            zh="角度用了 bfloat16，只有 8 位有效位：位置 300 和 301 变得相同；请用 float32 计算",
        ),
        mutant(
            "half_table", "torch.stack([angle.sin(), angle.cos()], -1).flatten(1)",
            "torch.stack([angle.sin(), angle.cos()], -1).flatten(1).half().to(torch.get_default_dtype())",
            en="sines and cosines went through float16, which has 11 bits; keep float32",
            zh="正弦和余弦经过了 float16，只有 11 位有效位；请保持 float32",
        ),
        mutant(
            "kept_between_calls", "import torch\n", "import torch\n\nkept = {}\n",
            "    pair = torch", "    if (T, D) in kept:\n        return kept[T, D]\n    pair = torch",
            "    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)",
            "    kept[T, D] = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)\n    return kept[T, D]",
            en="a table of an earlier call is given again, although base is another: base belongs to the key, too",
            zh="返回了之前调用时存下的表，而 base 已经不同：缓存的键也要包含 base",
        ),
        mutant(
            "columns_by_positions", ".flatten(1)", ".flatten(1).T",
            en="rows are columns: (T, D) is asked for",
            zh="行列弄反了：要的是 (T, D)",
        ),
    ],
)  # fmt: skip
