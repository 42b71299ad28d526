"""The check of g7-gpt. How it is built and how it starts are the learner's choice, so behaviour alone is compared."""

import math

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("GPT")
def drive(GPT, V, D, L, H, T, ids):
    def measured():
        length = ids.shape[1]

        def fresh(layers=L, heads=H):
            torch.default_generator.manual_seed(5)
            return GPT(V, D, layers, heads, T).eval()

        def stirred(layers=L, heads=H):
            """Weights moved, so that what starts at zero has a value, too."""
            model, gen = fresh(layers, heads), torch.Generator().manual_seed(7)
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(0.2 * torch.randn(p.shape, generator=gen))
            return model

        def apart(a, b, share=1e-6):
            return a.shape != b.shape or not bool((a - b).abs().max() <= share * (1 + a.abs().max()))

        def in_pieces(model, text, cuts):
            parts, cache, at = [], None, 0
            for n in cuts:
                logits, cache = model(text[:, at : at + n], cache)
                parts.append(logits)
                at += n
            return parts

        def seen_by(answer, length):
            """Which tokens change `answer(texts)`: first ids, then ids with token 0 changed, …"""
            texts = ids[:, :length].repeat(length + 1, 1, 1)
            texts[torch.arange(length) + 1, :, torch.arange(length)] += 1
            plain, *others = answer((texts % V).flatten(0, 1)).unflatten(0, (length + 1, -1))
            return " ".join(str(s) for s, other in enumerate(others) if apart(plain, other, 1e-11))

        out, one, two = {}, stirred(1), stirred()
        with torch.no_grad():
            answer = two(ids)
            if not isinstance(answer, tuple) or len(answer) != 2:
                raise TypeError("forward returns two things: logits, cache")
            whole = answer[0]
            if whole.shape != (*ids.shape, V):
                raise ValueError(f"logits have the shape {tuple(whole.shape)}, not {(*ids.shape, V)}")
            out["logits"] = "finite" if whole.isfinite().all() else "with NaN or infinity"
            out["token 3 of six sees"] = seen_by(lambda text: one(text)[0][:, 3], 6)
            out["token 0 of six sees"] = seen_by(lambda text: two(text)[0][:, 0], 6)
            out["token 3, alone after 1 + 2 others, sees"] = seen_by(lambda t: in_pieces(one, t, [1, 2, 1])[2], 4)
            out["token 3, in a piece after 1 + 2 others, sees"] = seen_by(
                lambda t: in_pieces(one, t, [1, 2, 2])[2][:, 0], 5
            )
            for name, model in (("one layer", one), ("layers", two)):
                for kind, cuts in (("tokens", [1] * 4), ("pieces", [2, 3, 1, length - 6])):
                    parts = torch.cat(in_pieces(model, ids, cuts), 1)
                    same = not apart(model(ids[:, : sum(cuts)])[0], parts)
                    out[f"{name}: {kind} with a cache"] = "as the whole" if same else "not as the whole"
            swapped = torch.cat([ids[:, 1:2], ids[:, :1], ids[:, 2:]], 1)
            out["order matters"] = apart(one(ids)[0][:, -1], one(swapped)[0][:, -1])
            out["texts are independent"] = not apart(whole[:1], two(ids[:1])[0])
            try:
                fits = two(torch.cat([ids] * (T // length + 1), 1)[:, :T])[0].shape[1] == T
            except Exception:
                fits = False
            out["a text of T tokens fits"] = fits
            alike = stirred(heads=1)
            if {k: v.shape for k, v in alike.state_dict().items()} == {k: v.shape for k, v in two.state_dict().items()}:
                alike.load_state_dict(two.state_dict())
                out["heads matter"] = apart(whole, alike(ids)[0])
            else:
                out["heads matter"] = True
            logits, loss = whole, two.loss(ids)
            logs, targets = logits.log_softmax(-1), ids[..., None]
            kinds = {
                "each token from those before it": logs[:, :-1].gather(-1, targets[:, 1:]),
                "each token from itself": logs.gather(-1, targets),
                "each token from the one after it": logs[:, 1:].gather(-1, targets[:, :-1]),
                "each token from itself, without the last": logs[:, :-1].gather(-1, targets[:, :-1]),
            }
            said = [k for k, v in kinds.items() if not apart(-v.mean(), loss)]
            sums = [f"{k}, summed up" for k, v in kinds.items() if not apart(-v.sum(), loss)]
            out["loss"] = (said + sums + ["something else"])[0]
        # A little step along the gradient: does the loss change as the gradient says?
        two.loss(ids).backward()
        grads = [p.grad for p in two.parameters()]
        out["every weight has a gradient"] = all(g is not None for g in grads)
        square = float(sum(g.square().sum() for g in grads if g is not None))
        losses = []
        with torch.no_grad():
            for step in (1e-5, -2e-5, 1e-5):
                for p in two.parameters():
                    if p.grad is not None:
                        p.add_(p.grad, alpha=step / square**0.5)
                losses.append(float(two.loss(ids)))
        out["the gradient is that of the loss"] = abs((losses[0] - losses[1]) / 2e-5 / square**0.5 - 1) < 1e-2
        # Layers: each with weights of its own, and something goes around what it adds.
        three = stirred(3)
        sizes = [sum(p.numel() for p in m.parameters()) for m in (one, two, three)]
        names = [len(list(m.named_parameters(remove_duplicate=False))) for m in (one, three)]
        grown = sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
        out["weights of the layers"] = "own" if grown else "shared" if names[1] > names[0] else "not in parameters()"
        before = {name: p.shape for name, p in one.named_parameters()}
        with torch.no_grad():
            for name, p in three.named_parameters():
                if p.dim() > 1 and name not in before:
                    p.zero_()
                elif p.dim() > 1 and p.shape != before[name]:
                    p[1:] = 0
            out["tokens survive silent layers"] = apart(three(ids)[0][:, -1], three((ids + 1) % V)[0][:, -1])
            # With weights a hundred times as large, a normed stream gives logits a hundred times squared, and no more.
            _, cache = two(ids[:, :-1])
            size = two(ids)[0].abs().mean()
            for p in two.parameters():
                p.mul_(100)
            large = two(ids)[0].abs().mean()
            out["norm before the logits"] = bool(large < 100**2.5 * size)
            for p in two.parameters():
                p.mul_(0.01).add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(9)))
            out["a cache is not computed again"] = apart(two(ids[:, -1:], cache)[0], two(ids)[0][:, -1:])
        # Training: a fixed batch, by Adam.
        model = fresh(1)
        start = least = float(model.loss(ids).detach())
        off = start - math.log(V)
        far = "far above ln V" if off > 0 else "far below ln V"
        out["loss at the start"] = far if abs(off) >= 0.75 else "about ln V"
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02, betas=(0.9, 0.95), fused=True)
        for _ in range(16):
            optimizer.zero_grad()
            loss = model.loss(ids)
            loss.backward()
            least = min(least, float(loss.detach()))
            optimizer.step()
        out["one batch is learned"] = least < start / 2
        return out

    kept = torch.get_default_dtype()
    # So that a token that is not seen changes nothing, and one that is hardly seen something.
    torch.set_default_dtype(torch.float64)
    try:
        return measured()
    finally:
        torch.set_default_dtype(kept)


