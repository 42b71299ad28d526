"""Numbers as a reader should see them: rounded to what their interval supports, with unit, never more than needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepdojo.report.metric_facts import metric_facts

__all__ = ["Unit", "amount", "count", "duration", "evenly", "higher_is_better", "p_value", "plain", "size", "unit_of"]

_MINUS = "\u2212"
_NBSP = "\u00a0"


def plain(value: float, digits: int = 3) -> str:
    """`digits` significant digits without an exponent between 1e-4 and 1e7, thousands apart, a true minus sign."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    size_ = math.floor(math.log10(abs(value)))
    if size_ < -4 or size_ >= 7:
        return f"{value:.{digits - 1}e}".replace("-", _MINUS)
    decimals = max(0, digits - 1 - size_)
    return f"{round(value, digits - 1 - size_):,.{decimals}f}".replace("-", _MINUS)


def evenly(values: Sequence[float], factor: float = 1.0) -> list[str]:
    """Ticks of one axis with the same digits behind the point, as many as their step needs."""
    shown = [v * factor for v in values]
    steps = [abs(b - a) for a, b in pairwise(shown) if b != a]
    step = min(steps, default=abs(shown[0]) if shown else 1.0) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > 5 or max(map(abs, shown), default=0.0) >= 1e6:
        return [plain(v, 2) for v in shown]
    return [f"{v + 0.0:,.{decimals}f}".replace("-", _MINUS) for v in shown]


@dataclass(frozen=True)
class Unit:
    """How a metric is written: fractions of accuracy-like metrics as per cent, all else as it is."""

    percent: bool

    def decimals(self, value: float, low: float | None, high: float | None) -> int:
        """Digits behind the point that half the width of the interval supports."""
        factor = 100 if self.percent else 1
        half = abs(high - low) / 2 * factor if low is not None and high is not None else 0.0
        if self.percent:
            return 1 if half == 0 or 0.05 <= half < 5 else (0 if half >= 5 else 2)
        if half > 1e-12 * max(1.0, abs(value) * factor) and math.isfinite(half):  # below it is rounding
            return max(0, 1 - math.floor(math.log10(half)))
        return 3 if abs(value) < 1e-12 or not math.isfinite(value) else max(0, 2 - math.floor(math.log10(abs(value))))

    def number(self, value: float | None, decimals: int = 1, *, sign: bool = False) -> str:
        if value is None or not math.isfinite(value):
            return "–"
        shown = value * (100 if self.percent else 1)
        if self.percent and f"{abs(shown):.{min(decimals, 6)}f}".startswith("100."):
            decimals = 0  # 100.0 would be a fourth digit that says nothing
        written = f"{shown:,.{min(decimals, 6)}f}"
        if not written.strip("-0."):  # nothing is neither more nor less
            return written.lstrip("-")
        written = "+" + written if sign and value > 0 else written
        return written.replace("-", _MINUS)

    def score(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """`99.2 %`"""
        if value is None:
            return "–"
        return self.number(value, self.decimals(value, low, high)) + (f"{_NBSP}%" if self.percent else "")

    def interval(self, value: float | None, low: float | None, high: float | None, *, sign: bool = False) -> str:
        """`[98.1, 99.8]`, with the digits that `score` gives the value; `[–]` where the rows cannot tell"""
        if value is None or low is None or high is None:
            return ""
        if low == value == high:  # one group, or one row, of a metric without bounds cannot tell
            return "[–]"
        decimals = self.decimals(value, low, high)
        return f"[{self.number(low, decimals, sign=sign)}, {self.number(high, decimals, sign=sign)}]"

    def difference(self, value: float | None, low: float | None, high: float | None) -> str:
        """`+2.3`, in points where the metric is in per cent"""
        return "–" if value is None else self.number(value, self.decimals(value, low, high), sign=True)


def unit_of(metric: str) -> Unit:
    """The way to write a metric's values."""
    return Unit(bool(metric_facts().get(metric, {}).get("percent")))


def p_value(p: float | None) -> str:
    """`p = 0.004`, `p < 0.001`, or nothing"""
    if p is None or not math.isfinite(p):
        return ""
    return "p\u00a0<\u00a00.001" if p < 0.001 else f"p\u00a0=\u00a0{p:.3f}" if p < 0.1 else f"p\u00a0=\u00a0{p:.2f}"


def count(value: float | None) -> str:
    """`12,345`, or a dash"""
    return "–" if value is None else f"{round(value):,}"


def _prefixed(value: float, step: float, prefixes: str, unit: str) -> str:
    power = 0
    while abs(value) >= step * 0.9995 and power < len(prefixes):
        value, power = value / step, power + 1
    written = f"{value:.0f}" if power == 0 or value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    prefix = prefixes[power - 1] if power else ""
    return f"{written}{_NBSP}{prefix}{unit}".rstrip(_NBSP)


def amount(value: float | None, unit: str = "") -> str:
    """`1.23 M`, `4.56 GFLOP`: three significant digits and a prefix for powers of a thousand"""
    return "–" if value is None or not math.isfinite(value) else _prefixed(value, 1000.0, "kMGTPE", unit)


def size(value: float | None) -> str:
    """`12.3 MB`"""
    return amount(value, "B")


def duration(seconds: float | None) -> str:
    """`0.42 s`, `5.5 s`, `3 min 20 s`, `2 h 5 min`"""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if 0 < seconds < 0.005:
        return f"<{_NBSP}0.01{_NBSP}s"
    if seconds < 59.95:
        return f"{seconds:.2f}{_NBSP}s" if seconds < 1 else f"{seconds:.1f}{_NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_NBSP}min {rest}{_NBSP}s"
    return f"{minutes // 60}{_NBSP}h {minutes % 60}{_NBSP}min"


def higher_is_better(metric: str) -> bool:
    """The direction of a metric where the run does not say it."""
    return bool(metric_facts().get(metric, {}).get("higher_is_better", True))
