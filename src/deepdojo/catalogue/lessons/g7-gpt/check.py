"""The check of g7-gpt. How it is built is the learner's choice, so what is compared is how it behaves."""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("GPT")
def drive(GPT, V, D, H, T, ids, other, batch):
    F = torch.nn.functional

    def made(L=2, heads=H, moved=0.2):
        """Weights drawn anew, so that what starts at zero (biases, say) has a value, too."""
        torch.default_generator.manual_seed(5)
        model = GPT(V, D, L, heads, T).eval()
        gen = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(moved * torch.randn(p.shape, generator=gen))
        return model

    def apart(a, b):
        return a.shape != b.shape or not bool((a - b).abs().max() <= 1e-4 * (1 + a.abs().max()))

    def size(model):
        return sum(p.numel() for p in model.parameters())

    def pieces(model, text, cuts):
        rows, cache = [], None
        for part in text.split(cuts, 1):
            logits, cache = model(part, cache)
            rows.append(logits)
        return torch.cat(rows, 1)

    def inner(model):
        """Matrices of the blocks: no side as long as the vocabulary or the longest text."""
        return [p for p in model.parameters() if p.dim() > 1 and V not in p.shape and T not in p.shape]

    def changed(text, at):
        new = text.clone()
        new[:, at] = other[:, at]
        return new

    def predicted(loss, logits, text):
        if loss.dim() != 0:
            return "no single number"
        ahead, here = logits[:, :-1].flatten(0, 1), logits.flatten(0, 1)
        known = {
            "the next token": F.cross_entropy(ahead, text[:, 1:].flatten()),
            "the same token": F.cross_entropy(here, text.flatten()),
            "the token before": F.cross_entropy(logits[:, 1:].flatten(0, 1), text[:, :-1].flatten()),
            "the next token, summed": F.cross_entropy(ahead, text[:, 1:].flatten(), reduction="sum"),
            "the next token, the first after the last": F.cross_entropy(here, text.roll(-1, 1).flatten()),
        }
        return next((name for name, value in known.items() if not apart(value[None], loss[None])), "something else")

    model, S = made(), ids.shape[1]
    half = S // 2
    with torch.no_grad():
        whole = model(ids)[0]
        found = {
            "shape_of_the_logits": list(whole.shape),
            "finite": bool(whole.isfinite().all()),
            "blind_to_the_next_token": not any(
                apart(whole[:, :t], model(changed(ids, t))[0][:, :t]) for t in (1, S - 1)
            ),
            "blind_to_later_tokens": not apart(whole[:, :1], model(changed(ids, S - 1))[0][:, :1]),
            "sees_its_past": all(apart(whole[:, -1], model(changed(ids, t))[0][:, -1]) for t in (0, 1, S - 1)),
            "rows_are_independent": not apart(whole[:1], model(ids[:1])[0]),
        }
        rows = [whole.sum(-1), whole.exp().sum(-1)]  # of shares, and of their logarithms, these are one
        found["scores_are_logits"] = all(apart(row, torch.ones_like(row)) for row in rows)
        one, three = made(1), made(3)
        swapped = torch.cat([ids[:, 1:2], ids[:, :1], ids[:, 2:]], 1)
        found["order_matters"] = apart(one(ids)[0][:, -1], one(swapped)[0][:, -1])
        try:
            long = torch.cat([ids, other], 1)[:, :T]
            found["reads_T_tokens"] = not apart(model(long)[0], pieces(model, long, [T - 1, 1]))
        except Exception:
            found["reads_T_tokens"] = False
        # The cache. A piece's first answers may come out right though later ones do not.
        first, cache = model(ids[:, :half])
        second = model(ids[:, half:], cache)[0]
        found["two_pieces"] = not apart(whole, torch.cat([first, second], 1))
        found["three_pieces"] = not apart(whole, pieces(model, ids, [2, 2, S - 4]))
        found["token_by_token"] = not apart(whole, pieces(model, ids, [1] * S))
        found["cache_left_alone"] = not apart(second, model(ids[:, half:], cache)[0])
        step = model(ids[:, half : half + 1], cache)[0]
        for at, name in ((0, "first"), (1, "second")):
            aside = model(changed(ids, at)[:, :half])[1]
            found[f"cached_{name}_token_seen"] = apart(step, model(ids[:, half : half + 1], aside)[0])
        kept = made()(ids[:, :half])[1]
        for p in model.parameters():
            p.mul_(1.5)
        found["cache_is_not_computed_again"] = apart(model(ids)[0][:, half:], model(ids[:, half:], kept)[0])
        # Blocks whose matrices are huge, and zero.
        model = made()
        for p in inner(model):
            p.mul_(100.0)
        found["a_last_norm_holds_the_size"] = bool(model(ids)[0].abs().max() < 30 * whole.abs().max())
        model = made()
        for p in inner(model):
            p.zero_()
        found["words_survive_silent_blocks"] = apart(model(ids)[0][:, -1], model(changed(ids, S - 1))[0][:, -1])
        model, alike = made(), made(heads=1)
        kinds = [{k: v.shape for k, v in m.state_dict().items()} for m in (model, alike)]
        if kinds[0] == kinds[1]:
            alike.load_state_dict(model.state_dict())
        found["heads_have_an_effect"] = kinds[0] != kinds[1] or apart(whole, alike(ids)[0])
    found["each_block_has_weights"] = size(three) - size(model) == size(model) - size(one) > 0
    try:
        found["blocks_are_registered"] = size(one) > size(made(0))
    except Exception:
        found["blocks_are_registered"] = True  # no GPT without blocks: nothing to compare
    loss = model.loss(ids)
    found["loss_is_of"] = predicted(loss.detach(), whole, ids)
    loss.sum().backward()
    one.loss(ids).sum().backward()
    still, still_of_one = (sum(p.grad is None for p in m.parameters()) for m in (model, one))
    found["every_weight_learns"], found["further_blocks_learn"] = still == 0, still == still_of_one
    # Learning. At the start every word is as likely as any other.
    fresh = made(moved=0.0).train()
    begin = float(fresh.loss(batch).detach().mean())
    found["starts_near_ln_V"] = abs(begin - torch.tensor(float(V)).log().item()) < 0.5
    optimizer = torch.optim.Adam(fresh.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        fresh.loss(batch).sum().backward()
        optimizer.step()
    found["learns_a_batch"] = float(fresh.loss(batch).detach().mean()) < 0.5 * begin
    return found


def oracle(V, D, H, T, ids, other, batch):
    names = [
        "finite", "blind_to_the_next_token", "blind_to_later_tokens", "sees_its_past", "rows_are_independent",
        "scores_are_logits", "order_matters", "reads_T_tokens", "two_pieces", "three_pieces", "token_by_token",
        "cache_left_alone", "cached_first_token_seen", "cached_second_token_seen", "cache_is_not_computed_again",
        "a_last_norm_holds_the_size", "words_survive_silent_blocks", "heads_have_an_effect", "each_block_has_weights",
        "blocks_are_registered",
    ]  # fmt: skip
    last = ["every_weight_learns", "further_blocks_learn", "starts_near_ln_V", "learns_a_batch"]
    return {
        "shape_of_the_logits": [*ids.shape, V], **dict.fromkeys(names, True), "loss_is_of": "the next token",
        **dict.fromkeys(last, True),
    }  # fmt: skip


def words(d):
    """No word twice in a text."""
    return torch.stack([torch.randperm(29, generator=d.gen)[:8] for _ in range(d.size("B"))])


def other_words(d):
    """At each place another word than `ids` has there."""
    return (d["ids"] + 1 + torch.arange(8) % 3) % d["V"]


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case(
            "two blocks", sizes={"B": (2, 3)}, V=29, D=12, H=lambda d: d.choice([2, 3]), T=13,
            ids=words, other=other_words, batch=lambda d: d.integers("5 8", 0, 29),
        ),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            'one_ahead',
            'masked_fill(back < 0,',
            'masked_fill(back < -1,',
            en='every token sees the one after it: it is told what it shall guess',
            zh='每个词元都能看见下一个词元：要猜的东西直接告诉了它',
        ),
        mutant(
            'no_mask',
            '(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(back < 0, -math.inf)',
            'q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])',
            en='tokens see what comes later: is there a causal mask, filled with −inf before a softmax over the keys?',
            zh='词元能看见后面的全部内容：有没有因果掩码？是否填了 −inf，然后沿键做 softmax？',
        ),
        mutant(
            'top_left',
            'torch.arange(new)[:, None] + seen - new',
            'torch.arange(new)[:, None]',
            en='with a cache new tokens see its first keys only: the triangle must end at the bottom right, as in e3',
            zh='有缓存时新词元只看见最前面的键：三角形应按右下角对齐，与 e3 相同',
        ),
        mutant(
            'places_restart',
            'torch.arange(past, past + ids.shape[1])',
            'torch.arange(ids.shape[1])',
            en='the cache is seen, but wrongly: positions must go on where it ends, and each block needs its own',
            zh='看到了缓存，结果却与整篇不同：位置应接在缓存之后，而且每个块有自己的缓存',
        ),
        mutant(
            'no_places',
            ' + self.places(torch.arange(past, past + ids.shape[1]))',
            '',
            en='there are no positions: a block sees a set of words, in any order',
            zh='没有位置：一个块看到的只是一堆词，没有先后',
        ),
        mutant(
            'last_place_missing',
            'nn.Embedding(T, D)',
            'nn.Embedding(T - 1, D)',
            en='a text of T tokens does not fit: T tokens need T positions',
            zh='长度为 T 的文本放不下：T 个词元需要 T 个位置',
        ),
        mutant(
            'shared_blocks',
            '[Block(D, H) for _ in range(L)]',
            '[Block(D, H)] * L',
            en="all blocks are one object: [block] * L repeats one name, and any number of blocks has one's weights",
            zh='所有块是同一个对象：[block] * L 只是重复引用，多少块都只有一块的权重',
        ),
        mutant(
            'plain_list',
            'nn.ModuleList([Block(D, H) for _ in range(L)])',
            '[Block(D, H) for _ in range(L)]',
            en='the blocks stand in a plain list: parameters() does not find them, so they are never trained or saved',
            zh='各块放在了普通的列表里：parameters() 找不到它们，因此不会被训练，也不会被保存',
        ),
        mutant(
            'one_block_used',
            'for i, block in enumerate(self.blocks):',
            'for i, block in enumerate(self.blocks[:1]):',
            en='only the first block is used: the others never get a gradient',
            zh='只用了第一个块：其余的块永远得不到梯度',
        ),
        mutant(
            'no_skip_around_attention',
            'x = x + self.out(',
            'x = self.out(',
            en='a part of the block replaces x instead of being added to it: a silent block loses the words',
            zh='块里有一部分取代了 x，而不是加到 x 上：这一块不出声时，词就丢了',
        ),
        mutant(
            'no_skip_around_feed_forward',
            'x = x + self.feed_forward(',
            'x = self.feed_forward(',
            en='a part of the block replaces x instead of being added to it: a silent block loses the words',
            zh='块里有一部分取代了 x，而不是加到 x 上：这一块不出声时，词就丢了',
        ),
        mutant(
            'no_last_norm',
            'self.head(self.norm(x))',
            'self.head(x)',
            'self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V, bias=False)',
            'self.head = nn.Linear(D, V, bias=False)',
            en='there is no norm before the head: the sum of all blocks grows, and the logits grow with it',
            zh='输出层之前没有归一化：各块的和越来越大，logits 也跟着变大',
        ),
        mutant(
            'tied_without_small_start',
            '        nn.init.normal_(self.words.weight, std=0.02)\n',
            '',
            en='the loss at the start is far from ln V: a head that shares the embedding needs it small (std 0.02)',
            zh='刚开始时损失离 ln V 很远：与嵌入共享权重的输出层需要小的初始值（标准差 0.02）',
        ),
        mutant(
            'loss_of_the_same_token',
            'self(ids[:, :-1])',
            'self(ids)',
            'ids[:, 1:].flatten()',
            'ids.flatten()',
            en='the loss asks for the token that was just read; it should ask for the next one',
            zh='损失问的是刚读到的词元；应当问下一个',
        ),
        mutant(
            'loss_backwards',
            'self(ids[:, :-1])',
            'self(ids)',
            'logits.flatten(0, 1), ids[:, 1:].flatten()',
            'logits[:, 1:].flatten(0, 1), ids[:, :-1].flatten()',
            en='the shift goes the wrong way: each token is asked for the one before it, which it has seen',
            zh='移位方向反了：每个词元被问的是它前面那个已经看过的词元',
        ),
        mutant(
            'loss_summed',
            'ids[:, 1:].flatten())',
            'ids[:, 1:].flatten(), reduction="sum")',
            en='the loss is a sum over the tokens; a mean does not grow with batch and length',
            zh='损失是所有词元之和；取平均才不会随批大小和长度变大',
        ),
        mutant(
            'loss_wraps_around',
            'self(ids[:, :-1])',
            'self(ids)',
            'ids[:, 1:].flatten()',
            'ids.roll(-1, 1).flatten()',
            en="roll brings the first token behind the last: the last logits are asked for the text's beginning",
            zh='roll 把第一个词元转到了最后：最后一个 logits 被拿去猜文本的开头',
        ),
        mutant(
            'cache_of_the_last_piece',
            'return x, (k, v)',
            'return x, (k[:, :, -new:], v[:, :, -new:])',
            en='the new cache holds the new tokens alone: at the third call the first piece is forgotten',
            zh='新缓存只存了新词元：第三次调用时，第一段已经忘了',
        ),
        mutant(
            'cache_ignored',
            '        if cache is not None:\n            k, v =',
            '        if False:\n            k, v =',
            en='the cached keys and values are not joined to the new ones: each piece is read as a text of its own',
            zh='没有把缓存的键和值接到新的前面：每一段都当作前面什么也没有',
        ),
        mutant(
            'cache_changed',
            'past = 0 if cache is None else cache[0][0].shape[2]',
            'past = 0 if cache is None else cache[0][0].shape[2]\n        old = cache',
            '            new.append(kept)\n',
            '            new.append(kept)\n        if old is not None:\n            old[:] = new\n',
            en='the old cache is changed in place: a second text cannot go on from the same beginning',
            zh='旧的缓存被就地改掉了：另一个文本无法再从同一个开头往下写',
        ),
        mutant(
            'cache_of_ids',
            'past = 0 if cache is None else cache[0][0].shape[2]\n',
            'past, only = 0, ids.shape[1]\n        ids = ids if cache is None else torch.cat([cache, ids], 1)\n',
            'block(x, None if cache is None else cache[i])',
            'block(x)',
            'return self.head(self.norm(x)), new',
            'return self.head(self.norm(x))[:, -only:], ids',
            en='nothing is kept but the words: every call computes all keys and values again',
            zh='只存了词，没有存键和值：每次调用都要全部重新计算',
        ),
        mutant(
            'one_head',
            '(self.H, -1)',
            '(1, -1)',
            en='H has no effect: there is one head',
            zh='H 没有起作用：只有一个头',
        ),
        mutant(
            'shares_returned',
            'return self.head(self.norm(x)), new',
            'return self.head(self.norm(x)).softmax(-1), new',
            en="softmax is taken already; cross_entropy takes it itself: return the head's numbers as they are",
            zh='已经做了 softmax；交叉熵自己会做，请直接返回输出层的数值',
        ),
        mutant(
            'words_detached',
            'x = self.words(ids) +',
            'x = self.words(ids).detach() +',
            '        self.head.weight = self.words.weight\n',
            '',
            en='a weight never gets a gradient, being detached or unused',
            zh='有权重得不到梯度：被 detach 了，或没有用到',
        ),
        mutant(
            'over_the_batch',
            '(part.unflatten(-1, (self.H, -1)).transpose(1, 2) for part in parts)',
            '(part.unflatten(-1, (self.H, -1)).permute(1, 2, 0, 3) for part in parts)',
            '.transpose(1, 2).flatten(2))',
            '.permute(2, 0, 1, 3).flatten(2))',
            en='attention runs over the batch instead of the tokens: texts look at each other',
            zh='注意力沿批的轴进行，而不是沿词元的轴：各篇文本互相看到了对方',
        ),
    ],
)  # fmt: skip
