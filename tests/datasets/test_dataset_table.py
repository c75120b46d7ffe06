"""The integer table of a dataset: of every kind of truth, exact, stored and read back as it was."""

from typing import Any

import numpy as np
import pytest
from dataset_cases import dataset, rows

from stochmap.building import StudyError
from stochmap.datasets import Table, build_table, from_columns, num_cells, to_columns
from stochmap.sampling import MAX_CELLS, AliasTable
from stochmap.truths import TRUTHS, CategoricalTable, SparseTable

WHOLE = 1 << 64

KINDS: dict[str, dict[str, Any]] = {
    "normal_logits": {"num_x": 4, "num_y": 6},
    "dirichlet": {"num_x": 4, "num_y": 6, "concentration": 0.1},
    "noisy_permutation": {"num_x": 5},
    "sparse": {"num_x": 5, "num_y": 7, "outcomes": 2},
    "banded": {"num_x": 5, "num_y": 8, "bandwidth": 1},
    "low_rank": {"num_x": 5, "num_y": 6, "rank": 2},
    "zipf": {"num_x": 4, "num_y": 6},
    "symmetric_channel": {"num_x": 5},
    "erasure_channel": {"num_x": 5, "erasure": 0.3},
    "randomized_response": {"num_x": 5, "epsilon": 1.0},
    "reversible": {"num_x": 5},
    "gaussian": {"mean": 1.0, "std": 2.5, "num_x": 2},
    "normal_inverse_gamma": {"num_x": 3},
}


def of(kind: str, **options: Any):
    return dataset({"kind": kind, **KINDS[kind]}, inputs={"kind": "zipf"}, **options)


