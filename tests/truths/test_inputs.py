import numpy as np
import pytest

from stochmap.building import StudyError
from stochmap.streams import run_keys
from stochmap.study import from_options
from stochmap.truths import (
    INPUTS,
    CategoricalTable,
    Gaussian,
    Given,
    Inputs,
    NormalLogits,
    Sparse,
    Stationary,
    Uniform,
    Zipf,
    with_inputs,
)

EXAMPLES = {"uniform": Uniform(), "zipf": Zipf(1.5), "given": Given((0.1, 0.2, 0.3, 0.4)), "stationary": Stationary()}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_gives_a_distribution(kind):
    assert isinstance(EXAMPLES[kind], INPUTS[kind])
    assert isinstance(EXAMPLES[kind], Inputs)
    table = with_inputs(NormalLogits(4, 4).draw(run_keys(1, 0)), EXAMPLES[kind])
    p = table.inputs
    assert p.shape == (4,)
    assert p.dtype == np.float64
    assert p.sum() == pytest.approx(1.0, rel=1e-15)
    if kind != "stationary":
        np.testing.assert_array_equal(p, EXAMPLES[kind].probabilities(4))


def test_stationary_inputs_are_those_of_the_drawn_table():
    """Two states: π ∝ (p(0 | 1), p(1 | 0)); dense and sparse tables alike."""
    table = CategoricalTable(np.array([[0.9, 0.1], [0.3, 0.7]]), np.full(2, 0.5))
    for form in (table, table.to_sparse()):
        np.testing.assert_allclose(with_inputs(form, Stationary()).inputs, [0.75, 0.25], rtol=1e-15)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (NormalLogits(3, 5), "a stationary distribution needs a square table, got 3 × 5: make num_y equal num_x"),
        (Sparse(3, 5, 2), "a stationary distribution needs a square table, got 3 × 5: make num_y equal num_x"),
        (Gaussian(), "stationary inputs need a table of integers, not Gaussians: use uniform"),
    ],
)
def test_stationary_inputs_of_what_is_no_chain_are_refused(truth, message):
    with pytest.raises(ValueError, match=message):
        with_inputs(truth.draw(run_keys(1, 0)), Stationary())


def test_a_study_refuses_stationary_inputs():
    problem = {
        "name": "chain",
        "num_samples": 10,
        "truth": {"kind": "reversible", "num_x": 4},
        "inputs": {"kind": "stationary"},
        "learners": [{"kind": "maximum_likelihood"}],
    }
    with pytest.raises(StudyError, match="problem 'chain', inputs: stationary inputs differ from run to run") as caught:
        from_options({"problem": [problem]})
    assert "\n" not in str(caught.value)


def test_their_values():
    np.testing.assert_allclose(Uniform().probabilities(4), 0.25)
    np.testing.assert_allclose(Zipf(0.0).probabilities(4), 0.25)
    np.testing.assert_allclose(Zipf().probabilities(3), np.array([6, 3, 2]) / 11, rtol=1e-15)
    np.testing.assert_allclose(Zipf(2.0).probabilities(3), np.array([36, 9, 4]) / 49, rtol=1e-15)
    np.testing.assert_allclose(Given((0.5, 0.25, 0.25 + 5e-7)).probabilities(3).sum(), 1.0, rtol=1e-15)


@pytest.mark.parametrize("exponent", [-0.5, np.inf, np.nan])
def test_exponents_out_of_range_are_refused(exponent):
    with pytest.raises(ValueError, match=f"exponent must be non-negative and finite, got {exponent}: "):
        Zipf(exponent)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.5, 0.6), "must sum to 1, got 1.1: normalise"),
        ((1.5, -0.5), "must be non-negative: correct"),
        ((np.nan, 1.0), "must be non-negative: correct"),
        ((), "must sum to 1, got 0: normalise"),
    ],
)
def test_given_values_that_are_no_distribution_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Given(values)


def test_given_values_of_another_length_are_refused():
    with pytest.raises(ValueError, match="have 2 probabilities, the truth has num_x = 3: make them equal"):
        Given((0.5, 0.5)).probabilities(3)
