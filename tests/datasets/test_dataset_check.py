"""The goodness-of-fit check: it is quiet under the truth, and not under anything else."""

from typing import Any

import numpy as np
import pytest
from chance import assert_distribution
from dataset_cases import dataset
from scipy import stats

from stochmap.datasets import ALARM, Check, Table, _rows, build_table, check
from stochmap.datasets._rows import TAILS, group_size, tail_column

CELLS = build_table(dataset({"kind": "dirichlet", "num_x": 3, "num_y": 4}, inputs={"kind": "zipf"}))
WIDE = build_table(dataset({"kind": "dirichlet", "num_x": 30, "num_y": 30}))
VALUES = build_table(dataset({"kind": "normal_inverse_gamma", "num_x": 3}))
RNG = np.random.default_rng(11)


def counts(cells: np.ndarray) -> dict[str, np.ndarray]:
    seen = np.flatnonzero(cells)
    return {"cell": seen, "n": cells[seen]}


def drawn(table: Table, total: int, inputs: Any = None, probability: Any = None) -> dict[str, np.ndarray]:
    """Counts of independent rows, by NumPy; of the table's own distribution unless another is given."""
    inputs = table.inputs if inputs is None else np.asarray(inputs)
    probability = table.probability if probability is None else np.asarray(probability)
    joint = inputs[table.x] * probability
    cells = RNG.multinomial(total, joint / joint.sum())
    size = group_size(len(cells))
    together = np.add.reduceat(cells, np.arange(0, len(cells), size))
    found = counts(together)
    return {"cell": found["cell"] * size, "n": found["n"]}


def moments(table: Table, total: int, shift: float = 0.0, factor: float = 1.0, **tails: int) -> dict[str, np.ndarray]:
    """Moments of independent values, by NumPy: means off by ``shift`` σ, standard deviations by a factor."""
    n = RNG.multinomial(total, table.inputs)
    mean = table.mean + table.std * (shift + factor * RNG.normal(size=3) / np.sqrt(n))
    m2 = (table.std * factor) ** 2 * RNG.chisquare(n - 1)
    beyond = {
        tail_column(limit): RNG.multinomial(RNG.poisson(total * 2 * stats.norm.sf(limit)), table.inputs)
        for limit in TAILS
    }
    spread = {name: np.array([number, 0, 0]) for name, number in tails.items()}
    return {"x": np.arange(3), "n": n, "mean": mean, "m2": m2, **beyond, **spread}


def p_values(found: Check, *names: str) -> list[float]:
    return [float(found.p_value[found.names.index(name)]) for name in names]


def smallest(found: Check) -> str:
    return found.names[int(found.p_value.argmin())]


def test_p_values_of_counts_are_uniform_under_the_truth():
    """1500 datasets of 20,000 rows: a p-value off by 0.1 at any level would be seen, at a false alarm of 1e-6."""
    names = ["inputs", "x = 0", "x = 1", "x = 2"]
    found = np.array([p_values(check(CELLS, drawn(CELLS, 20_000), independent=True), *names) for _ in range(1500)])
    for column in found.T:
        assert_distribution(column, stats.uniform.cdf, detects=0.13, cases=4)


def test_p_values_of_values_are_uniform_under_the_truth():
    names = ["inputs", "mean, x = 0", "mean, x = 2", "variance, x = 1"]
    found = np.array([p_values(check(VALUES, moments(VALUES, 5000), independent=True), *names) for _ in range(600)])
    for column in found.T:
        assert_distribution(column, stats.uniform.cdf, detects=0.2, cases=4)


@pytest.fixture
def grouped(monkeypatch) -> None:
    """Cells are counted five at a time, as they are beyond 2¹⁶."""
    monkeypatch.setattr(_rows, "MAX_COUNTED", 200)
    assert group_size(900) == 5


@pytest.mark.parametrize("total", [1000, 100_000])
def test_p_values_of_groups_are_uniform_under_the_truth(grouped, total):
    """180 groups: with most of them small, and with most of them large."""
    found = [check(WIDE, drawn(WIDE, total), independent=True) for _ in range(400)]
    assert found[0].names == ["cells"]
    assert_distribution([one.p_value[0] for one in found], stats.uniform.cdf, detects=0.24, cases=2)


