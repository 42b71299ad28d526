"""Draws the figures of the built-in lessons from the lessons' own solutions, into the lessons' folders.

    python benchmarks/lesson_figures.py             all figures
    python benchmarks/lesson_figures.py c1 e2       those of some lessons

Colours are seen on white and on black alike; all else takes the colour of the page's text (currentColor). Labels are
signs and numbers; a word stands twice, with its language.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import torch

from deepdojo.grader.lessons import find_lesson

BLUE, ORANGE, GREEN = "#3b82c4", "#d9730d", "#2f9e6e"
FIGURES: dict[tuple[str, str], Callable[[dict[str, Any]], Svg]] = {}


class Svg:
    """Shapes on a sheet of `width` × `height`."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height, self.parts = width, height, list[str]()

    def rect(self, x: float, y: float, w: float, h: float, **facts: Any) -> None:
        self._put("rect", x=x, y=y, width=w, height=h, **{"fill": "none", "stroke": "currentColor", **facts})

    def line(self, x1: float, y1: float, x2: float, y2: float, **facts: Any) -> None:
        self._put("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": "currentColor", **facts})

    def path(self, points: Sequence[tuple[float, float]], **facts: Any) -> None:
        marks = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        self._put("polyline", points=marks, **{"fill": "none", "stroke": "currentColor", "stroke_width": 2, **facts})

    def dot(self, x: float, y: float, r: float, **facts: Any) -> None:
        self._put("circle", cx=x, cy=y, r=r, **{"fill": "currentColor", **facts})

    def text(self, x: float, y: float, said: str, zh: str | None = None, **facts: Any) -> None:
        for lang, words in ((None, said),) if zh is None else (("en", said), ("zh", zh)):
            self._put(
                "text", escape(words), x=x, y=y, lang=lang,
                **{"fill": "currentColor", "text_anchor": "middle", "font_size": 13, **facts},
            )  # fmt: skip

    def arrow(self, x1: float, y1: float, x2: float, y2: float, **facts: Any) -> None:
        self.line(x1, y1, x2, y2, **facts)
        turn, size = math.atan2(y2 - y1, x2 - x1), 6
        tips = [(x2 - size * math.cos(turn + a), y2 - size * math.sin(turn + a)) for a in (0.45, -0.45)]
        colour = facts.get("stroke", "currentColor")
        self.path([tips[0], (x2, y2), tips[1]], stroke=colour, stroke_width=facts.get("stroke_width", 1))

    def grid(self, x: float, y: float, rows: Any, cell: float, show: Callable[[Any], str], tint: Any = None) -> None:
        """A table of numbers; `tint(value)` in 0 … 1 is how blue its cell is."""
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                deep = 0.0 if tint is None else float(tint(value))
                facts = {"fill": BLUE, "fill_opacity": round(deep, 3)} if deep > 0.004 else {}
                self.rect(x + j * cell, y + i * cell, cell, cell, stroke_opacity=0.35, **facts)
                if show(value):
                    self.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell + 4.5, show(value))

    def _put(self, shape: str, inside: str = "", **facts: Any) -> None:
        said = " ".join(
            f'{key.replace("_", "-")}="{_short(v) if isinstance(v, float) else v}"'
            for key, v in facts.items()
            if v is not None
        )
        self.parts.append(f"<{shape} {said}>{inside}</{shape}>" if inside else f"<{shape} {said}/>")

    def __str__(self) -> str:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_short(self.width)} {_short(self.height)}">'
        return "\n".join([head, *self.parts, "</svg>\n"])


def figure(lesson: str, name: str) -> Callable[..., Any]:
    def keep(draw: Callable[[dict[str, Any]], Svg]) -> Callable[[dict[str, Any]], Svg]:
        FIGURES[lesson, f"{name}.svg"] = draw
        return draw

    return keep


