"""Numbers as people read them: four significant digits, and a ± that says 95 %."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Z95 = 1.959964  # the two-sided 95 % quantile of a standard normal


@dataclass(frozen=True)
class Mean:
    """A mean over runs with its standard error from run to run; `standard_error` is None for one run."""

    value: float
    standard_error: float | None

    @property
    def half_width(self) -> float | None:
        """Half the 95 % interval, 1.96 standard errors (normal); None for one run."""
        return None if self.standard_error is None else Z95 * self.standard_error

    @classmethod
    def of(cls, value: float | None, standard_error: float | None) -> Mean | None:
        """A mean from two nullable SQL numbers; None where the value is null or NaN."""
        if value is None or math.isnan(value):
            return None
        return cls(value, None if standard_error is None or math.isnan(standard_error) else standard_error)

    @classmethod
    def from_interval(cls, value: float | None, high: float | None) -> Mean | None:
        """A mean from its value and the upper end of its 95 % interval."""
        return cls.of(value, None if value is None or high is None else (high - value) / Z95)


def decimal_places(value: float, digits: int) -> int:
    """How many decimals show `value` to that many significant digits, rounding included."""
    return digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2])


def number(value: float | None, digits: int = 4) -> str:
    """A number to `digits` significant digits: 0.2310, 12.35, 2.136e-5, ∞; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:,.{max(0, decimal_places(value, digits))}f}"


def plus_minus(mean: Mean | None, *, percent: bool = False) -> str:
    """A mean with half its 95 % interval, which sets the digits: 0.2310 ± 0.0031; without it for one run."""
    if mean is None:
        return "–"
    scale = 100 if percent else 1
    value, half = mean.value * scale, (mean.half_width or 0) * scale
    if not half:
        return f"{value:.1f}" if percent else number(value)
    exponent = 0 if percent or value == 0 or 1e-3 <= abs(value) < 1e6 else int(f"{value:.3e}".partition("e")[2])
    value, half = value / 10**exponent, half / 10**exponent
    places = max(0, decimal_places(half, 2))
    if percent:
        places = 1 if half >= 0.1 else 2
    elif value:
        places = min(places, max(1, decimal_places(value, 4)))
    suffix = f"e{exponent}" if exponent else ""
    shown = f"{half:.{places}f}" if round(half, places) else f"{half:.0e}".replace("e-0", "e-")
    return f"{value:,.{places}f}{suffix} ± {shown}{suffix}"


def count(value: int) -> str:
    """A count with thousands apart: 16,384."""
    return f"{value:,}"


def share(value: float | None) -> str:
    """A share as a percentage: 98.4 %; never 0 % for something that happened, nor 100 % for something that did not."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    return f"{100 * value:.1f} %".replace(".0 %", " %")


def plural(amount: int, word: str) -> str:
    """A count and its noun: 1 run, 2 runs."""
    return f"{count(amount)} {word}" if amount == 1 else f"{count(amount)} {word}s"


def joined(words: list[str]) -> str:
    """Words as a sentence lists them: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def one_line(name: str) -> str:
    """A name that a user chose, without line breaks or control characters."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", name).strip() or "(no name)"
