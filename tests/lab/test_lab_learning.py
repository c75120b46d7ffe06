"""Following estimators downhill: the exact path, the estimators' ends, the learner that sees samples alone."""

import jax
import numpy as np
import pytest

from stochmap import estimators as e
from stochmap import lab
from stochmap.building import StudyError
from stochmap.lab._learning import recorded_steps
from stochmap.study import Chunk

MAPPING = {"truth": {"kind": "normal_logits", "num_x": 2, "num_y": 3}, "num_samples": 500, "runs": 3, "steps": 60}


def theta(logits):
    return 1 / (1 + np.exp(-logits))


def test_the_exact_gradient_brings_the_toy_down_as_in_the_authors_code():
    path = lab.learn(lab.BernoulliToy(), e.Exact(), jax.random.key(0), steps=1000, learning_rate=0.01, runs=2)
    assert path.shape == (2, 50, 1)
    assert (path[0] == path[1]).all()
    assert (np.diff(path[0, :, 0]) < 0).all()
    assert theta(path[0, -1, 0]) == pytest.approx(0.014, abs=5e-4)


def test_straight_through_stays_at_t():
    problem = lab.BernoulliToy(t=0.3, theta=0.6)
    path = lab.learn(problem, e.StraightThrough(), jax.random.key(1), steps=600, learning_rate=0.02, runs=20)
    ends = theta(path[:, -1, 0])
    # The optimum is 0; 20 runs end around t, each within a few tenths.
    assert abs(ends.mean() - 0.3) < 0.06
    assert ends.min() > 0.1


def test_recorded_steps_end_with_the_last():
    for steps in (1, 7, 50, 60, 10_000):
        found = recorded_steps(steps)
        assert found[-1] == steps
        assert len(found) == min(steps, 50)
        assert (np.diff(found) > 0).all()


def test_the_score_comes_down_on_the_same_data_for_every_estimator():
    study = lab.from_options({"seed": 2, "sampled_gradient": [{**MAPPING, "estimators": ["exact", "reinmax"]}]})
    (task,) = study.tasks.values()
    blocks = lab.run_chunk(study, Chunk(task.id, 0, 2)).tables["curves"]
    starts = []
    for block in blocks:
        excess = block["excess"].reshape(3, -1)
        assert (excess[:, -1] < 0.05 * excess[:, 0]).all()
        assert (excess > -1e-6).all()
        assert block["step"].reshape(3, -1)[0, -1] == 60
        starts.append(excess[:, 0])
    np.testing.assert_allclose(starts[0], starts[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimators": ["pathwise"]}, "pathwise does not serve tables"),
        ({"estimators": []}, "a list of at least one kind"),
        ({"estimators": ["arn"]}, "unknown kind 'arn'"),
        ({"runs": 129}, "runs must be at most 128"),
        ({"num_samples": 0}, "`num_samples`: must be positive"),
        ({"stepps": 3}, "unknown key `stepps`"),
        ({"truth": {"kind": "gaussian", "mean": 0.0, "std": 1.0}}, "a kind of random table"),
    ],
)
def test_a_bad_table_of_learning_is_refused(change, message):
    with pytest.raises(StudyError, match=message):
        lab.from_options({"sampled_gradient": [{**MAPPING, "estimators": ["exact"], **change}]})