@figure("a1-broadcast", "shapes")
def broadcast(own: dict[str, Any]) -> Svg:
    a, b = torch.tensor([[0.0, 0], [3, 4], [1, 2]]), torch.tensor([[0.0, 1], [2, 2], [4, 0], [1, 1]])
    out, cell = own["pairwise_sq_dist"](a, b), 40
    svg = Svg(460, 210)
    svg.text(20, 24, "a[:, None]  (3, 1, 2)", text_anchor="start")
    svg.text(250, 24, "b  (4, 2)")
    for i, (x, y) in enumerate(a.int().tolist()):
        svg.rect(20, 70 + i * cell, 56, cell, fill=ORANGE, fill_opacity=0.2)
        svg.text(48, 75 + (i + 0.5) * cell, f"{x}, {y}")
    for j, (x, y) in enumerate(b.int().tolist()):
        svg.rect(130 + j * 60, 36, 60, 26, fill=GREEN, fill_opacity=0.2)
        svg.text(160 + j * 60, 54, f"{x}, {y}")
    for i, row in enumerate(out.int().tolist()):
        svg.arrow(80, 70 + (i + 0.5) * cell, 124, 70 + (i + 0.5) * cell, stroke=ORANGE)
        for j, value in enumerate(row):
            deep = 0.05 + 0.55 * value / 25
            svg.rect(130 + j * 60, 70 + i * cell, 60, cell, stroke_opacity=0.35, fill=BLUE, fill_opacity=deep)
            svg.text(160 + j * 60, 75 + (i + 0.5) * cell, str(value))
    svg.text(420, 134, "(3, 4)")
    return svg


@figure("b1-sgd-momentum", "ravine")
def ravine(own: dict[str, Any]) -> Svg:
    svg = Svg(480, 220)

    def at(x: float, y: float) -> tuple[float, float]:
        return 30 + (x + 10) * 40, 110 - y * 45

    for level in (0.15, 0.6, 1.4, 2.4):
        rounds = [i * math.pi / 60 for i in range(61)]
        wide, high = math.sqrt(2 * level / 0.1), math.sqrt(2 * level / 2.0)
        for side in (1, -1):  # the upper half, the lower half, as far as the sheet goes
            half = [at(wide * math.cos(t), side * high * math.sin(t)) for t in rounds]
            inside = [p for p in half if 4 <= p[0] <= 476 and 4 <= p[1] <= 190]
            svg.path(inside, stroke_opacity=0.25, stroke_width=1)
    for momentum, colour in ((0.0, ORANGE), (0.8, BLUE)):
        p = torch.tensor([-9.0, 1.5], requires_grad=True)
        optimizer, path = own["SGD"]([p], lr=0.9 if momentum == 0 else 0.3, momentum=momentum), [at(-9.0, 1.5)]
        for _ in range(14):
            optimizer.zero_grad()
            (0.05 * p[0] ** 2 + p[1] ** 2).backward()
            optimizer.step()
            path.append(at(*p.tolist()))
        svg.path(path, stroke=colour)
        for x, y in path:
            svg.dot(x, y, 3, fill=colour)
    svg.dot(*at(0, 0), 5, fill=GREEN)
    svg.text(60, 208, "momentum 0", fill=ORANGE, text_anchor="start")
    svg.text(170, 208, "momentum 0.8", fill=BLUE, text_anchor="start")
    return svg


@figure("b3-schedule", "rate")
def schedule(own: dict[str, Any]) -> Svg:
    svg, total, warmup = Svg(480, 200), 100, 15
    svg.line(40, 165, 465, 165)
    svg.line(40, 165, 40, 15)
    rates = [own["lr_at"](s, 1.0, warmup, total, 0.1) for s in range(111)]
    svg.path([(40 + s * 3.8, 165 - r * 140) for s, r in enumerate(rates)], stroke=BLUE, stroke_width=2.5)
    for step, said in ((warmup, "W"), (total, "T")):
        svg.line(40 + step * 3.8, 165, 40 + step * 3.8, 20, stroke_dasharray="3 4", stroke_opacity=0.5)
        svg.text(40 + step * 3.8, 184, said)
    svg.text(36, 30, "1.0", text_anchor="end")
    svg.text(36, 156, "0.1", text_anchor="end")
    svg.text(250, 184, "step")
    return svg