@pytest.mark.parametrize("total", [0, 1, 2, 5, 30, 300])
def test_few_rows_raise_no_alarm(total):
    """Of 1200 datasets none: an alarm at 1e-9 would be a fault."""
    for _ in range(200):
        found = check(CELLS, drawn(CELLS, total), independent=True)
        assert found.passed
        assert (found.statistic >= 0).all()
        assert ((found.p_value >= 0) & (found.p_value <= 1)).all()
    assert not found.tested or total >= 30


@pytest.mark.parametrize("total", [1, 2, 5])
def test_few_values_raise_no_alarm(total):
    for _ in range(50):
        n = RNG.multinomial(total, VALUES.inputs)
        seen = np.flatnonzero(n)
        few = {"x": seen, "n": n[seen], "mean": VALUES.mean[seen], "m2": np.zeros(len(seen))}
        few |= {tail_column(limit): np.zeros(len(seen), np.int64) for limit in TAILS}
        for at, size in enumerate(n[seen]):
            value = VALUES.mean[seen[at]] + VALUES.std[seen[at]] * RNG.normal(size=size)
            few["mean"][at], few["m2"][at] = value.mean(), ((value - value.mean()) ** 2).sum()
        found = check(VALUES, few, independent=True)
        assert found.passed
        assert ((found.p_value >= 0) & (found.p_value <= 1)).all()


def other_row(x: int, size: float) -> np.ndarray:
    """The table with one row moved by ``size`` in total variation, from its likeliest outcome to the next."""
    changed = CELLS.probability.copy()
    cells = np.flatnonzero(CELLS.x == x)
    first = cells[np.argmax(changed[cells])]
    changed[first] -= size
    changed[cells[(list(cells).index(first) + 1) % 4]] += size
    return changed


def test_a_row_that_is_not_the_truth_is_caught_and_named():
    """0.02 off in total variation, of 10⁶ rows: missed less than once in a million times."""
    found = check(CELLS, drawn(CELLS, 1_000_000, probability=other_row(1, 0.02)), independent=True)
    assert not found.passed
    assert smallest(found) == "x = 1"
    assert sum(found.p_value < ALARM) == 1


def test_inputs_that_are_not_the_truth_are_caught_and_named():
    inputs = CELLS.inputs + np.array([0.01, -0.01, 0.0])
    found = check(CELLS, drawn(CELLS, 1_000_000, inputs=inputs), independent=True)
    assert not found.passed
    assert smallest(found) == "inputs"
    sequence = check(CELLS, drawn(CELLS, 1_000_000, inputs=inputs), independent=False)
    assert sequence.passed  # x of a sequence is the last row's y: its steps are what is tested
    assert sequence.names == ["x = 0", "x = 1", "x = 2"]


def test_one_row_that_cannot_be_is_an_alarm():
    table = CELLS._replace(probability=np.where(CELLS.y == 2, 0.0, CELLS.probability))
    table = table._replace(probability=table.probability / np.bincount(table.x, table.probability)[table.x])
    honest = drawn(table, 10_000)
    assert check(table, honest, independent=True).passed
    found = check(table, {"cell": np.append(honest["cell"], 6), "n": np.append(honest["n"], 1)}, independent=True)
    assert found.corrected == 0.0
    assert not found.passed
    assert smallest(found) == "x = 1"


def test_many_rare_cells_that_are_never_drawn_are_missed_in_the_sum():
    """As float32 Gumbel noise leaves them out: 1000 cells that together should have had 200 of 10⁶ rows."""
    probability = np.append(np.full(1000, 2e-7), 1.0 - 2e-4)
    x = np.zeros(1001, np.int64)
    table = Table(np.ones(1), 1001, x, np.arange(1001), probability, None, None, None, None)
    assert check(table, drawn(table, 1_000_000), independent=True).passed
    found = check(table, counts(np.append(np.zeros(1000, np.int64), 1_000_000)), independent=True)
    assert not found.passed


