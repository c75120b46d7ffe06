"""The laboratory's numbers as text tables for a terminal."""

from __future__ import annotations

from typing import Any

from ._gradient_material import add_labels, cells_of
from ._numbers import number

_HEAD = ("estimator", "calls", "bias²", "variance", "MSE", "µs", "unbiased", "seen")


def calls_text(row: dict[str, Any]) -> str:
    """Calls of f and of its gradient: 2 f, 1 ∇f."""
    parts = [(row["function_calls"], "f"), (row["gradient_calls"], "∇f")]
    return " + ".join(f"{count} {what}" for count, what in parts if count) or "0"


def flag(value: bool) -> str:  # noqa: FBT001  a value to show
    """Yes or no, as a table has it."""
    return "yes" if value else "no"


def with_error(row: dict[str, Any], name: str) -> str:
    """A number with 1.96 of its standard errors where it is simulated."""
    error = row[f"{name}_se"]
    return number(row[name]) + (f" ± {number(1.96 * error, 2)}" if error else "")


def summary_table(rows: list[dict[str, Any]], *, budget: int) -> str:
    """One row a problem and estimator."""
    add_labels(rows)
    lines = []
    for cell in cells_of(rows):
        lines.append((cell.title,))
        lines += [
            (
                f"  {row['label']}",
                calls_text(row),
                with_error(row, "bias_square"),
                with_error(row, "variance"),
                number(row["mse"]),
                number(1e6 * row["seconds"], 3),
                flag(row["declared"]),
                flag(row["observed"]),
            )
            for row in cell.rows
        ]
    notes = [
        "",
        "bias², variance of one estimate: means over the parameters; exact, or simulated with ± 1.96 s.e.",
        f"MSE: of the average of as many estimates as {budget} calls of f pay for; a gradient counts as 3 calls.",
        "unbiased: what the estimator says; seen: every parameter within 4.89 standard errors (chance 1e-6 each).",
    ]
    return "\n".join([*_aligned(_HEAD, lines), *notes])


def measurement_table(rows: list[dict[str, Any]]) -> str:
    """One row a parameter of a single problem."""
    add_labels(rows)
    head = ("estimator", "parameter", "exact", "mean", "s.e.", "variance", "exact variance", "µs", "unbiased", "seen")
    lines = []
    for row in rows:
        gaussian = row["distribution"] == "gaussian"
        parameter = ("mean", "std")[row["parameter"]] if gaussian else str(row["parameter"])
        lines.append(
            (
                row["label"],
                parameter,
                number(row["exact"], 6),
                number(row["mean"], 6),
                number(row["standard_error"], 2),
                number(row["variance"]),
                number(row["exact_variance"]),
                number(1e6 * row["seconds_per_estimate"], 3),
                flag(row["unbiased_declared"]),
                flag(row["unbiased_observed"]),
            )
        )
    return "\n".join(_aligned(head, lines))


def _aligned(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
    full = [head, *(line for line in lines if len(line) == len(head))]
    widths = [max(len(line[i]) for line in full) for i in range(len(head))]

    def text(line: tuple[str, ...]) -> str:
        if len(line) != len(head):
            return line[0]
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        return "  ".join(cells).rstrip()

    return [text(head), *map(text, lines)]