@figure("c1-conv2d", "window")
def window(own: dict[str, Any]) -> Svg:
    image = torch.tensor([[1.0, 2, 0, 1, 3], [0, 1, 4, 2, 1], [3, 1, 2, 0, 2], [1, 0, 1, 3, 1], [2, 2, 0, 1, 0]])
    kernel = torch.tensor([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])
    out = own["conv2d"](image[None, None], kernel[None, None], torch.zeros(1), 1, 0)[0, 0]
    svg, cell = Svg(480, 200), 32
    svg.grid(16, 24, image.int().tolist(), cell, str)
    svg.rect(16 + cell, 24 + cell, 3 * cell, 3 * cell, stroke=ORANGE, stroke_width=3, fill=ORANGE, fill_opacity=0.15)
    svg.text(199, 108, "·", font_size=22)
    svg.grid(218, 56, kernel.int().tolist(), cell, lambda v: str(v).replace("-", "−"))
    svg.text(337, 109, "=", font_size=20)
    svg.grid(358, 56, out.int().tolist(), cell, lambda v: str(v).replace("-", "−"))
    svg.rect(358 + cell, 56 + cell, cell, cell, stroke=ORANGE, stroke_width=3, fill=ORANGE, fill_opacity=0.15)
    for x, said in ((96, "x"), (266, "weight"), (406, "out")):
        svg.text(x, 16 if x == 96 else 46, said)
    return svg