def test_groups_that_are_not_the_truth_are_caught(grouped):
    """A third of all cells 30 % likelier than they should be; 10⁵ rows."""
    probability = np.where(WIDE.y < 10, 1.3, 1.0) * WIDE.probability
    assert not check(WIDE, drawn(WIDE, 100_000, probability=probability), independent=True).passed
    assert check(WIDE, drawn(WIDE, 100_000), independent=True).passed


def test_a_sequence_counted_in_groups_is_not_said_to_follow_the_truth(grouped):
    """Nothing is known of how often each x occurred, and so nothing can be tested."""
    assert not check(WIDE, drawn(WIDE, 100_000), independent=False).tested


def test_an_outcome_that_is_next_to_impossible_does_not_blind_the_test():
    """One of 1e-9 beside a row 0.02 off: of 10⁶ rows a thousandth is expected there."""
    table = CELLS._replace(probability=np.where(CELLS.y == 3, 1e-9, CELLS.probability))
    table = table._replace(probability=table.probability / np.bincount(table.x, table.probability)[table.x])
    off = table.probability.copy()
    off[[4, 5]] += [0.02, -0.02]
    assert check(table, drawn(table, 1_000_000), independent=True).passed
    assert not check(table, drawn(table, 1_000_000, probability=off), independent=True).passed


def test_an_outcome_that_is_next_to_impossible_may_not_come_often():
    """1e-9 of 10⁶ rows is a thousandth; five would be drawn once in 10¹⁷ times."""
    table = CELLS._replace(probability=np.where(CELLS.y == 3, 1e-9, CELLS.probability))
    table = table._replace(probability=table.probability / np.bincount(table.x, table.probability)[table.x])
    honest = drawn(table, 1_000_000)
    assert check(table, honest, independent=True).passed
    often = {"cell": np.append(honest["cell"], 3), "n": np.append(honest["n"], 5)}
    assert not check(table, often, independent=True).passed


def test_chunks_add_up():
    """The tallies of two files are tested as one."""
    first, second = drawn(CELLS, 30_000), drawn(CELLS, 20_000)
    whole = np.zeros(12, np.int64)
    for part in (first, second):
        whole[part["cell"]] += part["n"]
    both = {name: np.concatenate([first[name], second[name]]) for name in first}
    one, other = check(CELLS, both, independent=True), check(CELLS, counts(whole), independent=True)
    np.testing.assert_array_equal(one.statistic, other.statistic)
    values = moments(VALUES, 10_000)
    parts = [moments(VALUES, 10_000), values]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in values}
    found = check(VALUES, joined, independent=True)
    n = parts[0]["n"] + parts[1]["n"]
    assert found.rows[1:4].tolist() == n.tolist()
    mean = (parts[0]["n"] * parts[0]["mean"] + parts[1]["n"] * parts[1]["mean"]) / n
    m2 = sum(part["m2"] + part["n"] * (part["mean"] - mean) ** 2 for part in parts)
    np.testing.assert_allclose(found.statistic[1:4], (mean - VALUES.mean) / VALUES.std * np.sqrt(n), rtol=1e-9)
    np.testing.assert_allclose(found.statistic[4:7], m2 / VALUES.std**2, rtol=1e-9)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"shift": 0.02}, "mean"),
        ({"factor": 1.01}, "variance"),
        ({"factor": 0.99}, "variance"),
        ({"beyond_4": 0}, "beyond 4"),
        ({"beyond_5": 0, "total": 50_000_000}, "beyond 5 "),
        ({"beyond_5": 12}, "beyond 5 "),
        ({"beyond_5_5": 6}, "beyond 5.5"),
    ],
)
def test_values_that_do_not_follow_the_truth_are_caught_and_named(fault, named):
    """10⁶ values: a mean 0.02 σ off, a standard deviation 1 % off, tails that stop or are too heavy."""
    fault = {"total": 1_000_000, **fault}
    found = check(VALUES, moments(VALUES, **fault), independent=True)
    assert not found.passed
    assert smallest(found).startswith(named)
    assert check(VALUES, moments(VALUES, fault["total"]), independent=True).passed
