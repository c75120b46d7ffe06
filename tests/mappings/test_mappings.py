import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chance import assert_distribution, assert_frequencies, assert_mean
from scipy import stats

from stochmap.mappings import CategoricalMapping, GaussianMapping

LOGITS = np.random.default_rng(0).normal(size=(16, 8))
MEAN, STD = np.array([1.0, -2.0, 0.5]), np.array([2.5, 0.3, 1.0])


def test_categorical_probabilities_are_a_softmax():
    mapping = CategoricalMapping(LOGITS)
    assert (mapping.num_x, mapping.num_y) == (16, 8)
    expected = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mapping.probabilities, expected, rtol=1e-14)
    assert isinstance(mapping.probabilities, np.ndarray)
    on_device = CategoricalMapping(jnp.asarray(LOGITS))
    assert isinstance(on_device.probabilities, jax.Array)
    np.testing.assert_allclose(on_device.probabilities, expected, rtol=1e-14)
    np.testing.assert_array_equal(mapping.parameters()["probability"], mapping.probabilities)


def test_categorical_log_prob_by_brute_force():
    mapping = CategoricalMapping(jnp.asarray(LOGITS))
    x, y = (index.ravel() for index in np.indices((16, 8)))
    expected = [np.log(np.exp(LOGITS[i, j]) / sum(np.exp(LOGITS[i]))) for i, j in zip(x, y, strict=True)]
    np.testing.assert_allclose(mapping.log_prob(jnp.asarray(x), jnp.asarray(y)), expected, rtol=1e-12)


def test_rows_of_logits_count_up_to_a_constant():
    shifted = CategoricalMapping(LOGITS + 1000.0 * np.arange(16)[:, None])
    np.testing.assert_allclose(shifted.probabilities, CategoricalMapping(LOGITS).probabilities, rtol=1e-9)


def test_a_logit_of_minus_infinity_is_a_probability_of_0():
    mapping = CategoricalMapping(np.array([[0.0, -np.inf, 0.0]]))
    assert mapping.probabilities.tolist() == [[0.5, 0.0, 0.5]]
    x = jnp.zeros(3, dtype=int)
    assert mapping.log_prob(x, jnp.arange(3)).tolist() == [np.log(0.5), -np.inf, np.log(0.5)]


def test_categorical_samples_follow_the_table():
    """One row of the origin: would catch samples of another row or a distribution 1 % off."""
    mapping = CategoricalMapping(jnp.asarray(LOGITS))
    x = jnp.repeat(jnp.arange(16), 1 << 14)
    y = np.asarray(mapping.sample(jax.random.key(1), x)).reshape(16, -1)
    for row in range(16):
        assert_frequencies(np.bincount(y[row], minlength=8), mapping.probabilities[row], detects=0.04, cases=16)


def test_gaussian_log_prob_by_brute_force():
    mapping = GaussianMapping(jnp.asarray(MEAN), jnp.asarray(STD))
    assert mapping.num_x == 3
    x, y = jnp.array([0, 1, 2, 0]), jnp.array([0.3, -2.5, 9.0, 1.0])
    expected = stats.norm(MEAN[x], STD[x]).logpdf(y)
    np.testing.assert_allclose(mapping.log_prob(x, y), expected, rtol=1e-14)
    assert set(mapping.parameters()) == {"mean", "std"}


def test_the_gaussians_sample_is_reparameterised():
    """At a fixed key the sample moves with mean at rate 1 and with std at rate z, and nowhere else."""
    key, x = jax.random.key(3), jnp.array([0, 1, 2, 1])
    mapping = GaussianMapping(jnp.asarray(MEAN), jnp.asarray(STD))
    noise = GaussianMapping(jnp.zeros(3), jnp.ones(3)).sample(key, x)
    gradient = jax.jacobian(lambda mapping: mapping.sample(key, x))(mapping)
    chosen = np.eye(3)[x]
    np.testing.assert_array_equal(gradient.mean, chosen)
    np.testing.assert_allclose(gradient.std, chosen * np.asarray(noise)[:, None], rtol=1e-14)
    np.testing.assert_allclose(mapping.sample(key, x), MEAN[x] + STD[x] * noise, rtol=1e-14)


def test_the_origins_single_gaussian():
    """Step 6 of the origin: a model (mean, std), its sample, d/dmean = 1 and d/dstd = z."""
    key, x = jax.random.key(0), jnp.int32(0)
    value_and_grad = jax.value_and_grad(lambda model: model.sample(key, x))
    value, gradient = value_and_grad(GaussianMapping(jnp.array([1.0]), jnp.array([2.5])))
    assert gradient.mean.tolist() == [1.0]
    assert float(gradient.std[0]) == pytest.approx((float(value) - 1.0) / 2.5, rel=1e-12)


def test_gaussian_samples_follow_their_gaussian():
    mapping = GaussianMapping(jnp.asarray(MEAN), jnp.asarray(STD))
    y = np.asarray(mapping.sample(jax.random.key(2), jnp.repeat(jnp.arange(3), 1 << 14))).reshape(3, -1)
    for x in range(3):
        assert_distribution(y[x], stats.norm(MEAN[x], STD[x]).cdf, detects=0.05, cases=6)
        assert_mean((y[x] - MEAN[x]) / STD[x], 0.0, detects=0.08, cases=6)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_samples_have_the_parameters_precision(dtype):
    mapping = GaussianMapping(jnp.asarray(MEAN, dtype), jnp.asarray(STD, dtype))
    assert mapping.sample(jax.random.key(2), jnp.arange(3)).dtype == dtype
    assert mapping.log_prob(jnp.arange(3), jnp.zeros(3, dtype)).dtype == dtype
