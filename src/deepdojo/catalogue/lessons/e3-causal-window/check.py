"""The check of e3-causal-window."""

import torch

from deepdojo.grader import Check, case, mutant


def oracle(T, S, window=None):
    """Each pair by itself: the steps that a query at step p sees are p, p − 1, …"""
    table = torch.zeros(T, S, dtype=torch.bool)
    for t in range(T):
        step = S - 1 - (T - 1 - t)
        seen = range(step, -1, -1) if window is None else range(step, max(step - window, -1), -1)
        for s in seen:
            table[t, s] = True
    return table


def drawn(low, high):
    return lambda d: d.integer(low, high)


check = Check(
    oracle,
    cases=[
        case("as many keys as queries", T=drawn(4, 8), S=lambda d: d["T"], window=None),
        case("keys from before", T=drawn(3, 6), S=lambda d: d["T"] + d.integer(2, 6), window=None),
        case("window", T=drawn(6, 9), S=lambda d: d["T"], window=drawn(2, 4)),
        case("window, keys from before", T=drawn(3, 5), S=lambda d: d["T"] + d.integer(4, 7), window=drawn(2, 4)),
        case("window of one", T=drawn(3, 6), S=lambda d: d["T"] + 2, window=1),
        case("window wider than all", T=drawn(3, 6), S=lambda d: d["T"] + 1, window=50),
        case("one query", T=1, S=drawn(3, 8), window=None),
        case("one query, window", T=1, S=drawn(5, 8), window=drawn(2, 4)),
        case("one of each", T=1, S=1, window=None),
    ],
    gradient=False,
    mutants=[
        mutant(
            "top_left", "torch.arange(T)[:, None] + S - T", "torch.arange(T)[:, None]",
            en="the table is lined up at the top left: query 0 counts as step 0, but the queries are the last T of S "
               "steps",
            zh="表按左上角对齐了：查询 0 被当作第 0 步，而查询其实是 S 步中的最后 T 步",
        ),
        mutant(
            "strict", "keep = back >= 0", "keep = back > 0",
            en="a step does not see itself; it may: the difference 0 is allowed",
            zh="每一步看不见自己；应该看得见：差为 0 是允许的",
        ),
        mutant(
            "one_ahead", "keep = back >= 0", "keep = back >= -1",
            en="every query sees one step ahead: the answer leaks, and training looks too good to be true",
            zh="每个查询都能看到后一步：答案泄漏了，训练效果会好得不真实",
        ),
        mutant(
            "inverted", "return keep", "return ~keep",
            en="the table is the other way round: True means that the key MAY be seen",
            zh="表的含义反了：True 表示这个键可以被看见",
        ),
        mutant(
            "looks_ahead", "keep = back >= 0", "keep = back <= 0",
            en="the triangle is the upper one: queries see the future and not the past",
            zh="用了上三角：查询看到的是未来，而不是过去",
        ),
        mutant(
            "additive", "return keep", "return torch.zeros(T, S).masked_fill(~keep, -torch.inf)",
            en="these are numbers to be added to scores (0 and −inf); a table of booleans is asked for",
            zh="这是要加到得分上的数（0 与 −inf）；这里要的是布尔表",
        ),
        mutant(
            "ones_and_zeros", "return keep", "return keep.float()",
            en="the table holds ones and zeros; booleans are asked for, so that it can stand in torch.where and ~",
            zh="表里是 1 和 0；这里要布尔值，这样才能用于 torch.where 和 ~",
        ),
        mutant(
            "window_too_wide", "(back < window)", "(back <= window)",
            en="the window is one step too wide: it counts the query's own step",
            zh="窗口宽了一步：查询自己的那一步也算在内",
        ),
        mutant(
            "window_too_narrow", "(back < window)", "(back < window - 1)",
            en="the window is one step too narrow: window = 1 is the query's own step alone",
            zh="窗口窄了一步：window = 1 就只有查询自己的那一步",
        ),
        mutant(
            "window_both_sides", "keep = keep & (back < window)", "keep = back.abs() < window",
            en="the window reaches to both sides: it allows steps ahead",
            zh="窗口向两边延伸：它放进了后面的步",
        ),
        mutant(
            "window_ignored", "keep = keep & (back < window)", "pass",
            en="window has no effect",
            zh="window 没有起作用",
        ),
        mutant(
            "window_from_the_start", "(back < window)", "(key < window)",
            en="the window lies at the first keys; it moves along with the query",
            zh="窗口停在了最前面的键上；它应随查询移动",
        ),
        mutant(
            "keys_by_queries", "return keep", "return keep.T",
            en="rows are keys and columns queries; it is the other way round: (T, S)",
            zh="行成了键、列成了查询；应当反过来：(T, S)",
        ),
    ],
)  # fmt: skip
