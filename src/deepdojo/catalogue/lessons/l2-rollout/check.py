"""The check of l2-rollout."""

import torch

from deepdojo.grader import Check, case, mutant
from deepdojo.grader.draws import Draw


def oracle(attn):
    """Sums over the tokens between, layer by layer: no matrix product."""
    eye = torch.eye(attn.shape[-1], dtype=attn.dtype)
    steps = []
    for layer in attn:
        table = 0.5 * layer.sum(1) / layer.shape[1] + 0.5 * eye
        steps.append(table / table.sum(2, keepdim=True))
    found = steps[0]
    for step in steps[1:]:
        found = (step[:, :, :, None] * found[:, None, :, :]).sum(2)
    return found


def attention(*, holes=False):
    """Rows of shares; with holes some of them were dropped: rows sum to less than one, and one row to nothing."""

    def made(d):
        found = torch.softmax(d.normal("L B H T T", scale=2), -1)
        if holes:
            kept = torch.rand(found.shape, generator=d.gen) < 0.6
            kept[:, :, :, 1] = False
            found = found * kept
        return found

    # Entries of 0 are a kink for who normalises with absolute values.
    return Draw(made, not holes, ("L", "B", "H", "T"))


check = Check(
    oracle,
    cases=[
        case("three layers", sizes={"L": 3}, attn=attention()),
        case("one layer", sizes={"L": 1}, attn=attention()),
        case(
            "attention with holes", sizes={"L": 2, "T": 5}, attn=attention(holes=True),
            note=("rows that sum to less than one", "有些行的和小于一"),
        ),
        case("one token", sizes={"L": 2, "T": 1}, attn=attention()),
        case("five layers, one head", sizes={"L": 5, "H": 1}, attn=attention()),
    ],
    mutants=[
        mutant(
            "no_identity", "(attn.mean(2) + eye) / 2", "attn.mean(2)",
            en="the skip is left out: half of what leaves a layer came past it, and the identity stands for that",
            zh="漏掉了残差连接：离开一层的东西有一半是绕过来的，单位矩阵表示的就是它",
        ),
        mutant(
            "not_renormalised", "    layers = layers / layers.sum(-1, keepdim=True)\n", "",
            en="the rows are not divided by their sum; where attention was dropped they no longer sum to one",
            zh="各行没有除以自己的和；注意力被丢弃的地方，和就不再是一",
        ),
        mutant(
            "columns_normalised", "layers.sum(-1, keepdim=True)", "layers.sum(-2, keepdim=True)",
            en="the columns are made to sum to one, not the rows",
            zh="让列的和等于一了，而不是行",
        ),
        mutant(
            "order_reversed", "rollout = layer @ rollout", "rollout = rollout @ layer",
            en="the product is the wrong way round: later layers stand on the left",
            zh="乘积的次序反了：后面的层应在左边",
        ),
        mutant(
            "largest_head", "attn.mean(2)", "attn.amax(2)",
            en="the largest head is taken; the mean over heads is asked for",
            zh="取的是最大的头；要求的是对头取平均",
        ),
        mutant(
            "heads_summed", "attn.mean(2)", "attn.sum(2)",
            en="the heads are summed, so attention outweighs the skip; take their mean",
            zh="对头求了和，注意力就压过了残差连接；应取平均",
        ),
        mutant(
            "last_layer_only", "    rollout = layers[0]\n", "    rollout = layers[-1]\n",
            "        rollout = layer @ rollout\n", "        pass\n",
            en="only the last layer is shown; what it looks at is mixed already",
            zh="只给出了最后一层；而它看到的东西早已混合过了",
        ),
        mutant(
            "first_layer_twice", "for layer in layers[1:]", "for layer in layers",
            en="the first layer is counted twice",
            zh="第一层算了两次",
        ),
        mutant(
            "elementwise", "rollout = layer @ rollout", "rollout = layer * rollout",
            en="the layers are multiplied entry by entry; attention of attention is a matrix product",
            zh="各层是逐元素相乘的；注意力的注意力应是矩阵乘积",
        ),
        mutant(
            "mean_of_layers", "        rollout = layer @ rollout\n", "        rollout = rollout + layer / 1\n",
            en="the layers are added, not multiplied",
            zh="各层是相加的，而不是相乘",
        ),
    ],
)  # fmt: skip
