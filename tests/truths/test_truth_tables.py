"""Conformance: what every kind of truth keeps to. A new row of TRUTHS needs an example here, and nothing else."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from stochmap.building import construct, field_values
from stochmap.streams import run_keys
from stochmap.truths import (
    TRUTHS,
    CategoricalTable,
    Dirichlet,
    Fixed,
    Gaussian,
    GaussianTable,
    Sparse,
    SparseTruth,
    Truth,
    TruthTable,
)

FIXED = CategoricalTable(np.array([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]), np.full(2, 0.5))

EXAMPLES = {
    "normal_logits": [{"num_x": 3, "num_y": 5}, {"num_x": 2, "num_y": 1, "scale": 0.0}],
    "dirichlet": [{"num_x": 3, "num_y": 5}, {"num_x": 1, "num_y": 200, "concentration": 1e-3}],
    "noisy_permutation": [{"num_x": 7}, {"num_x": 3, "noise": 0.0}, {"num_x": 1, "noise": 1.0}],
    "sparse": [
        {"num_x": 3, "num_y": 5, "outcomes": 2},
        {"num_x": 2, "num_y": 3, "outcomes": 3, "concentration": 0.1},
        {"num_x": 2, "num_y": 7, "outcomes": 5},
    ],
    "banded": [
        {"num_x": 6, "num_y": 6, "bandwidth": 2},
        {"num_x": 7, "num_y": 4, "bandwidth": 0},
        {"num_x": 3, "num_y": 9, "bandwidth": 8, "concentration": 1e-3},
        {"num_x": 1, "num_y": 1, "bandwidth": 0},
    ],
    "low_rank": [
        {"num_x": 5, "num_y": 7, "rank": 2},
        {"num_x": 4, "num_y": 4, "rank": 4, "concentration": 1e-2},
        {"num_x": 3, "num_y": 1, "rank": 1},
    ],
    "zipf": [{"num_x": 3, "num_y": 5}, {"num_x": 4, "num_y": 4, "exponent": 0.0}, {"num_x": 1, "num_y": 1}],
    "symmetric_channel": [{"num_x": 4}, {"num_x": 2, "error": 1.0}, {"num_x": 1, "error": 0.0}],
    "erasure_channel": [{"num_x": 4}, {"num_x": 1, "erasure": 0.0}, {"num_x": 2, "erasure": 1.0}],
    "randomized_response": [{"num_x": 4}, {"num_x": 3, "epsilon": 0.0}, {"num_x": 2, "epsilon": 1e4}, {"num_x": 1}],
    "reversible": [{"num_x": 4}, {"num_x": 5, "shape": 1e-3}, {"num_x": 1}],
    "drifting_logits": [{"num_x": 3, "num_y": 5, "parts": 4}, {"num_x": 1, "num_y": 2, "parts": 1, "drift": 1.0}],
    "gaussian": [{}, {"mean": 1.0, "std": 2.5, "num_x": 4}],
    "normal_inverse_gamma": [{}, {"mean": -3.0, "kappa": 0.1, "alpha": 0.5, "beta": 4.0, "num_x": 6}],
    "fixed": [
        {"path": "a.csv", "table": FIXED},
        {"path": "b", "table": GaussianTable(np.ones(2), np.ones(2), np.ones(2) / 2)},
    ],
}

CASES = [(kind, index) for kind, examples in EXAMPLES.items() for index in range(len(examples))]
KEYS = run_keys(31, np.arange(12).reshape(4, 3))


def example(kind: str, index: int) -> Truth:
    return TRUTHS[kind](**EXAMPLES[kind][index])


def arrays(table: TruthTable) -> list[np.ndarray]:
    return [table.probabilities] if isinstance(table, CategoricalTable) else [table.mean, table.std]


def test_every_kind_has_an_example():
    assert set(EXAMPLES) == set(TRUTHS)


@pytest.mark.parametrize(("kind", "index"), CASES)
def test_draws_a_mapping_for_every_key(kind, index):
    truth = example(kind, index)
    assert isinstance(truth, Truth)
    table = truth.draw(KEYS)
    assert isinstance(table, CategoricalTable) == (truth.family == "categorical") == (truth.num_y is not None)
    np.testing.assert_allclose(table.inputs, np.full(truth.num_x, 1.0 / truth.num_x))
    if isinstance(table, CategoricalTable):
        assert table.probabilities.shape == (4, 3, truth.num_x, truth.num_y)
        assert table.probabilities.dtype == np.float64
        assert (table.probabilities >= 0).all()
        np.testing.assert_allclose(table.probabilities.sum(axis=-1), 1.0, rtol=1e-14)
    else:
        assert table.mean.shape == table.std.shape == (4, 3, truth.num_x)
        assert table.mean.dtype == table.std.dtype == np.float64
        assert np.isfinite(table.mean).all()
        assert (table.std > 0).all()


@pytest.mark.parametrize(("kind", "index"), CASES)
def test_a_run_has_its_truth_in_any_batch(kind, index):
    truth = example(kind, index)
    batch = truth.draw(KEYS)
    for whole, again, single in zip(
        arrays(batch), arrays(truth.draw(KEYS)), arrays(truth.draw(KEYS[2, 1])), strict=True
    ):
        np.testing.assert_array_equal(whole, again)
        np.testing.assert_array_equal(whole[2, 1], single)


CONSTANT = ("symmetric_channel", "erasure_channel", "randomized_response", "gaussian", "fixed")


@pytest.mark.parametrize("kind", CONSTANT)
def test_what_has_no_chance_in_it_is_the_same_in_every_run(kind):
    for part in arrays(example(kind, 0).draw(KEYS)):
        np.testing.assert_array_equal(part, np.broadcast_to(part[0, 0], part.shape))


@pytest.mark.parametrize("kind", [kind for kind in TRUTHS if kind not in CONSTANT])
def test_another_key_draws_another_truth(kind):
    drawn = [part.reshape(12, -1) for part in arrays(example(kind, 0).draw(KEYS))]
    for part in drawn:
        assert len(np.unique(part, axis=0)) == 12


@pytest.mark.parametrize(("kind", "index"), [case for case in CASES if case[0] != "fixed"])
def test_resolved_fields_build_the_same_truth(kind, index):
    truth = example(kind, index)
    assert construct(TRUTHS[kind], field_values(truth), kind) == truth
    assert hash(truth) == hash(example(kind, index))
    with pytest.raises(dataclasses.FrozenInstanceError):
        truth.num_x = 1


@pytest.mark.parametrize("num_x", [0, -3])
@pytest.mark.parametrize("kind", [kind for kind in TRUTHS if kind != "fixed"])
def test_sizes_below_1_are_refused(kind, num_x):
    with pytest.raises(ValueError, match=f"num_x must be at least 1, got {num_x}: give a positive number"):
        TRUTHS[kind](**{**EXAMPLES[kind][0], "num_x": num_x})


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("normal_logits", {"num_y": 0}, "num_y must be at least 1, got 0: give"),
        ("normal_logits", {"scale": -1.0}, "scale must be non-negative and finite, got -1.0: "),
        ("normal_logits", {"scale": np.nan}, "scale must be non-negative and finite, got nan: "),
        ("dirichlet", {"num_y": 0}, "num_y must be at least 1, got 0: give"),
        ("dirichlet", {"concentration": 0.0}, "concentration must be positive and finite, got 0.0: choose"),
        ("dirichlet", {"concentration": np.inf}, "concentration must be positive and finite, got inf: choose"),
        ("noisy_permutation", {"noise": 1.5}, "noise must lie in 0 … 1, got 1.5: "),
        ("noisy_permutation", {"noise": -0.1}, "noise must lie in 0 … 1, got -0.1: "),
        ("sparse", {"num_y": 0}, "num_y must be at least 1, got 0: give"),
        ("sparse", {"outcomes": 6}, "outcomes must lie in 1 … num_y = 5, got 6: give"),
        ("sparse", {"outcomes": 0}, "outcomes must lie in 1 … num_y = 5, got 0: give"),
        ("sparse", {"num_y": 1 << 40}, "num_y must be at most 2.31, got 1099511627776: labels are 32-bit"),
        ("sparse", {"concentration": -1.0}, "concentration must be positive and finite, got -1.0: choose"),
        ("banded", {"num_y": 0}, "num_y must be at least 1, got 0: give"),
        ("banded", {"num_x": 1 << 40}, "num_x must be at most 2.31, got 1099511627776: labels are 32-bit"),
        ("banded", {"bandwidth": 6}, "bandwidth must lie in 0 … num_y − 1 = 5, got 6: give"),
        ("banded", {"bandwidth": -1}, "bandwidth must lie in 0 … num_y − 1 = 5, got -1: give"),
        ("banded", {"concentration": np.nan}, "concentration must be positive and finite, got nan: choose"),
        ("low_rank", {"num_y": -1}, "num_y must be at least 1, got -1: give"),
        ("low_rank", {"rank": 6}, r"rank must lie in 1 … min\(num_x, num_y\) = 5, got 6: give"),
        ("low_rank", {"rank": 0}, r"rank must lie in 1 … min\(num_x, num_y\) = 5, got 0: give"),
        ("low_rank", {"concentration": 0.0}, "concentration must be positive and finite, got 0.0: choose"),
        ("zipf", {"num_y": 0}, "num_y must be at least 1, got 0: give"),
        ("zipf", {"exponent": -1.0}, "exponent must be non-negative and finite, got -1.0: 1.0 is usual"),
        ("zipf", {"exponent": np.nan}, "exponent must be non-negative and finite, got nan: 1.0 is usual"),
        ("symmetric_channel", {"error": 1.1}, "error must lie in 0 … 1, got 1.1: it is a probability"),
        ("symmetric_channel", {"error": np.nan}, "error must lie in 0 … 1, got nan: it is a probability"),
        ("symmetric_channel", {"num_x": 1}, "error must be 0 where num_x = 1, got 0.1: there is no other symbol, so"),
        ("erasure_channel", {"erasure": -0.1}, "erasure must lie in 0 … 1, got -0.1: it is a probability"),
        ("erasure_channel", {"num_x": 1 << 31}, "num_y = num_x . 1 must be at most 2.31, got 2147483649: labels"),
        ("randomized_response", {"epsilon": -1.0}, "epsilon must be non-negative and finite, got -1.0: 1.0 is usual"),
        ("randomized_response", {"epsilon": np.inf}, "epsilon must be non-negative and finite, got inf: 1.0 is usual"),
        ("reversible", {"shape": 0.0}, "shape must be positive and finite, got 0.0: choose"),
        ("gaussian", {"std": 0.0}, "std must be positive and finite, got 0.0: choose"),
        ("gaussian", {"mean": np.inf}, "mean must be finite, got inf: give"),
        ("drifting_logits", {"parts": 0}, "parts must be at least 1, got 0: give"),
        ("drifting_logits", {"drift": 1.1}, "drift must lie in 0 … 1, got 1.1: "),
        ("drifting_logits", {"scale": -1.0}, "scale must be non-negative and finite, got -1.0: "),
        ("normal_inverse_gamma", {"kappa": 0.0}, "kappa must be positive and finite, got 0.0: choose"),
        ("normal_inverse_gamma", {"alpha": -2.0}, "alpha must be positive and finite, got -2.0: choose"),
        ("normal_inverse_gamma", {"beta": np.nan}, "beta must be positive and finite, got nan: choose"),
        ("normal_inverse_gamma", {"mean": np.nan}, "mean must be finite, got nan: give"),
    ],
)
def test_fields_out_of_range_are_refused_with_rule_value_and_remedy(kind, fields, message):
    with pytest.raises(ValueError, match=message):
        TRUTHS[kind](**{**EXAMPLES[kind][0], **fields})


def test_only_the_dirichlet_tells_its_prior():
    assert Dirichlet(2, 3, 0.5).draw(KEYS).concentration == 0.5
    told = [kind for kind in TRUTHS if getattr(example(kind, 0).draw(KEYS), "concentration", None) is not None]
    assert told == ["dirichlet"]


SPARSE = [case for case in CASES if isinstance(example(*case), SparseTruth) and example(*case).family == "categorical"]


@pytest.mark.parametrize(("kind", "index"), SPARSE)
def test_a_sparse_table_is_the_dense_one_by_its_entries(kind, index):
    truth = example(kind, index)
    sparse, dense = truth.draw_sparse(KEYS[1, 2]), truth.draw(KEYS[1, 2])
    assert (sparse.num_x, sparse.num_y, sparse.row_starts[0]) == (truth.num_x, truth.num_y, 0)
    assert (sparse.outcomes.dtype, sparse.row_starts.dtype) == (np.int32, np.int64)
    assert (sparse.probabilities > 0).all()
    assert len(sparse.probabilities) == len(sparse.outcomes) == sparse.row_starts[-1]
    np.testing.assert_array_equal(sparse.to_dense().probabilities, dense.probabilities)
    np.testing.assert_array_equal(sparse.inputs, dense.inputs)
    for part, again in zip(sparse, dense.to_sparse(), strict=True):  # entries in order, none twice, none 0
        np.testing.assert_array_equal(part, again)


def test_a_table_of_many_runs_has_no_sparse_form():
    with pytest.raises(ValueError, match=r"holds one run, got the shape \(4, 3, 2, 3\): index the runs first"):
        Fixed("a.csv", FIXED).draw(KEYS).to_sparse()


def test_gaussians_have_no_sparse_form():
    with pytest.raises(ValueError, match="b holds Gaussians, which are never sparse: draw it"):
        example("fixed", 1).draw_sparse(KEYS[0, 0])


def test_a_large_sparse_table_takes_the_memory_of_its_entries():
    """2·10¹¹ cells, of which 4·10⁵ are held."""
    tracemalloc.start()
    table = Sparse(200_000, 10**6, 2).draw_sparse(run_keys(4, 0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    pairs = table.outcomes.reshape(-1, 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < 10**6
    np.testing.assert_allclose(table.probabilities.reshape(-1, 2).sum(axis=1), 1.0, rtol=1e-14)


def test_a_fixed_truth_is_its_table():
    truth = Fixed("a.csv", FIXED)
    assert (truth.family, truth.num_x, truth.num_y) == ("categorical", 2, 3)
    table = truth.draw(KEYS).probabilities
    np.testing.assert_array_equal(table, np.broadcast_to(FIXED.probabilities, (4, 3, 2, 3)))


def test_a_fixed_truth_is_identified_by_its_decoded_content():
    here, there = Fixed("a.csv", FIXED), Fixed("b.parquet", FIXED._replace(probabilities=FIXED.probabilities.copy()))
    assert here.content == there.content
    assert len(here.content) == 16
    nudged = FIXED.probabilities.copy()
    nudged[0, 0] = np.nextafter(nudged[0, 0], 1)
    others = [
        FIXED._replace(probabilities=nudged),
        FIXED._replace(probabilities=FIXED.probabilities.reshape(3, 2), inputs=np.full(3, 1 / 3)),
        GaussianTable(np.array([0.0]), np.array([1.0]), np.ones(1)),
        GaussianTable(np.array([1.0]), np.array([1.0]), np.ones(1)),
    ]
    assert len({here.content, *(Fixed("a.csv", other).content for other in others)}) == 5


def test_a_fixed_truth_without_its_table_says_so():
    with pytest.raises(ValueError, match="the table a.csv has not been read: load the study with a reader"):
        Fixed("a.csv").draw(KEYS)


def test_the_gaussian_is_the_same_in_every_run():
    table = Gaussian(1.0, 2.5, 4).draw(KEYS)
    assert (table.mean == 1.0).all()
    assert (table.std == 2.5).all()