@figure("c6-receptive-field", "cone")
def cone(own: dict[str, Any]) -> Svg:
    svg, stack = Svg(480, 190), [("conv", 3, 1, 0, 1), ("conv", 3, 2, 0, 1), ("conv", 3, 1, 0, 1)]
    sizes = [own["receptive_field"](stack[:n]) for n in range(4)]
    wide, seen = 24.0, own["receptive_field"](stack)[0]
    for n, (_, jump, _) in enumerate(sizes):
        y, shift = 165 - n * 48, (own["receptive_field"](stack[:n])[0] - 1) / 2
        places = [i * jump + shift for i in range((13 - sizes[n][0]) // jump + 1)]
        low, high = shift, seen - 1 - shift
        for place in places:
            inside = low - 1e-9 <= place <= high + 1e-9
            svg.dot(60 + place * wide, y, 6, fill=BLUE if inside else "currentColor", fill_opacity=1 if inside else 0.3)
        svg.text(470, y + 5, f"{sizes[n][0]}", text_anchor="end", font_weight="bold")
        if n:
            _, kernel, _, _, _ = stack[n - 1]
            before_jump, before_shift = sizes[n - 1][1], (sizes[n - 1][0] - 1) / 2
            for i, place in enumerate(places):
                if low - 1e-9 <= place <= high + 1e-9:
                    for k in range(kernel):
                        below = (i * stack[n - 1][2] + k) * before_jump + before_shift
                        svg.line(60 + place * wide, y + 6, 60 + below * wide, y + 42, stroke=BLUE, stroke_opacity=0.5)
    svg.text(410, 14, "size", text_anchor="start")
    return svg


@figure("d2-lstm", "cell")
def lstm(own: dict[str, Any]) -> Svg:
    svg = Svg(480, 230)
    svg.rect(70, 20, 330, 180, rx=12, stroke_opacity=0.5, fill=BLUE, fill_opacity=0.06)
    svg.line(20, 55, 150, 55, stroke=BLUE, stroke_width=3)
    svg.line(166, 55, 242, 55, stroke=BLUE, stroke_width=3)
    svg.arrow(258, 55, 455, 55, stroke=BLUE, stroke_width=3)
    svg.line(20, 185, 320, 185, stroke=ORANGE, stroke_width=2)
    for x, sign in ((158, "·"), (250, "+")):
        svg.dot(x, 55, 11, fill="none", stroke="currentColor")
        svg.text(x, 61, sign, font_size=18)
    for x, gate, said in ((158, "f", "σ"), (225, "i", "σ"), (275, "g", "tanh"), (335, "o", "σ")):
        svg.rect(x - 19, 135, 38, 26, fill=GREEN, fill_opacity=0.2, rx=4)
        svg.text(x, 153, said)
        svg.text(x - 26, 131, gate, font_style="italic")
        svg.line(x, 185, x, 161, stroke=ORANGE)
    svg.line(320, 185, 335, 185, stroke=ORANGE, stroke_width=2)
    svg.arrow(158, 135, 158, 68)
    svg.dot(250, 102, 11, fill="none", stroke="currentColor")
    svg.text(250, 108, "·", font_size=18)
    svg.arrow(228, 135, 243, 112)
    svg.arrow(272, 135, 257, 112)
    svg.arrow(250, 91, 250, 68)
    svg.rect(352, 78, 40, 22, rx=4)
    svg.text(372, 94, "tanh")
    svg.arrow(372, 55, 372, 77, stroke=BLUE)
    svg.dot(372, 125, 11, fill="none", stroke="currentColor")
    svg.text(372, 131, "·", font_size=18)
    svg.arrow(372, 100, 372, 113)
    svg.arrow(335, 135, 360, 127)
    svg.line(372, 136, 372, 185)
    svg.arrow(372, 185, 455, 185, stroke=ORANGE, stroke_width=2)
    for x, y, said in ((14, 48, "c"), (14, 178, "h, x"), (448, 46, "c′"), (448, 176, "h′")):
        svg.text(x, y, said, text_anchor="start" if x < 100 else "middle", font_style="italic", font_size=15)
    return svg


@figure("e2-dot-product", "shares")
def shares(own: dict[str, Any]) -> Svg:
    words = ["the", "cat", "sat", "down"]
    q = torch.tensor([[1.0, 0.2], [0.3, 1.4], [-0.4, 2.0], [0.9, 1.2]]) * 1.6
    k = torch.tensor([[1.2, -0.4], [0.2, 1.5], [0.1, 0.6], [1.0, 0.5]])
    table = own["attention"](q[None, None], k[None, None], torch.eye(4)[None, None])[0, 0]
    svg, cell = Svg(480, 230), 42
    svg.grid(120, 40, table.tolist(), cell, lambda v: f"{v:.2f}"[1:] if v < 0.995 else "1", tint=lambda v: 0.85 * v)
    for i, word in enumerate(words):
        svg.text(112, 40 + (i + 0.5) * cell + 4, word, text_anchor="end")
        svg.text(120 + (i + 0.5) * cell, 30, word)
        svg.text(310, 40 + (i + 0.5) * cell + 4, f"Σ = {table[i].sum():.2f}", text_anchor="start")
    svg.text(204, 12, "keys", "键")
    svg.text(40, 128, "queries", "查询")
    return svg


@figure("e3-causal-window", "keep")
def keep(own: dict[str, Any]) -> Svg:
    svg, cell = Svg(480, 190), 26
    for x, limit in ((60, None), (280, 3)):
        table = own["causal_keep"](4, 6, limit)
        svg.grid(x, 48, table.int().tolist(), cell, lambda v: "✓" if v else "", tint=lambda v: 0.45 * v)
        for s in range(6):
            svg.text(x + (s + 0.5) * cell, 42, str(s), font_size=12)
        for t in range(4):
            svg.text(x - 8, 66 + t * cell, str(t), font_size=12, text_anchor="end")
        svg.text(x + 3 * cell, 20, "s")
        svg.text(x - 32, 104, "t")
        svg.text(x + 3 * cell, 176, f"window = {limit}")
    return svg


@figure("f2-sinusoidal", "clocks")
def clocks(own: dict[str, Any]) -> Svg:
    table = own["sinusoidal_positions"](30, 12, 1000.0)  # (T, D)
    svg, wide, high = Svg(480, 200), 14, 13
    for t, row in enumerate(table.tolist()):
        for i, value in enumerate(row):
            colour, deep = (BLUE if value > 0 else ORANGE), abs(value)
            svg.rect(40 + t * wide, 10 + i * high, wide, high, stroke=None, fill=colour, fill_opacity=round(deep, 2))
    svg.text(250, 190, "t = 0 … 29")
    for i in (0, 6, 11):
        svg.text(34, 21 + i * high, str(i), text_anchor="end", font_size=12)
    return svg


@figure("g4-sampling", "tail")
def tail(own: dict[str, Any]) -> Svg:
    logits = torch.tensor([[2.6, 2.1, 1.7, 0.9, 0.6, 0.1, -0.4, -0.9, -1.5]])
    left = torch.softmax(own["filter_logits"](logits, top_p=0.8), -1)[0] > 0
    parts = torch.softmax(logits, -1)[0]
    svg, before = Svg(480, 210), 0.0
    svg.line(30, 165, 465, 165)
    for i, (share, stays) in enumerate(zip(parts.tolist(), left.tolist(), strict=True)):
        x, tall = 45 + i * 46, share * 330
        colour, deep = (BLUE, 0.8) if stays else ("currentColor", 0.25)
        svg.rect(x, 165 - tall, 32, tall, stroke="none", fill=colour, fill_opacity=deep)
        svg.text(x + 16, 158 - tall, f"{share:.2f}", font_size=12)
        svg.text(x + 16, 183, f"{before:.2f}", font_size=12, fill=BLUE if before < 0.8 else "currentColor")
        before += share
    svg.text(240, 203, "sum before it: < 0.8 stays", "排在它之前的份额之和：小于 0.8 就留下", font_size=12)
    return svg


@figure("h2-iou", "overlap")
def overlap(own: dict[str, Any]) -> Svg:
    a, b = [0.0, 0.0, 6.0, 4.0], [3.0, 2.0, 9.0, 5.0]
    value = own["box_iou"](torch.tensor([a]), torch.tensor([b])).item()
    svg, scale = Svg(480, 200), 30

    def place(box: list[float]) -> tuple[float, float, float, float]:
        return 30 + box[0] * scale, 20 + box[1] * scale, (box[2] - box[0]) * scale, (box[3] - box[1]) * scale

    svg.rect(*place(a), stroke=BLUE, stroke_width=2.5, fill=BLUE, fill_opacity=0.12)
    svg.rect(*place(b), stroke=ORANGE, stroke_width=2.5, fill=ORANGE, fill_opacity=0.12)
    svg.rect(*place([3.0, 2.0, 6.0, 4.0]), stroke="none", fill=GREEN, fill_opacity=0.45)
    svg.text(75, 55, "|a| = 24", fill=BLUE)
    svg.text(255, 162, "|b| = 18", fill=ORANGE)
    svg.text(165, 115, "|a ∩ b| = 6")
    svg.text(226, 36, "|a ∪ b| = 24 + 18 − 6 = 36", text_anchor="start")
    svg.text(226, 60, f"IoU = 6 / 36 = {value:.3f}", text_anchor="start")
    return svg


@figure("h3-nms", "before-after")
def suppression(own: dict[str, Any]) -> Svg:
    places = [[20.0, 24, 116, 124], [34, 36, 130, 138], [10, 40, 104, 142], [146, 50, 214, 140], [154, 36, 222, 124]]
    boxes, scores = torch.tensor(places), torch.tensor([0.9, 0.8, 0.6, 0.7, 0.85])
    kept = own["nms"](boxes, scores, 0.5).tolist()
    svg = Svg(490, 172)
    for shift, shown in ((0, range(5)), (262, kept)):
        for i in shown:
            x1, y1, x2, y2 = places[i]
            stays = i in kept
            colour = BLUE if stays else ORANGE
            dashes = None if stays else "5 4"
            svg.rect(x1 + shift, y1, x2 - x1, y2 - y1, stroke=colour, stroke_width=2.5, stroke_dasharray=dashes)
            x, anchor = (x2, "end") if i == 1 else (x1, "start")
            svg.text(x + shift, y1 - 6 if stays else y2 + 15, f"{scores[i]:.2f}", fill=colour, text_anchor=anchor)
    svg.arrow(232, 90, 264, 90, stroke_width=2)
    return svg


@figure("i1-stft", "frames")
def frames(own: dict[str, Any]) -> Svg:
    n_fft, hop, n = 40, 20, 120
    wave = [math.sin(0.35 * i) * (0.4 + 0.6 * math.sin(math.pi * i / n)) for i in range(n)]
    svg = Svg(480, 200)
    count = own["stft"](torch.tensor([wave]), n_fft, hop, torch.hann_window(n_fft)).shape[-1]
    svg.path([(60 + 3 * i, 64 - 36 * v) for i, v in enumerate(wave)], stroke_width=1.5)
    for at in (0, n):
        svg.line(60 + 3 * at, 16, 60 + 3 * at, 178, stroke_dasharray="3 4", stroke_opacity=0.5)
    for t in range(count):
        hann = [0.5 - 0.5 * math.cos(2 * math.pi * i / n_fft) for i in range(n_fft + 1)]
        start = t * hop - n_fft // 2
        colour = BLUE if t % 2 == 0 else ORANGE
        svg.path([(60 + 3 * (start + i), 168 - 50 * v) for i, v in enumerate(hann)], stroke=colour)
        svg.text(60 + 3 * t * hop, 190, f"t = {t}", font_size=12)
    svg.text(60, 11, "0", font_size=12)
    svg.text(60 + 3 * n, 11, f"N = {n}", font_size=12)
    return svg


@figure("i2-mel", "filters")
def mel(own: dict[str, Any]) -> Svg:
    table = own["mel_filters"](8, 512, 16000)  # (F, M)
    svg = Svg(480, 180)
    svg.line(30, 145, 465, 145)
    for m in range(8):
        colour = (BLUE, ORANGE, GREEN)[m % 3]
        seen = [(f, v) for f, v in enumerate(table[:, m].tolist()) if v > 0]
        points = [(30 + f * 1.69, 145 - 110 * v) for f, v in [(seen[0][0] - 1, 0.0), *seen, (seen[-1][0] + 1, 0.0)]]
        svg.path(points, stroke=colour, fill=colour, fill_opacity=0.1)
    for hz in (0, 1000, 2000, 4000, 8000):
        svg.line(30 + hz / 8000 * 433, 145, 30 + hz / 8000 * 433, 150)
        svg.text(30 + hz / 8000 * 433, 166, f"{hz // 1000} kHz" if hz else "0", font_size=12)
    return svg


@figure("j2-intervals", "wilson-wald")
def intervals(own: dict[str, Any]) -> Svg:
    svg, n = Svg(480, 240), 10

    def at(p: float) -> float:
        return 60 + (p + 0.2) * 290

    for p in (0.0, 0.5, 1.0):
        svg.line(at(p), 14, at(p), 212, stroke_opacity=0.35)
        svg.text(at(p), 230, f"{p:g}")
    for row, k in enumerate((0, 1, 5, 9, 10)):
        y, share = 32 + row * 40, k / n
        low, high = own["wilson"](k, n)
        half = 1.96 * math.sqrt(share * (1 - share) / n)
        svg.text(40, y + 8, f"{k} / {n}", text_anchor="middle")
        svg.line(at(low), y, at(high), y, stroke=BLUE, stroke_width=5)
        svg.line(at(share - half), y + 12, at(share + half), y + 12, stroke=ORANGE, stroke_width=5)
        svg.dot(at(share), y, 4)
        svg.dot(at(share), y + 12, 4)
    svg.text(474, 70, "Wilson", fill=BLUE, text_anchor="end")
    svg.text(474, 88, "Wald", fill=ORANGE, text_anchor="end")
    return svg


@figure("k3-quantize", "stairs")
def stairs(own: dict[str, Any]) -> Svg:
    svg, w = Svg(480, 220), torch.linspace(0, 6, 241)
    q, scale = own["quantize"](torch.cat([w, torch.tensor([127.0])])[None])
    steps = (q[0, :-1] * scale[0]).tolist()

    def at(x: float, y: float) -> tuple[float, float]:
        return 60 + x * 60, 185 - y * 27

    svg.line(60, 185, 440, 185)
    svg.line(60, 185, 60, 15)
    svg.path([at(0, 0), at(6, 6)], stroke_opacity=0.45, stroke_dasharray="4 4", stroke_width=1.5)
    svg.path([at(x, y) for x, y in zip(w.tolist(), steps, strict=True)], stroke=BLUE, stroke_width=2.5)
    for i in range(1, 7):
        svg.text(at(i, 0)[0], 202, "s" if i == 1 else f"{i}s", font_size=12)
        svg.text(52, at(0, i)[1] + 4, "s" if i == 1 else f"{i}s", font_size=12, text_anchor="end")
    svg.text(454, 190, "w", font_style="italic")
    svg.text(80, 22, "q s", font_style="italic")
    return svg


@figure("l2-rollout", "layers")
def rollout(own: dict[str, Any]) -> Svg:
    first = torch.tensor([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    second = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]])
    whole = own["attention_rollout"](torch.stack([first, second])[:, None, None])[0]
    svg, cell = Svg(480, 160), 38
    for x, table, said in ((14, first, "A₁"), (178, second, "A₂"), (342, whole, "rollout")):
        svg.grid(x, 34, table.tolist(), cell, lambda v: f"{v:.2f}"[1:], tint=lambda v: 0.85 * v)
        svg.text(x + 1.5 * cell, 22, said)
    svg.text(153, 96, ",", font_size=20)
    svg.arrow(300, 91, 334, 91, stroke_width=2)
    return svg


@figure("m1-loop", "silent")
def silent(own: dict[str, Any]) -> Svg:
    from deepdojo.grader.loading import load_check, mutated

    lesson = find_lesson("m1-loop")
    shown = ("step_before_backward", "last_batch_skipped", "no_zero_grad")
    faults = [m for m in load_check(lesson).mutants if m.name in shown]
    codes = [(lesson.solution, BLUE), *((mutated(lesson.solution, m), ORANGE) for m in faults)]
    svg = Svg(480, 200)
    svg.line(40, 165, 465, 165)
    svg.line(40, 165, 40, 12)
    curves = []
    for code, colour in reversed(codes):
        space: dict[str, Any] = {}
        exec(code, space)
        gen = torch.Generator().manual_seed(5)
        x = torch.randn(70, 6, generator=gen)
        y = torch.tanh(x @ torch.randn(6, 2, generator=gen)) + 0.1 * torch.randn(70, 2, generator=gen)
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
        curves.append((space["train"](model, x, y, 16, 0.05, 12), colour))
    top = max(max(losses) for losses, _ in curves)
    for losses, colour in curves:
        svg.path([(40 + 37 * i, 165 - 145 * v / top) for i, v in enumerate(losses)], stroke=colour)
    svg.text(250, 186, "epoch", "轮")
    svg.text(46, 20, "loss", "损失", text_anchor="start")
    return svg


def draw(lesson: str, name: str) -> str:
    own: dict[str, Any] = {}
    exec(find_lesson(lesson).solution, own)
    return str(FIGURES[lesson, name](own))


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 2 else f"{value:.3f}".rstrip("0").removesuffix(".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*")
    wanted = parser.parse_args().lessons
    for lesson, name in FIGURES:
        if not wanted or lesson in wanted or lesson.split("-")[0] in wanted:
            path = find_lesson(lesson).folder / name
            path.write_text(draw(lesson, name), encoding="utf-8")
            print(f"{lesson}/{name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
