"""Coverage of the information intervals, over truths and sample sizes: `python benchmarks/information.py --write`.

Prints the table of docs/information.md, and with --write puts it there.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from stochmap.information import QUANTITIES, interval, posterior_interval

PAGE = Path(__file__).parents[1] / "docs" / "information.md"
BEGIN, END = "<!-- coverage: made by benchmarks/information.py -->", "<!-- end of coverage -->"

Draw = Callable[[np.random.Generator], np.ndarray]


def _logits(random: np.random.Generator) -> np.ndarray:
    weights = np.exp(random.normal(size=(16, 8)))
    return weights / weights.sum(axis=1, keepdims=True)


def _independent(random: np.random.Generator) -> np.ndarray:
    return np.tile(random.dirichlet(np.ones(8)), (16, 1))


def _nearly_independent(random: np.random.Generator) -> np.ndarray:
    return 0.8 * np.tile(random.dirichlet(np.ones(8)), (16, 1)) + 0.2 * _logits(random)


def _sparse(random: np.random.Generator) -> np.ndarray:
    table = np.zeros((16, 8))
    for row in table:
        row[random.choice(8, 2, replace=False)] = random.dirichlet([1.0, 1.0])
    return table


def _permutation(random: np.random.Generator) -> np.ndarray:
    return 0.9 * np.eye(8)[random.permutation(8)] + 0.1 / 8


def _long_tails(random: np.random.Generator) -> np.ndarray:
    weights = 1.0 / np.arange(1, 101) ** 1.2
    return np.stack([random.permutation(weights / weights.sum()) for _ in range(10)])


def _fixed(table: list[list[float]] | np.ndarray) -> Draw:
    return lambda _: np.asarray(table)


TRUTHS: dict[str, Draw] = {
    "16 × 8, N(0, 1) logits": _logits,
    "16 × 8, independent": _independent,
    "16 × 8, nearly independent": _nearly_independent,
    "16 × 8, two outcomes a row": _sparse,
    "8 × 8, permutation with noise 0.1": _permutation,
    "10 × 100, Zipf rows": _long_tails,
    "binary symmetric, 0.11": _fixed([[0.89, 0.11], [0.11, 0.89]]),
    "Z channel, ½": _fixed([[1.0, 0.0], [0.5, 0.5]]),
    "4 × 4, symmetric, error 0.1": _fixed(np.eye(4) * (0.9 - 0.1 / 3) + 0.1 / 3),
}
TABLES = tuple(TRUTHS)[:6]
PLAN = (
    ("mutual_information", (*TABLES, "binary symmetric, 0.11"), (64, 256, 1024, 16384), 1.0),
    ("conditional_entropy", (TABLES[0], TABLES[3], TABLES[4]), (256, 4096), 1.0),
    ("capacity", tuple(TRUTHS)[6:], (256, 4096), 0.5),
)


def rows(repeats: int, seed: int) -> Iterator[str]:
    """Yield the table's lines."""
    yield "| quantity | truth | n | datasets | flagged | covered | mean width | truth, mean | Dirichlet(½) covers |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for quantity, truths, sizes, share in PLAN:
        for name in truths:
            for n in sizes:
                yield _row(quantity, name, n, max(20, int(repeats * share)), seed)


def _row(quantity: str, name: str, n: int, repeats: int, seed: int) -> str:
    random = np.random.default_rng([seed, zlib.crc32(f"{quantity} {name} {n}".encode())])
    covered, widths, values, naive = [], [], [], 0
    for index in range(repeats):
        table = TRUTHS[name](random)
        joint = table / len(table)
        value = float(QUANTITIES[quantity].value(joint))
        counts = random.multinomial(n, joint.reshape(-1)).reshape(joint.shape)
        found = interval(counts, quantity, draws=200, seed=index)
        posterior = posterior_interval(counts, quantity, draws=200, seed=index)
        values.append(value)
        slack = 1e-4 if quantity == "capacity" else 1e-9  # what the numbers themselves are known to
        naive += posterior.lower - slack <= value <= posterior.upper + slack
        if not found.undersampled:
            covered.append(found.lower - slack <= value <= found.upper + slack)
            widths.append(found.upper - found.lower)
    flagged = repeats - len(covered)
    shown = ["–", "–"]
    if covered:
        n_covered, n_all = int(np.sum(covered)), len(covered)
        # A success and a failure more, so that a share of 100 % has an error, too.
        error = np.sqrt((n_covered + 1) * (n_all - n_covered + 1) / (n_all + 2) ** 2 / n_all)
        shown = [f"{100 * n_covered / n_all:.1f} ± {100 * error:.1f} %", f"{np.mean(widths):.4f}"]
    cells = [quantity.replace("_", " "), name, f"{n:,}", str(repeats), f"{100 * flagged / repeats:.0f} %", *shown]
    return "| " + " | ".join([*cells, f"{np.mean(values):.4f}", f"{100 * naive / repeats:.0f} %"]) + " |"


def main() -> None:
    """Print the table; with --write put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="datasets in each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"replace the table in {PAGE.name}")
    options = parser.parse_args()
    lines = []
    for line in rows(options.repeats, options.seed):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
