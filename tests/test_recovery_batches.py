"""A chunk's runs are worked on in batches: what comes out depends on none of it."""

import pytest
from example_study import chunk_of, example
from tables import decoded, digest, joined

from stochmap.recovery import _together, run_chunk
from stochmap.sharding import batch_size
from stochmap.study import from_options


def run(study, problem: str, first: int, count: int):
    return decoded(run_chunk(study, chunk_of(study, problem, first, count)))


@pytest.mark.parametrize("problem", ["mapping", "gaussian"])
def test_a_run_does_not_depend_on_how_many_the_host_works_on_together(problem):
    """Of small tables four batches, the last of a chunk as many as are left; here five and three, and one by one."""
    study = example(keep=["truths", "counts", "estimates"])
    condition = study.conditions[chunk_of(study, problem, 0, 1).condition_id]
    assert _together(study, condition) == 4
    count = 8 * batch_size() - 3
    whole = run(study, problem, 0, count)
    for size in (5 * batch_size() + 1, batch_size()):
        cuts = [run(study, problem, first, min(size, count - first)) for first in range(0, count, size)]
        for name, table in joined(*cuts).items():
            assert digest(table) == digest(whole[name]), name


@pytest.mark.parametrize(
    ("truth", "learner", "expected"),
    [
        ({"kind": "normal_logits", "num_x": 16, "num_y": 8}, {}, 2),
        ({"kind": "normal_logits", "num_x": 512, "num_y": 16}, {}, 1),
        ({"kind": "normal_logits", "num_x": 2, "num_y": 2}, {"kind": "online"}, 1),
        ({"kind": "normal_logits", "num_x": 2, "num_y": 2}, {"kind": "sampled_gradient"}, 1),
        ({"kind": "drifting_logits", "num_x": 2, "num_y": 2}, {}, 1),
    ],
)
def test_large_tables_and_pairs_in_memory_are_worked_on_for_few_runs(truth, learner, expected):
    learners = [learner or {"kind": "maximum_likelihood"}]
    study = from_options({"problem": [{"name": "p", "num_samples": 50, "truth": truth, "learners": learners}]})
    (condition,) = study.conditions.values()
    assert _together(study, condition) == expected


def test_the_ends_of_a_chunk():
    """A chunk of whole batches has no padding to drop."""
    study = example(keep=["counts"])
    for count in (1, batch_size(), batch_size() + 1):
        assert len(run(study, "gaussian", 7, count)["runs"]["run_id"]) == count
