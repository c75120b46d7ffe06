import numpy as np
import pytest

from stochmap.truths import INPUTS, Given, Inputs, Uniform, Zipf

EXAMPLES = {"uniform": Uniform(), "zipf": Zipf(1.5), "given": Given((0.1, 0.2, 0.3, 0.4))}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_gives_a_distribution(kind):
    assert isinstance(EXAMPLES[kind], INPUTS[kind])
    assert isinstance(EXAMPLES[kind], Inputs)
    p = EXAMPLES[kind].probabilities(4)
    assert p.shape == (4,)
    assert p.dtype == np.float64
    assert p.sum() == pytest.approx(1.0, rel=1e-15)


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
