"""The colours of report and competition pages by role, each for light and dark, and the style sheet made of them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["INK_ON", "TOKENS", "contrast", "stylesheet"]

# role: (light, dark). Text keeps a contrast of at least 4.5 on every surface it stands on: tests/report/test_tokens.py.
TOKENS: dict[str, tuple[str, str]] = {
    "surface": ("#fcfbf8", "#181715"),
    "raised": ("#f4f1ea", "#211f1c"),
    "band": ("#ebe7dc", "#2c2925"),
    "line": ("#d9d4c8", "#403c36"),
    "text": ("#1f1d1a", "#ece8e0"),
    "muted": ("#615c53", "#aaa498"),
    "accent": ("#1558a0", "#86b8f2"),
    "good": ("#1a6640", "#72cc9a"),
    "bad": ("#a5331c", "#ff9b82"),
    # Okabe-Ito vermillion and blue: speaks for, speaks against. Zero is the surface itself.
    "for": ("#d55e00", "#e8741a"),
    "against": ("#0072b2", "#3a9ad9"),
    # Cividis in six steps; the more, the further from the surface, so that both themes and grey print read alike.
    "q1": ("#fbeeb0", "#1c3258"),
    "q2": ("#e6d178", "#3b496c"),
    "q3": ("#b8a869", "#606372"),
    "q4": ("#838078", "#8b8674"),
    "q5": ("#4f576c", "#c0ae68"),
    "q6": ("#12336b", "#f3de6c"),
}
INK_ON: dict[str, tuple[str, str]] = {
    "q1": ("#1f1d1a", "#ffffff"),
    "q2": ("#1f1d1a", "#ffffff"),
    "q3": ("#1f1d1a", "#ffffff"),
    "q4": ("#000000", "#000000"),
    "q5": ("#ffffff", "#1f1d1a"),
    "q6": ("#ffffff", "#1f1d1a"),
}


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two colours written `#rrggbb`, from 1 to 21: (L_light + 0.05) / (L_dark + 0.05)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _block(theme: int) -> str:
    roles = [f"--{role}:{pair[theme]}" for role, pair in TOKENS.items()]
    roles += [f"--on-{role}:{pair[theme]}" for role, pair in INK_ON.items()]
    return f"color-scheme:{('light', 'dark')[theme]};" + ";".join(roles)


@cache
def stylesheet() -> str:
    """The whole CSS of a page: roles for both themes, then `templates/style.css`.

    Dark rules are for the screen alone, so a print is always dark on light. The switch is three radio buttons read by
    `:has`; a page that knows the reader's choice already (a server) may set `data-theme` on the root instead.
    """
    light, dark = _block(0), _block(1)
    rules = [
        f":root{{{light}}}",
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}",
        f'@media screen{{:root[data-theme="light"]{{{light}}}:root[data-theme="dark"]{{{dark}}}}}',
        f"@media screen{{:root:has(#theme-light:checked){{{light}}}:root:has(#theme-dark:checked){{{dark}}}}}",
    ]
    sheet = files("deepdojo.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    return "\n".join([*rules, sheet])
