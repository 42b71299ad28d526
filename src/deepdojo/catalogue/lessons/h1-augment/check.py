"""The check of h1-augment: pixels that say where they come from show what was drawn; the boxes must have followed.

False alarms: the share of mirrored pictures and the places are allowed 6.1 standard errors, and chi² with 3 degrees of
freedom up to 46, each less than once in 10⁹.
"""

import torch

from deepdojo.grader import Check, adapt, case, mutant


@adapt("flip_crop")
def drive(flip_crop, boxes, height, width, size, calls, seed):
    h, w = size
    rows = torch.arange(height, dtype=boxes.dtype)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=boxes.dtype)[None].expand(height, width)
    image, labels = torch.stack([rows, columns]), torch.arange(len(boxes)) + 10
    kept_image, kept_boxes = image.clone(), boxes.clone()
    corners = [(*row, label) for row, label in zip(boxes.tolist(), labels.tolist())]
    mirror, gen = kept_image.flip(-1), torch.Generator().manual_seed(seed)
    out = {"picture": "a window of it", "labels": "of the boxes that are left", "boxes_left": "those with an area"}
    out |= {"boxes_left_of_mirrored_pictures": "those with an area", "cut_boxes": "end at the edges"}
    out |= {"boxes": "follow", "boxes_of_mirrored_pictures": "follow"}
    mirrored, places, moved = 0, {}, {False: set(), True: set()}
    for _ in range(calls):
        seen, found, named = flip_crop(image, boxes, labels, size, gen)
        if tuple(seen.shape) != (2, h, w) or found.dim() != 2:
            return {**out, "picture": f"of the shape {tuple(seen.shape)}"}
        (top, *_), (first, *_, last) = seen[0, 0].tolist(), seen[1, 0].tolist()
        flipped, top = first > last, int(top)
        view = mirror if flipped else kept_image
        left = int(width - 1 - first) if flipped else int(first)
        if not torch.equal(seen, view[:, top : top + h, left : left + w]):
            return {**out, "picture": "something else"}
        mirrored += flipped
        places[top, left] = places.get((top, left), 0) + 1
        true, outside = [], set()
        for x1, y1, x2, y2, label in corners:
            if flipped:
                x1, x2 = width - x2, width - x1
            there = [x1 - left, y1 - top, x2 - left, y2 - top]
            cut = [min(max(0.0, v), side) for v, side in zip(there, (w, h, w, h))]
            if cut[2] > cut[0] and cut[3] > cut[1]:
                true.append((cut, cut == there, label))
            elif there[2] < 0 or there[3] < 0 or there[0] > w or there[1] > h:
                outside.add(label)
        if len(found) != len(named) or named.tolist() != [label for _, _, label in true]:
            out["labels"] = "others"
        if len(found) != len(true):
            far = len(named) == len(found) and outside & {*named.tolist()}
            more = "those outside, too" if far else "those at its edge, too"
            name = "boxes_left_of_mirrored_pictures" if flipped else "boxes_left"
            out[name] = "too few" if len(found) < len(true) else out[name] if "outside" in out[name] else more
            continue
        for got, (cut, whole, _) in zip(found.tolist(), true):
            off = tuple(round(g - t, 3) + 0.0 for g, t in zip(got, cut))
            if whole:
                moved[flipped].add(off)
            elif any(off):
                out["cut_boxes"] = "do not"
    for flipped, name in ((False, "boxes"), (True, "boxes_of_mirrored_pictures")):
        wrong = [row for row in moved[flipped] if any(row)]
        if len(wrong) == 1 and len(moved[flipped]) == 1:
            out[name] = "are off by " + ", ".join(f"{v:g}" for v in wrong[0])
        elif wrong:
            out[name] = "do not"
    if not torch.equal(image, kept_image) or not torch.equal(boxes, kept_boxes):
        out["picture"] = "changed in place"
    if calls >= 12:
        out["places"] = "several" if len(places) > 1 else f"only row {top}, column {left}"
    count = (height - h + 1) * (width - w + 1)
    if calls >= 80:
        mean = calls / count
        chi = sum((n - mean) ** 2 / mean for n in places.values()) + (count - len(places)) * mean
        fair = abs(mirrored - calls / 2) < 6.1 * (calls / 4) ** 0.5
        out["mirrored"] = "half of them" if fair else {0: "none", calls: "all"}.get(mirrored, "not half of them")
        out["all_places_alike"] = chi < 46
        again = [flip_crop(image, boxes, labels, size, torch.Generator().manual_seed(s // 2))[0] for s in range(24)]
        out["same_seed_same_result"] = all(torch.equal(a, b) for a, b in zip(again[::2], again[1::2]))
    return out


def oracle(boxes, height, width, size, calls, seed):
    out = {"picture": "a window of it", "labels": "of the boxes that are left", "boxes_left": "those with an area"}
    out |= {"boxes_left_of_mirrored_pictures": "those with an area", "cut_boxes": "end at the edges"}
    out |= {"boxes": "follow", "boxes_of_mirrored_pictures": "follow"}
    if calls >= 12:
        out["places"] = "only row 0, column 0" if size == (height, width) else "several"
    if calls >= 80:
        out |= {"mirrored": "half of them", "all_places_alike": True, "same_seed_same_result": True}
    return out


def drawn(d):
    """One in the middle, one that every window cuts, four at the edges, and three anywhere: of a picture of 9 x 12."""
    fixed = torch.tensor([[4, 3, 6, 5], [1, 1, 11, 8], [0, 2, 1, 5], [11, 3, 12, 6], [4, 0, 7, 1], [3, 8, 6, 9]])
    low = torch.stack([d.integers("3", 1, 8), d.integers("3", 1, 6)], 1)
    drawn = torch.cat([low, low + d.integers("3 2", 1, 4)], 1)
    return torch.cat([fixed, drawn]).double() + torch.tensor([0.0] * 6 + [0.25, 0.5, 0.375])[:, None]


def run(name, size, calls, boxes=drawn):
    return case(
        name, boxes=boxes, height=9, width=12, size=size, calls=calls, seed=lambda d: d.integer(0, 10**6)
    )  # fmt: skip


check = Check(
    oracle,
    adapt=drive,
    cases=[
        run("many windows", (8, 11), 80),
        run("a window as large as the picture", (9, 12), 12),
        run("small windows", (4, 5), 24),
        run("no boxes", (8, 10), 3, lambda d: torch.zeros(0, 4, dtype=torch.float64)),
    ],
    gradient=False,
    float32=False,
    layout=False,
    mutants=[
        mutant(
            "boxes_not_mirrored", "        boxes = torch.stack([width - x2, y1, width - x1, y2], 1)\n", "",
            en="the picture is mirrored and its boxes are not",
            zh="图镜像了，框没有",
        ),
        mutant(
            "pixel_index", "[width - x2, y1, width - x1, y2]", "[width - 1 - x2, y1, width - 1 - x1, y2]",
            en="X − 1 − x is for pixel numbers; edges of boxes go to X − x",
            zh="X − 1 − x 是像素编号的算法；框的边应变成 X − x",
        ),
        mutant(
            "sides_not_swapped", "[width - x2, y1, width - x1, y2]", "[width - x1, y1, width - x2, y2]",
            en="in the mirror the left side becomes the right one: x1 and x2 must change places",
            zh="镜像之后左边变成右边：x1 和 x2 要互换",
        ),
        mutant(
            "upside_down", "image.flip(-1)", "image.flip(-2)",
            en="the picture is turned upside down; the columns are the last axis",
            zh="图上下翻转了；列是最后一个轴",
        ),
        mutant(
            "not_moved", "boxes.new_tensor([left, top, left, top])", "0",
            en="the window is cut out, and its boxes keep the old coordinates: subtract left and top",
            zh="窗口裁出来了，框还在旧坐标里：要减去 left 和 top",
        ),
        mutant(
            "x_and_y_exchanged", "[left, top, left, top]", "[top, left, top, left]",
            en="x is moved by top and y by left; boxes are x1, y1, x2, y2",
            zh="x 减了 top，y 减了 left；框是 x1、y1、x2、y2",
        ),
        mutant(
            "moved_the_wrong_way", "boxes - boxes.new_tensor([left", "boxes + boxes.new_tensor([left",
            en="boxes are moved by +left, +top; the window's corner becomes 0, 0, so subtract",
            zh="框加上了 left、top；窗口的左上角成了 0, 0，所以要减",
        ),
        mutant(
            "not_cut", "boxes.clamp(min=0).minimum(boxes.new_tensor([w, h, w, h]))", "boxes",
            "(boxes[:, 2:] > boxes[:, :2]).all(1)",
            "(boxes[:, 2:] > 0).all(1) & (boxes[:, :2] < boxes.new_tensor([w, h])).all(1)",
            en="boxes reach beyond the window; cut them at its edges",
            zh="框伸到了窗口外面；要在边缘处截断",
        ),
        mutant(
            "cut_at_picture", "boxes.new_tensor([w, h, w, h])", "boxes.new_tensor([width, height, width, height])",
            en="boxes are cut at the size of the whole picture, not of the window",
            zh="框按整张图的大小截断了，而不是按窗口",
        ),
        mutant(
            "empty_kept", "(boxes[:, 2:] > boxes[:, :2]).all(1)", "torch.ones(len(boxes), dtype=torch.bool)",
            en="boxes outside of the window are kept, without area; they and their labels must go",
            zh="窗口之外的框还留着，面积为零；要连同标签一起去掉",
        ),
        mutant(
            "labels_not_filtered", "labels[seen]", "labels",
            en="boxes are dropped and their labels stay: from then on labels belong to other boxes",
            zh="框去掉了，标签还在：从此标签对应了别的框",
        ),
        mutant(
            "partly_seen_dropped", "seen = (boxes[:, 2:] > boxes[:, :2]).all(1)",
            "seen = ((boxes > 0) & (boxes < boxes.new_tensor([w, h, w, h]))).all(1)",
            en="a box that is partly in the window is dropped; it is cut and kept",
            zh="部分在窗口内的框被去掉了；应截断后保留",
        ),
        mutant(
            "never_mirrored", "torch.rand((), generator=gen) < 0.5", "torch.rand((), generator=gen) < 0",
            en="no picture is mirrored",
            zh="从不镜像",
        ),
        mutant(
            "always_mirrored", "torch.rand((), generator=gen) < 0.5", "torch.rand((), generator=gen) < 2",
            en="every picture is mirrored; half of them should be",
            zh="每张图都镜像了；应只有一半",
        ),
        mutant(
            "last_place_missing", "height - h + 1", "max(height - h, 1)", "width - w + 1", "max(width - w, 1)",
            en="the last row and column of places never comes: there are Y − h + 1 and X − w + 1 of them",
            zh="最后一行和一列位置从未出现：位置数是 Y − h + 1 和 X − w + 1",
        ),
        mutant(
            "always_the_corner", "int(torch.randint(height - h + 1, (), generator=gen))", "0",
            "int(torch.randint(width - w + 1, (), generator=gen))", "0",
            en="the window is always cut from the upper left corner",
            zh="窗口总是取自左上角",
        ),
        mutant(
            "always_the_middle", "int(torch.randint(height - h + 1, (), generator=gen))", "(height - h) // 2",
            "int(torch.randint(width - w + 1, (), generator=gen))", "(width - w) // 2",
            en="the window is always cut from the middle",
            zh="窗口总是取自正中",
        ),
        mutant(
            "generator_ignored", "torch.rand((), generator=gen)", "torch.rand(())",
            "torch.randint(height - h + 1, (), generator=gen)", "torch.randint(height - h + 1, ())",
            "torch.randint(width - w + 1, (), generator=gen)", "torch.randint(width - w + 1, ())",
            en="the random numbers do not come from gen: the same seed gives another picture each time",
            zh="随机数没有用 gen：同一个种子每次得到不同的图",
        ),
        mutant(
            "reseeded", "    height, width = image.shape[1:]\n",
            "    gen.manual_seed(0)\n    height, width = image.shape[1:]\n",
            en="the generator is seeded anew in each call, so all pictures are changed alike",
            zh="每次调用都重新设了种子，于是所有的图变得一样",
        ),
    ],
)  # fmt: skip