def oracle(V, D, L, H, T, ids):
    whole = "as the whole"
    return {
        "logits": "finite",
        "token 3 of six sees": "0 1 2 3",
        "token 0 of six sees": "0",
        "token 3, alone after 1 + 2 others, sees": "0 1 2 3",
        "token 3, in a piece after 1 + 2 others, sees": "0 1 2 3",
        **{f"{n}: {k} with a cache": whole for n in ("one layer", "layers") for k in ("tokens", "pieces")},
        "order matters": True,
        "texts are independent": True,
        "a text of T tokens fits": True,
        "heads matter": True,
        "loss": "each token from those before it",
        "weights of the layers": "own",
        "tokens survive silent layers": True,
        "norm before the logits": True,
        "a cache is not computed again": True,
        "loss at the start": "about ln V",
        "every weight has a gradient": True,
        "the gradient is that of the loss": True,
        "one batch is learned": True,
    }


def texts(d):
    return d.integers("B N", 0, d["V"])


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("two layers", sizes={"B": 3, "N": 9}, V=61, D=16, L=2, H=lambda d: d.choice([2, 4]), T=13, ids=texts),
    ],
    gradient=False,
    float32=False,
    layout=False,
    twins=[["no_skip_around_attention", "no_skip_around_feed_forward"]],
    mutants=[
        mutant(
            "one_ahead", "> at[:, None]", "> at[:, None] + 1",
            en="every token sees the next one, which is what it is to predict",
            zh="每个词元都能看见下一个词元，而那正是它要预测的",
        ),
        mutant(
            "no_mask", ".masked_fill(hidden, -torch.inf)", "",
            en="nothing is hidden: every token sees all that come later",
            zh="什么都没有遮住：每个词元都看见了后面的全部内容",
        ),
        mutant(
            "top_left", "> at[:, None]", "> at[:, None] - past",
            en="with a cache the triangle is lined up at the top left: a new token counts as token 0 and does not see "
               "its past",
            zh="有缓存时三角形按左上角对齐了：新词元被当作第 0 个，看不见过去",
        ),
        mutant(
            "top_left_for_several", "> at[:, None]", "> at[:, None] - past * (ids.shape[1] > 1)",
            en="one new token is right, but in a piece of several the triangle is lined up at the top left, which is "
               "what is_causal=True of torch does",
            zh="单个新词元没有问题，但几个词元的段把三角形按左上角对齐了（torch 的 is_causal=True 就是这样）",
        ),
        mutant(
            "mask_without_cache_only", "masked_fill(hidden, -torch.inf)",
            "masked_fill(hidden & (cache is None), -torch.inf)",
            en="with a cache nothing is hidden: in a piece of several tokens the early ones see the later ones",
            zh="有缓存时什么都没有遮住：一段里有几个词元时，前面的看见了后面的",
        ),
        mutant(
            "positions_restart", "self.places(at)", "self.places(at - past)",
            en="positions start from 0 again at each call; with a cache they go on where it ends",
            zh="每次调用位置又从 0 开始；有缓存时应接着缓存的末尾往下数",
        ),
        mutant(
            "no_positions", " + self.places(at)", "",
            en="positions have no effect: a layer cannot tell in which order the earlier tokens came",
            zh="位置没有起作用：一层无法分辨前面的词元是按什么顺序来的",
        ),
        mutant(
            "shared_layers", "            self.layers.append(nn.ModuleDict(parts))\n",
            "            self.layers.append(self.layers[0] if len(self.layers) else nn.ModuleDict(parts))\n",
            en="all layers are one object: any number of layers has one layer's weights",
            zh="所有层是同一个对象：多少层都只有一层的权重",
        ),
        mutant(
            "plain_list", "self.layers = nn.ModuleList()", "self.layers = []",
            en="the layers stand in a plain list: parameters() does not find them, so they are never trained or saved",
            zh="各层放在了普通的列表里：parameters() 找不到它们，因此不会被训练，也不会被保存",
        ),
        mutant(
            "no_skip_around_attention", 'x = x + layer["mix"](found)', 'x = layer["mix"](found)',
            en="attention replaces x instead of being added to it",
            zh="注意力的结果取代了 x，而不是加到 x 上",
        ),
        mutant(
            "no_skip_around_feed_forward", 'x = x + layer["down"]', 'x = layer["down"]',
            en="the feed-forward part replaces x instead of being added to it",
            zh="前馈部分的结果取代了 x，而不是加到 x 上",
        ),
        mutant(
            "no_final_norm", "self.norm(x) @", "x @", "        self.norm = nn.LayerNorm(D)\n", "",
            en="there is no norm before the logits: they grow with all that the layers add",
            zh="logits 之前没有归一化：各层加上的东西越多，logits 就越大",
        ),
        mutant(
            "no_norm_and_an_idle_one", "self.norm(x) @", "x @",
            en="the last norm is made and never used: its weights get no gradient, and the logits grow with all that "
               "the layers add",
            zh="最后的归一化造了却没有用：它的权重得不到梯度，而 logits 会随各层加上的东西变大",
        ),
        mutant(
            "unshifted", "logits[:, :-1].flatten(0, 1), ids[:, 1:]", "logits.flatten(0, 1), ids",
            en="the loss is not shifted: the logits of token t are judged on token t itself, which the model has read",
            zh="损失没有错开一位：第 t 个词元的 logits 拿第 t 个词元本身来评判，而模型已经读过它",
        ),
        mutant(
            "shifted_the_wrong_way", "logits[:, :-1].flatten(0, 1), ids[:, 1:]",
            "logits[:, 1:].flatten(0, 1), ids[:, :-1]",
            en="the loss is shifted the wrong way: a token is to say what came before it",
            zh="损失错开的方向反了：要词元说出它前面的那一个",
        ),
        mutant(
            "sum", "ids[:, 1:].flatten())", 'ids[:, 1:].flatten(), reduction="sum")',
            en="the loss is summed over the tokens; take the mean",
            zh="损失对词元取了和；应取平均",
        ),
        mutant(
            "softmax_twice", "cross_entropy(logits[", "cross_entropy(logits.softmax(-1)[",
            en="cross_entropy gets probabilities; it takes logits, and does the softmax itself",
            zh="传给 cross_entropy 的是概率；它要的是 logits，softmax 由它自己做",
        ),
        mutant(
            "large_start", "for table in (self.words, self.places):", "for table in (self.places,):",
            en="the embedding starts at a std of 1 and is the head, too: the first logits are far too large; 0.02 is "
               "usual",
            zh="嵌入的初始标准差是 1，又兼作输出层：最初的 logits 大得离谱；通常取 0.02",
        ),
        mutant(
            "cache_replaced", "kept.append((k, v))", "kept.append((k[:, :, -len(at) :], v[:, :, -len(at) :]))",
            en="the returned cache holds the tokens of this call only; two calls later the beginning is lost",
            zh="返回的缓存只有这次调用的词元；再过两次调用，开头就丢了",
        ),
        mutant(
            "cache_ignored", "        past = 0 if cache is None",
            "        cache = None\n        past = 0 if cache is None",
            en="the cache is ignored: each call begins a new text",
            zh="缓存没有用上：每次调用都是一个新的文本",
        ),
        mutant(
            "first_layers_cache", "cache[i][0], k", "cache[0][0], k", "cache[i][1], v", "cache[0][1], v",
            en="all layers take the first layer's cache; each has keys and values of its own",
            zh="所有层用的都是第一层的缓存；每层有自己的键和值",
        ),
        mutant(
            "recompute", "        past = 0 if cache is None",
            "        new = ids.shape[1]\n        ids = ids if cache is None else torch.cat([cache, ids], 1)\n"
            "        cache = None\n        past = 0 if cache is None",
            "return self.norm(x) @ self.words.weight.T, kept",
            "return (self.norm(x) @ self.words.weight.T)[:, -new:], ids",
            en="the cache holds the ids and everything is computed again at each call: keep the keys and values",
            zh="缓存里存的是 ids，每次调用都从头重算：应保存每一层的键和值",
        ),
        mutant(
            "short_table", "nn.Embedding(T, D)", "nn.Embedding(T - 1, D)",
            en="there is one position too few: a text of T tokens has positions 0 … T − 1",
            zh="位置少了一个：T 个词元的文本有位置 0 … T − 1",
        ),
        mutant(
            "detached_skip", 'x = x + layer["mix"](found)', 'x = x.detach() + layer["mix"](found)',
            en="what goes around attention is detached: the way back of the gradient is cut",
            zh="绕过注意力的那条路被 detach 了：梯度回传的路断了",
        ),
        mutant(
            "first_layer_only", "enumerate(self.layers)", "enumerate(self.layers[:1])",
            en="only the first layer is used: the others never get a gradient",
            zh="只用了第一层：其余的层永远得不到梯度",
        ),
        mutant(
            "one_head", "(3, self.heads, -1)", "(3, 1, -1)",
            en="H has no effect: there is one head",
            zh="H 没有起作用：只有一个头",
        ),
        mutant(
            "attends_over_texts", "permute(2, 0, 3, 1, 4)", "permute(2, 1, 3, 0, 4)",
            ".masked_fill(hidden, -torch.inf)", "", ".transpose(1, 2).flatten(2)", ".permute(2, 0, 1, 3).flatten(2)",
            "            if cache is not None:\n", "            if False:\n",
            "cache[0][0].shape[2]", "cache[0][0].shape[0]",
            en="attention runs over the batch instead of the tokens: texts look at each other",
            zh="注意力沿批的轴进行，而不是沿词元的轴：各个文本互相看到了对方",
        ),
    ],
)  # fmt: skip
