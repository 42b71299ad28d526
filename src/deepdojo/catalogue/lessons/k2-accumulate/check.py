"""The check of k2-accumulate: losses and weights equal those of whole batches, and the model never sees too many."""

import torch

from deepdojo.grader import Check, adapt, case, keep, mutant, normal


@adapt("train_accumulated")
def drive(train_accumulated, weights, x, y, keep, batch_size, micro_size, lr):
    (hidden, inputs), outputs = weights[0].shape, len(weights[2])
    model = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs))
    model = model.to(x.dtype)
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights):
            parameter.copy_(weight)
    seen = {"rows": 0, "graphs": 0, "most": 0}

    def gone(_):
        seen["graphs"] -= 1

    def watch(module, given, out):
        seen["rows"] = max(seen["rows"], len(given[0]))
        if out.requires_grad:
            seen["graphs"] += 1
            seen["most"] = max(seen["most"], seen["graphs"])
            out.register_hook(gone)

    handle = model.register_forward_hook(watch)
    losses = train_accumulated(model, x, y, keep, batch_size, micro_size, lr)
    handle.remove()
    return {
        "losses": [float(each) for each in losses],
        "weights": [p.detach().clone() for p in model.parameters()],
        "at_most_micro_size_rows": seen["rows"] <= micro_size,
        "graphs_at_once": seen["most"],
    }


def oracle(weights, x, y, keep, batch_size, micro_size, lr):
    params = [w.clone() for w in weights]
    losses = []
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        with torch.enable_grad():
            w1, b1, w2, b2 = params = [p.detach().requires_grad_() for p in params]
            error = (torch.tanh(x[part] @ w1.T + b1) @ w2.T + b2 - y[part])[keep[part]]
            loss = error.square().mean()
            grads = torch.autograd.grad(loss, params)
        params = [(p - lr * g).detach() for p, g in zip(params, grads, strict=True)]
        losses.append(float(loss.detach()))
    return {"losses": losses, "weights": params, "at_most_micro_size_rows": True, "graphs_at_once": 1}


def run(name, n, batch_size, micro_size):
    weights = [normal(axes, grad=False) for axes in ("H D", "H", "O H", "O")]
    return case(
        name, sizes={"N": n, "O": 3}, weights=weights, x=normal("N D", grad=False), y=normal("N O", grad=False),
        keep=keep("N O"), batch_size=batch_size, micro_size=micro_size, lr=0.1,
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("a smaller tail", 11, 7, 3),
        run("one example at a time", 7, 4, 1),
        run("micro-batches larger than a batch", 7, 3, 5),
    ],
    gradient=False,
    layout=False,
    tolerance=5e-7,  # a float over a tensor of integers is float32 in torch: a loss may be made so
    mutants=[
        mutant(
            "not_divided", "squares.sum() / count", "squares.sum()",
            en="the sums are not divided: the steps grow with the size of the batch",
            zh="和没有除以总数：步长随批的大小变大",
        ),
        mutant(
            "mean_of_means", "squares.sum() / count",
            "squares.sum() / keep[part].sum() / (-(-(stop - start) // micro_size))",
            en="means of micro-batches are averaged; one with few entries counts as much as a full one. Divide all "
               "sums by the batch's count",
            zh="对各小批的平均又取了平均；条目少的小批与满的占了同样的比重。应把所有的和除以整批的总数",
        ),
        mutant(
            "fixed_number", "squares.sum() / count",
            "squares.sum() / keep[part].sum() / (-(-batch_size // micro_size))",
            en="the mean of each micro-batch is divided by a fixed number of them; the last batch has fewer",
            zh="每个小批的平均除以了固定的个数；最后一批没有那么多小批",
        ),
        mutant(
            "weighted_by_rows", "squares.sum() / count",
            "squares.sum() / keep[part].sum() * len(x[part]) / (stop - start)",
            en="micro-batches are weighted by their examples; entries count, and examples differ in their number",
            zh="小批按样本数加权了；应按计入的条目数，而各样本的条目数不同",
        ),
        mutant(
            "padding_counted", "keep[start:stop].sum()", "keep[start:stop].numel()",
            en="padding is in the count: divide by how many entries keep marks",
            zh="总数里算进了填充：应除以 keep 标出的条目数",
        ),
        mutant(
            "padding_learned", "(model(x[part]) - y[part]).square() * keep[part]",
            "(model(x[part]) - y[part]).square()",
            en="padding is in the loss: only entries that keep marks count",
            zh="损失里算进了填充：只有 keep 标出的条目才算",
        ),
        mutant(
            "cleared_each_time", "        optimizer.zero_grad()\n", "",
            "            part = slice", "            optimizer.zero_grad()\n            part = slice",
            en="gradients are cleared for every micro-batch, so only the last one counts",
            zh="每个小批都清零了梯度，只有最后一个起作用",
        ),
        mutant(
            "step_each_time", "        optimizer.step()\n", "",
            "            loss.backward()\n", "            loss.backward()\n            optimizer.step()\n",
            en="a step is made after every micro-batch; make one after the last",
            zh="每个小批之后都更新了；应在最后一个之后更新一次",
        ),
        mutant(
            "never_cleared", "        optimizer.zero_grad()\n", "",
            en="gradients are never cleared: each batch adds to those of all batches before",
            zh="梯度从未清零：每一批都加在以前所有批的梯度上",
        ),
        mutant(
            "tail_dropped", "range(start, stop, micro_size)",
            "range(start, stop - micro_size + 1, micro_size) or range(start, stop, micro_size)",
            en="the last, smaller micro-batch is left out",
            zh="漏掉了最后那个较小的小批",
        ),
        mutant(
            "over_the_border", "min(i + micro_size, stop)", "i + micro_size",
            en="a micro-batch reaches over the end of its batch and takes examples of the next one",
            zh="小批越过了本批的末尾，用到了下一批的样本",
        ),
        mutant(
            "whole_batch", "range(start, stop, micro_size)", "range(start, stop, batch_size)",
            "min(i + micro_size, stop)", "stop",
            en="the model is given the whole batch at once: right, but it needs the memory that bites would save",
            zh="整批一次送进了模型：结果正确，但占用的正是累积想省下的内存",
        ),
        mutant(
            "one_backward",
            "            loss.backward()\n            total += loss.item()\n", "            total = total + loss\n",
            "        optimizer.step()\n        losses.append(total)",
            "        total.backward()\n        optimizer.step()\n        losses.append(total.item())",
            en="backward is called once for the sum of all losses: the graphs of all micro-batches stay in memory. "
               "Call it for each",
            zh="把所有损失加起来才 backward 一次：各小批的计算图都留在内存里。应逐个调用",
        ),
    ],
)  # fmt: skip
