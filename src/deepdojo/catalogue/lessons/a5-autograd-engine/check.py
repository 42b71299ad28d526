"""The check of a5-autograd-engine: expressions drawn at random, with shared numbers; torch's autograd is the oracle."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("Value")
def drive(Value, numbers, program, repeat):
    nodes = [Value(x) for x in numbers]
    for _ in range(repeat):
        for kind, i, other in program:
            a = nodes[i]
            if kind == "add":
                out = a + nodes[other]
            elif kind == "mul":
                out = a * nodes[other]
            elif kind == "add_number":
                out = a + other
            elif kind == "number_mul":
                out = other * a
            else:
                out = a**other if kind == "pow" else a.tanh()
            nodes.append(out)
    untouched = all(node.grad == 0 for node in nodes)
    nodes[-1].backward()
    few = nodes[: len(numbers)] + nodes[-8:]
    first = [float(node.grad) for node in few]
    nodes[-1].backward()
    again = [float(node.grad) for node in few]
    values = [float(node.data) for node in few]
    return {"data": values, "grad": first, "grad_is_0_before": untouched, "grad_of_second_backward": again}


def oracle(numbers, program, repeat):
    with torch.enable_grad():
        nodes = [torch.tensor(float(x), dtype=torch.float64, requires_grad=True) for x in numbers]
        for _ in range(repeat):
            for kind, i, other in program:
                a = nodes[i]
                if kind in ("add", "mul"):
                    out = a + nodes[other] if kind == "add" else a * nodes[other]
                elif kind in ("add_number", "number_mul"):
                    out = a + other if kind == "add_number" else other * a
                else:
                    out = a**other if kind == "pow" else torch.tanh(a)
                nodes.append(out)
        few = nodes[: len(numbers)] + nodes[-8:]
        grads = torch.autograd.grad(nodes[-1], few, allow_unused=True)
    found = [0.0 if g is None else float(g) for g in grads]
    data = [float(node.detach()) for node in few]
    return {"data": data, "grad": found, "grad_is_0_before": True, "grad_of_second_backward": found}


def numbers(draw):
    return [round(0.4 + draw.integer(0, 1000) / 1000, 3) * (1 if i else -1) for i in range(3)]


def expression(draw):
    """Fourteen operations on what is there, late ones preferred; tanh after each of the first keeps numbers small."""
    program, count = [], 3
    for _ in range(6):
        pick = [max(0, count - 1 - draw.integer(0, 4)) for _ in range(2)]
        kind = draw.choice(["add", "mul", "mul", "pow", "add_number", "number_mul"])
        other = {"pow": draw.choice([2, 3]), "add_number": 0.75, "number_mul": -1.5}.get(kind, pick[1])
        program += [(kind, pick[0], other), ("tanh", count, None)]
        count += 2
    return [*program, ("add", count - 1, count - 2), ("mul", count, draw.integer(0, 3))]


SQUARES = [("mul", 0, 0), ("add", 1, 1), ("mul", 2, 1)]  # b = a·a, c = b + b, d = c·b
DIAMOND = [("tanh", 0, None), ("mul", 3, 3), ("add", 4, 3), ("mul", 5, 4), ("add", 6, 3)]

check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("a sum", numbers=numbers, program=[("add", 0, 1)], repeat=1),
        case("a product", numbers=numbers, program=[("mul", 0, 1)], repeat=1),
        case("tanh", numbers=numbers, program=[("tanh", 0, None)], repeat=1),
        case("a power", numbers=numbers, program=[("pow", 1, 3)], repeat=1),
        case("one over a number", numbers=numbers, program=[("pow", 1, -1), ("mul", 3, 0)], repeat=1),
        case(
            "numbers on either side", numbers=numbers, program=[("add_number", 0, 2.5), ("number_mul", 3, 3)], repeat=1
        ),
        case("a number used twice", numbers=lambda d: [0.5 + d.integer(0, 9) / 10], program=SQUARES, repeat=1),
        case("paths of different length", numbers=numbers, program=DIAMOND, repeat=1),
        case("a drawn expression", numbers=numbers, program=expression, repeat=1),
        case("another expression", numbers=numbers, program=expression, repeat=1),
        case(
            "1100 operations in a row", numbers=[0.5, 0.25], program=[("add", -1, 0), ("number_mul", -1, 0.5)],
            repeat=550, note=("((x + a) · 0.5 + a) · 0.5 …", "((x + a) · 0.5 + a) · 0.5 …"),
        ),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "assigned", "parent.grad += slope * node.grad", "parent.grad = slope * node.grad",
            en="a number that is used twice keeps only one contribution: gradients add up, +=",
            zh="用了两次的数只留下一份贡献：梯度要累加，用 +=",
        ),
        mutant(
            "handed_on_at_once",
            "        for node in reversed(order):\n            for parent, slope in node.parents:\n"
            "                parent.grad += slope * node.grad\n",
            "        stack = [self]\n        while stack:\n            node = stack.pop()\n"
            "            for parent, slope in node.parents:\n                parent.grad += slope * node.grad\n"
            "                stack.append(parent)\n",
            en="a node hands on its gradient each time something arrives, so what came before is counted again: wait "
               "until all its users have reported (topological order, backwards)",
            zh="节点每收到一份梯度就往下传一次，先前的部分被重复计算：要等所有用到它的节点都传完（逆拓扑序）",
        ),
        mutant(
            "forward_order", "for node in reversed(order):", "for node in order:",
            en="the walk starts at the inputs; it starts at the result and goes back",
            zh="从输入端开始走了；应从结果往回走",
        ),
        mutant(
            "not_seeded", "        self.grad = 1.0\n", "",
            en="the result's own gradient is not set to 1, so everything below is 0",
            zh="结果自身的梯度没有设为 1，下面全是 0",
        ),
        mutant(
            "stale", "            node.grad = 0.0\n", "            pass\n",
            en="a second backward adds to the gradients of the first: make them anew",
            zh="第二次 backward 在第一次的梯度上累加：应先清零",
        ),
        mutant(
            "tanh_of_input", "((self, 1 - t * t),)", "((self, 1 - self.data**2),)",
            en="tanh' is 1 − tanh(x)², with the output, not with the input",
            zh="tanh′ = 1 − tanh(x)²，用的是输出，不是输入",
        ),
        mutant(
            "power_kept", "n * self.data ** (n - 1)", "n * self.data**n",
            en="the slope of xⁿ is n · xⁿ⁻¹; here the exponent is not lowered",
            zh="xⁿ 的斜率是 n · xⁿ⁻¹；这里指数没有减一",
        ),
        mutant(
            "power_factor", "n * self.data ** (n - 1)", "self.data ** (n - 1)",
            en="the slope of xⁿ lacks the factor n",
            zh="xⁿ 的斜率少了因子 n",
        ),
        mutant(
            "own_factor", "((self, other.data), (other, self.data))", "((self, self.data), (other, other.data))",
            en="in a product each factor's slope is the OTHER factor",
            zh="乘积中每个因子的斜率是另一个因子",
        ),
        mutant(
            "one_operand", "((self, 1.0), (other, 1.0))", "((self, 1.0),)",
            en="in a sum the second operand gets no gradient",
            zh="加法的第二个操作数没有得到梯度",
        ),
        mutant(
            "recursion",
            "        order, seen, stack = [], set(), [(self, False)]\n        while stack:\n"
            "            node, finished = stack.pop()\n            if finished:\n                order.append(node)\n"
            "            elif id(node) not in seen:\n                seen.add(id(node))\n"
            "                stack.append((node, True))\n"
            "                stack.extend((parent, False) for parent, _ in node.parents)\n",
            "        order, seen = [], set()\n\n        def visit(node):\n            if id(node) not in seen:\n"
            "                seen.add(id(node))\n                for parent, _ in node.parents:\n"
            "                    visit(parent)\n                order.append(node)\n\n        visit(self)\n",
            en="a recursive walk is right, but 1100 operations in a row are deeper than Python's stack: walk a list",
            zh="递归遍历本身没错，但连续 1100 次运算比 Python 的栈还深：用列表作栈",
        ),
        mutant(
            "recursion_and_stale", "            node.grad = 0.0\n", "            pass\n",
            "        order, seen, stack = [], set(), [(self, False)]\n        while stack:\n"
            "            node, finished = stack.pop()\n            if finished:\n                order.append(node)\n"
            "            elif id(node) not in seen:\n                seen.add(id(node))\n"
            "                stack.append((node, True))\n"
            "                stack.extend((parent, False) for parent, _ in node.parents)\n",
            "        order, seen = [], set()\n\n        def visit(node):\n            if id(node) not in seen:\n"
            "                seen.add(id(node))\n                for parent, _ in node.parents:\n"
            "                    visit(parent)\n                order.append(node)\n\n        visit(self)\n",
            en="a recursive walk is right, but 1100 operations in a row are deeper than Python's stack: walk a list. "
               "And a second backward adds to the gradients of the first",
            zh="递归遍历本身没错，但连续 1100 次运算比 Python 的栈还深：用列表作栈。另外，第二次 backward 累加在了"
               "第一次的梯度上",
        ),
        mutant(
            "operands_in_a_dict", "((self, 1.0), (other, 1.0))", "tuple({self: 1.0, other: 1.0}.items())",
            "((self, other.data), (other, self.data))", "tuple({self: other.data, other: self.data}.items())",
            en="operands are kept in a dict or a set, so a + a and a · a have only one: keep a list of pairs",
            zh="操作数存进了字典或集合，于是 a + a 和 a · a 只剩下一个：要存成列表",
        ),
        mutant(
            "one_visit", "            if finished:\n                order.append(node)\n            elif",
            "            if",
            "                stack.append((node, True))\n", "                order.append(node)\n",
            "for node in reversed(order):", "for node in order:",
            en="nodes are walked in the order in which they are first met, so some hand on their gradient before "
               "all their users have reported: use a topological order, backwards",
            zh="按第一次遇到的先后往下传，有的节点在用到它的节点都传来梯度之前就传了：要按逆拓扑序",
        ),
    ],
)  # fmt: skip