def received(table: AliasTable) -> np.ndarray:
    """How many of the 2⁶⁴ words draw each cell: word u falls on ⌊u·K/2⁶⁴⌋ and is kept below the threshold."""
    cells = len(table.alias)
    threshold = (table.threshold_high.astype(object) << 32) | table.threshold_low.astype(object)
    edges = -(-(np.arange(cells + 1).astype(object) << 64) // cells)
    words = edges[1:] - edges[:-1]
    kept = -(-(threshold + (np.arange(cells).astype(object) << 64)) // cells) - edges[:-1]
    kept = np.where(kept > words, words, kept)
    shares = kept.copy()
    np.add.at(shares, table.alias.astype(np.int64), words - kept)
    return shares


def close(words: np.ndarray, weights: list[int]) -> bool:
    """Words are the weights' shares of 2⁶⁴, each within one of them."""
    total = sum(weights)
    return all(
        abs(word * total - WHOLE * weight) <= total for word, weight in zip(words.tolist(), weights, strict=True)
    )


def scaled(values: np.ndarray) -> list[int]:
    """Float64 values times 2¹⁰⁷⁴: whole numbers, exactly."""
    pairs = [float(value).as_integer_ratio() for value in values]
    return [numerator * ((1 << 1074) // denominator) for numerator, denominator in pairs]


def test_every_kind_is_tried_here():
    assert {*KINDS, "fixed", "drifting_logits"} == set(TRUTHS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_truth_is_drawn_from_exactly(kind):
    """By integer arithmetic: each cell has p(x)·p(y | x) of all words, within one; the impossible has none."""
    chosen = of(kind)
    table = build_table(chosen)
    truth = chosen.truth.draw(chosen.key)
    if table.mean is not None:
        np.testing.assert_array_equal(table.mean, truth.mean)
        np.testing.assert_array_equal(table.std, truth.std)
        assert close(received(table.start), scaled(table.inputs))
        return
    assert isinstance(truth, CategoricalTable)
    dense = np.zeros((table.num_x, table.num_y))
    dense[table.x, table.y] = table.probability
    np.testing.assert_array_equal(dense, truth.probabilities)
    assert (np.diff(table.x.astype(np.int64) * table.num_y + table.y) > 0).all()
    assert len(table.x) <= num_cells(chosen.truth) <= dense.size
    words = received(table.alias)
    assert words.sum() == WHOLE
    assert (words[table.probability == 0] == 0).all()
    inputs, cells = scaled(table.inputs), scaled(table.probability)
    assert close(words, [inputs[x] * cell for x, cell in zip(table.x.tolist(), cells, strict=True)])


@pytest.mark.parametrize("kind", ["reversible", "noisy_permutation", "symmetric_channel", "randomized_response"])
def test_every_state_of_a_sequence_is_drawn_from_exactly(kind):
    table = build_table(of(kind, sequence={"length": 5}))
    assert close(received(table.start), scaled(table.inputs))
    for x in range(table.num_x):
        first, end = table.row_starts[x : x + 2]
        own = AliasTable(*(part[first:end] for part in table.alias))
        assert close(received(own._replace(alias=own.alias - np.uint32(first))), scaled(table.probability[first:end]))


def test_the_erasure_is_the_last_symbol():
    table = build_table(of("erasure_channel"))
    assert table.num_y == 6
    assert table.probability[table.y == 5].tolist() == [0.3] * 5


def test_a_sequence_may_start_in_equilibrium():
    chosen = dataset({"kind": "reversible", "num_x": 5}, inputs={"kind": "stationary"}, sequence={"length": 5})
    table = build_table(chosen)
    np.testing.assert_allclose(table.inputs @ table.probability.reshape(5, 5), table.inputs, rtol=1e-12)
    np.testing.assert_allclose(table.inputs, chosen.truth.stationary(chosen.key), rtol=1e-12)


@pytest.mark.parametrize("kind", ["normal_logits", "banded", "gaussian"])
@pytest.mark.parametrize("sequence", [False, True])
def test_what_is_stored_is_read_back(kind, sequence):
    if sequence and kind != "banded":
        kind = "reversible"
    square = {"kind": kind, **KINDS[kind], **({"num_y": 5} if kind == "banded" else {})}
    chosen = dataset(square, **({"sequence": {"length": 5}} if sequence else {}))
    table = build_table(chosen)
    found = to_columns(table)
    again = from_columns(found["truths"], found["inputs"], chosen.truth.num_y)
    for name in Table._fields:
        mine, theirs = getattr(table, name), getattr(again, name)
        if isinstance(mine, AliasTable):
            for part, other in zip(mine, theirs, strict=True):
                assert other.dtype == np.uint32
                np.testing.assert_array_equal(part, other)
        else:
            np.testing.assert_array_equal(mine, theirs)
    for name, values in rows(table, chosen, 5, 40).items():
        np.testing.assert_array_equal(values, rows(again, chosen, 5, 40)[name])


def test_a_sparse_truth_of_a_million_outcomes_holds_its_entries_only():
    table = build_table(dataset({"kind": "sparse", "num_x": 1000, "num_y": 1_000_000, "outcomes": 10}))
    assert len(table.x) == len(table.alias.alias) == 10_000
    assert table.num_y == 1_000_000
    assert table.row_starts.tolist() == list(range(0, 10_001, 10))


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        ({"kind": "normal_logits", "num_x": 10_000, "num_y": 10_000}, {}, "more than 67108864: use a smaller num_x or"),
        ({"kind": "gaussian", "num_x": MAX_CELLS + 1}, {}, "more than 67108864"),
        ({"kind": "sparse", "num_x": 1 << 20, "num_y": 1 << 20, "outcomes": 65}, {}, "68157440 cells are more than"),
        ({"kind": "banded", "num_x": 1 << 20, "num_y": 1 << 20, "bandwidth": 32}, {}, "68157440 cells are more than"),
        ({"kind": "erasure_channel", "num_x": 1 << 26}, {}, "134217728 cells are more than"),
        ({"kind": "dirichlet", "num_x": 3, "num_y": 4}, {"inputs": {"kind": "stationary"}}, "needs a square table"),
        ({"kind": "gaussian"}, {"inputs": {"kind": "stationary"}}, "not Gaussians"),
        ({"kind": "drifting_logits", "num_x": 3, "num_y": 4}, {}, "it changes while it is sampled"),
        ({"kind": "gaussian"}, {"inputs": {"kind": "given", "values": [0.5, 0.5]}}, "num_x = 1"),
    ],
)
def test_a_table_that_cannot_be_is_refused(truth, options, message):
    with pytest.raises(StudyError, match=message):
        build_table(dataset(truth, **options))


def test_entries_of_a_sparse_truth_that_are_all_there_make_a_dense_one():
    """So that cells are divided, not looked up."""
    chosen = dataset({"kind": "sparse", "num_x": 3, "num_y": 4, "outcomes": 4})
    assert isinstance(chosen.truth.draw_sparse(chosen.key), SparseTable)
    table = build_table(chosen)
    assert len(table.x) == 12
    np.testing.assert_array_equal(table.probability.reshape(3, 4), chosen.truth.draw(chosen.key).probabilities)
