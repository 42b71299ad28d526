"""The check of f7-seed-transformer. How it is built is the learner's choice, so what is compared is how it behaves."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("Transformer")
def drive(Transformer, vocabulary, width, heads, classes, ids, length):
    def made(num_layers=2, num_heads=heads):
        """Weights drawn anew, so that what starts at zero (learned positions, say) has a value, too."""
        torch.default_generator.manual_seed(5)
        model = Transformer(vocabulary, width, num_layers, num_heads, classes).eval()
        gen = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn(p.shape, generator=gen))
        return model

    def apart(a, b):
        return a.shape != b.shape or not bool((a - b).abs().max() <= 1e-4 * (1 + a.abs().max()))

    def size(model):
        return sum(p.numel() for p in model.parameters())

    model = made()
    keep = torch.arange(ids.shape[1]) < length
    keep = keep.repeat(len(ids), 1)
    other = (ids + 1 + torch.arange(ids.shape[1]) % 3) % vocabulary
    with torch.no_grad():
        whole, padded, short = model(ids), model(ids, keep), model(ids[:, :length])
        found = {
            "scores_of_each_text": list(whole.shape),
            "finite": bool(whole.isfinite().all() and padded.isfinite().all()),
            "padding_ignored": not apart(padded, model(torch.where(keep, ids, other), keep)),
            "padding_changes_nothing": not apart(padded, short),
            "rows_are_independent": not apart(whole[:1], model(ids[:1])),
            "order_matters": apart(whole, model(ids.flip(1))) or apart(whole, model(ids.roll(1, 1))),
            "words_matter": apart(whole, model(other)),
        }
        rows = [whole.sum(-1), whole.exp().sum(-1)]  # of shares, and of their logarithms, these are one
        found["scores_are_logits"] = all(apart(row, torch.ones_like(row)) for row in rows)
        try:
            model(ids.repeat(1, 2 + vocabulary // ids.shape[1]))
            found["longer_than_the_vocabulary"] = True
        except Exception:
            found["longer_than_the_vocabulary"] = False
    one, three = made(1), made(3)
    found["each_layer_has_weights"] = size(three) - size(model) == size(model) - size(one) > 0
    # The layers beyond the first, their matrices set to zero: only what goes around them is left.
    first = {name for name, _ in one.named_parameters()}
    with torch.no_grad():
        for name, p in three.named_parameters():
            if name not in first and p.dim() > 1:
                p.zero_()
        found["words_survive_silent_layers"] = apart(three(ids), three(other))
        alike = made(num_heads=1)
        kinds = [{k: v.shape for k, v in m.state_dict().items()} for m in (model, alike)]
        if kinds[0] == kinds[1]:
            alike.load_state_dict(model.state_dict())
        found["heads_have_an_effect"] = kinds[0] != kinds[1] or apart(whole, alike(ids))
    # Without any layer (where the learner's model can be made so) only what reads the words and sums them up is left.
    found["layers_are_registered"] = found["padding_not_summed_up"] = True
    try:
        bare = made(0)
        with torch.no_grad():
            plain, changed = bare(ids, keep), bare(torch.where(keep, ids, other), keep)
    except Exception:
        plain = None
    if plain is not None:
        found["layers_are_registered"] = size(one) > size(bare)
        found["padding_not_summed_up"] = not apart(plain, changed)
    model(ids, keep).square().sum().backward()
    one(ids, keep).square().sum().backward()
    still, still_of_one = (sum(p.grad is None for p in m.parameters()) for m in (model, one))
    tables = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    found["every_weight_learns"], found["a_single_layer_learns"] = still == 0, still_of_one == 0
    found["further_layers_learn"] = still == still_of_one
    found["embeddings_learn"] = all(table.grad is not None for table in tables)
    return found


def oracle(vocabulary, width, heads, classes, ids, length):
    names = [
        "finite", "padding_ignored", "padding_changes_nothing", "rows_are_independent", "order_matters", "words_matter",
        "longer_than_the_vocabulary", "each_layer_has_weights", "words_survive_silent_layers", "heads_have_an_effect",
        "layers_are_registered", "padding_not_summed_up", "every_weight_learns",
        "a_single_layer_learns", "further_layers_learn", "embeddings_learn", "scores_are_logits",
    ]  # fmt: skip
    return {"scores_of_each_text": [len(ids), classes], **dict.fromkeys(names, True)}


def texts(d):
    return d.integers("B T", 0, d["vocabulary"])


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case(
            "two layers", sizes={"B": (2, 3), "T": (5, 7)}, vocabulary=11, width=8,
            heads=lambda d: d.choice([2, 4]), classes=lambda d: d.integer(4, 7), ids=texts, length=4,
        ),
    ],
    gradient=False,
    float32=False,
    layout=False,
    twins=[
        ["as_printed", "undefined_part"],
        ["mean_over_padding", "last_word"],
        ["no_attention_mask", "heads_merged_wrongly"],
        ["no_skip_around_attention", "no_skip_around_feed_forward"],
    ],
    mutants=[
        mutant(
            "as_printed", "Positions(hidden_size)", "PositionalEncoding(hidden_size, input_size)",
            "[Layer(hidden_size, num_heads) for _ in range(num_layers)]",
            "[Layer(hidden_size, num_heads)] * num_layers",
            "self.norm1(x + self.attention(x, keep))", "self.norm1(self.attention(x, keep))",
            "self.norm2(x + self.feed_forward(x))", "self.norm2(self.feed_forward(x))",
            ", attn_mask=keep[:, None, None]", "",
            "        real = keep[..., None]\n        return self.head((h * real).sum(1) / real.sum(1).clamp(min=1))\n",
            "        return h\n",
            en="a class is used that is defined nowhere, neither in this file nor in torch",
            zh="用了一个哪里都没有定义的类：本文件没有，torch 也没有",
        ),
        mutant(
            "undefined_part", "Positions(hidden_size)", "PositionalEncoding(hidden_size, input_size)",
            en="PositionalEncoding is a name from another file; the class here is Positions",
            zh="PositionalEncoding 是别的文件里的名字；这里的类叫 Positions",
        ),
        mutant(
            "shared_layers", "[Layer(hidden_size, num_heads) for _ in range(num_layers)]",
            "[Layer(hidden_size, num_heads)] * num_layers",
            en="all layers are one object: [layer] * n repeats one name, and any number of layers has one's weights",
            zh="所有层是同一个对象：[layer] * n 只是重复引用，多少层都只有一层的权重",
        ),
        mutant(
            "plain_list", "nn.ModuleList([Layer(hidden_size, num_heads) for _ in range(num_layers)])",
            "[Layer(hidden_size, num_heads) for _ in range(num_layers)]",
            en="the layers stand in a plain list: parameters() does not find them, so they are never trained or saved",
            zh="各层放在了普通的列表里：parameters() 找不到它们，因此不会被训练，也不会被保存",
        ),
        mutant(
            "no_skip_around_attention", "self.norm1(x + self.attention(x, keep))",
            "self.norm1(self.attention(x, keep))",
            en="attention replaces x instead of being added to it: a layer whose attention is silent loses the words",
            zh="注意力的结果取代了 x，而不是加到 x 上：注意力不出声时，这一层就丢掉了所有的词",
        ),
        mutant(
            "no_skip_around_feed_forward", "self.norm2(x + self.feed_forward(x))", "self.norm2(self.feed_forward(x))",
            en="the feed-forward part replaces x instead of being added to it",
            zh="前馈部分的结果取代了 x，而不是加到 x 上",
        ),
        mutant(
            "no_attention_mask", ", attn_mask=keep[:, None, None]", "",
            en="attention has no mask: real words look at padding",
            zh="注意力没有掩码：真实的词看到了填充",
        ),
        mutant(
            "inverted_mask", "attn_mask=keep[", "attn_mask=~keep[",
            en="the mask is the other way round: here, as in attn_mask of torch, True is a word that may be seen",
            zh="掩码的含义反了：这里与 torch 的 attn_mask 相同，True 表示可以看见的词",
        ),
        mutant(
            "mean_over_padding", "(h * real).sum(1) / real.sum(1).clamp(min=1)", "h.mean(1)",
            en="what sums up the words takes in padding, too; only real words count",
            zh="汇总各词时把填充也算了进去；只应算真实的词",
        ),
        mutant(
            "divided_by_length", "/ real.sum(1).clamp(min=1)", "/ x.shape[1]",
            en="the sum of the real words is divided by T; there are only as many as keep has True",
            zh="真实词之和除以了 T；词数应是 keep 中 True 的个数",
        ),
        mutant(
            "no_head", "self.head((h * real).sum(1) / real.sum(1).clamp(min=1))", "h",
            en="num_classes has no effect: the result is a vector for each word, not scores for each text",
            zh="num_classes 没有起作用：结果是每个词一个向量，而不是每篇文本的得分",
        ),
        mutant(
            "shares_for_scores", "return self.head((h * real).sum(1) / real.sum(1).clamp(min=1))",
            "return torch.softmax(self.head((h * real).sum(1) / real.sum(1).clamp(min=1)), -1)",
            en="softmax (or its logarithm) is already taken; cross-entropy takes it itself, so return what the head "
               "gives as it is",
            zh="已经做了 softmax（或它的对数）；交叉熵自己会做，请直接返回输出层的数值",
        ),
        mutant(
            "unused_weights", "        self.norm1, self.norm2 = ",
            "        self.spare = nn.Linear(width, width)\n        self.norm1, self.norm2 = ",
            en="a layer has weights that nothing uses: they never get a gradient",
            zh="层里有没有用到的权重：它们得不到梯度",
        ),
        mutant(
            "embedding_detached", "self.positions(self.embedding(x))", "self.positions(self.embedding(x).detach())",
            en="an embedding gets no gradient, being detached or not used: words keep the vectors they were drawn with",
            zh="有词嵌入得不到梯度（被 detach 了，或没有用到）：词向量一直停在初始值",
        ),
        mutant(
            "scores_of_words", "self.head((h * real).sum(1) / real.sum(1).clamp(min=1))", "self.head(h)",
            en="every word gets scores; a text gets one row: take the mean of its words first",
            zh="每个词都得到了得分；一篇文本只要一行：先对它的词取平均",
        ),
        mutant(
            "no_positions", "self.positions(self.embedding(x))", "self.embedding(x)",
            en="positions are not added: a text and its reverse get the same scores",
            zh="没有加位置：一篇文本和它的倒序得到同样的得分",
        ),
        mutant(
            "table_of_vocabulary_length", "self.positions = Positions(hidden_size)",
            "self.table = nn.Embedding(input_size, hidden_size)",
            "self.positions(self.embedding(x))",
            "self.embedding(x) + self.table(torch.arange(x.shape[1], device=x.device))",
            en="the table of positions has input_size rows: a text longer than the vocabulary fails",
            zh="位置表只有 input_size 行：文本比词表长就会出错",
        ),
        mutant(
            "one_layer_used", "for layer in self.layers:", "for layer in self.layers[:1]:",
            en="only the first layer is used: the others never get a gradient",
            zh="只用了第一层：其余的层永远得不到梯度",
        ),
        mutant(
            "one_head", "(3, self.num_heads, -1)", "(3, 1, -1)",
            en="num_heads has no effect: there is one head",
            zh="num_heads 没有起作用：只有一个头",
        ),
        mutant(
            "heads_merged_wrongly", "found.transpose(1, 2).flatten(2)", "found.reshape(x.shape)",
            en="the heads are merged without swapping the axes back: words are mixed up, and padding gets in",
            zh="合并头时没有把轴换回来：词被打乱，填充也混了进来",
        ),
        mutant(
            "last_word", "(h * real).sum(1) / real.sum(1).clamp(min=1)", "h[:, -1]",
            en="the last column stands for the text; in a padded row that is padding",
            zh="用最后一列代表整篇文本；对有填充的行，那就是填充",
        ),
        mutant(
            "attends_over_texts", "permute(2, 0, 3, 1, 4)", "permute(2, 1, 3, 0, 4)",
            ", attn_mask=keep[:, None, None]", "", "found.transpose(1, 2).flatten(2)",
            "found.permute(2, 0, 1, 3).flatten(2)",
            en="attention runs over the batch instead of the words: texts look at each other",
            zh="注意力沿批的轴进行，而不是沿词的轴：各篇文本互相看到了对方",
        ),
    ],
)  # fmt: skip
