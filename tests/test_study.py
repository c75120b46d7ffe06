import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stochmap.ingest import read_mapping
from stochmap.learners import Dirichlet, GradientDescent, MaximumLikelihood
from stochmap.sharding import LANES
from stochmap.streams import run_keys
from stochmap.study import Chunk, Study, chunk_size, chunks, estimate, from_options, load
from stochmap.truths import NormalLogits, Uniform, Zipf

ORIGIN = Path(__file__).parents[1] / "jobs" / "studies" / "origin.toml"

PROBLEM = {
    "name": "mapping",
    "num_samples": [256, 1024],
    "truth": {"kind": "normal_logits", "num_x": 16, "num_y": 8, "scale": 1.0},
    "inputs": {"kind": "uniform"},
    "learners": [{"kind": "maximum_likelihood"}, {"kind": "dirichlet", "concentration": 0.5}],
}


def study(*problems: dict, **options) -> Study:
    return from_options({"problem": list(problems) or [PROBLEM], **options})


def changed(**fields) -> dict:
    return {**PROBLEM, **fields}


def test_the_origin_is_read():
    origin = load(ORIGIN)
    assert (origin.name, origin.seed, origin.replicates) == ("origin", 42, 256)
    assert origin.keep == ("truths", "counts", "estimates", "history")
    mapping, gaussian = origin.problems
    assert mapping.truths == (NormalLogits(16, 8, 1.0),)
    assert mapping.inputs == (Uniform(),)
    assert mapping.num_samples == (256, 1024, 4096, 16384)
    assert mapping.learners == {
        "maximum_likelihood": MaximumLikelihood(),
        "dirichlet": Dirichlet(0.5),
        "gradient_descent": GradientDescent("adam", 0.2),
    }
    assert gaussian.name == "gaussian"
    assert len(origin.conditions) == 8


def test_overrides_replace_scalars():
    origin = load(ORIGIN, replicates="2^10", seed=7, name=None)
    assert (origin.name, origin.seed, origin.replicates) == ("origin", 7, 1024)


def test_the_identity_is_plain_data_with_every_option_resolved():
    """What a store writes as study.toml: defaults included, so that a later default changes nothing."""
    identity = study(seed=3, keep=["history", "truths"]).identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity["keep"] == ["truths", "history"]  # in one order, however they were listed
    assert identity["problem"] == [
        {
            "name": "mapping",
            "truth": {"kind": "normal_logits"},
            "inputs": {"kind": "uniform"},
            "learners": [
                {"name": "maximum_likelihood", "kind": "maximum_likelihood"},
                {"name": "dirichlet", "kind": "dirichlet", "concentration": 0.5, "prior": "symmetric"},
            ],
        }
    ]
    learners = [{"kind": "gradient_descent"}]
    (resolved,) = study(changed(learners=learners)).identity()["problem"][0]["learners"]
    assert resolved == {
        "name": "gradient_descent",
        "kind": "gradient_descent",
        "optimizer": "rprop",
        "learning_rate": 0.1,
        "max_steps": 10_000,
        "tolerance": 1e-4,
        "boundary_tolerance": 1e-2,
    }
    # And its learners read back as the same ones.
    again = study(changed(learners=[resolved]))
    assert again.problems[0].learners == study(changed(learners=learners)).problems[0].learners


def test_what_extends_a_study_keeps_its_identity():
    small, large = study(), study(changed(num_samples=[256, 1024, 4096]), replicates=10**6)
    assert small.identity() == large.identity()
    assert small.identity_hash() == large.identity_hash()
    assert small.plan_hash() != large.plan_hash()
    assert set(small.conditions) < set(large.conditions)
    wider = study(
        changed(truth={**PROBLEM["truth"], "scale": [1.0, 3.0]}, inputs={"kind": "zipf", "exponent": [0.0, 1]})
    )
    assert {cell.id for cell in wider.conditions.values()}.isdisjoint(set(small.conditions))  # other inputs
    assert set(study(changed(truth={**PROBLEM["truth"], "scale": [3.0, 1.0]})).conditions) > set(small.conditions)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"name": "other"},
        {"keep": ["truths"]},
        {"problem": [changed(learners=PROBLEM["learners"][:1])]},
        {"problem": [changed(learners=[{**PROBLEM["learners"][1], "concentration": 0.6}])]},
        {"problem": [changed(name="elsewhere")]},
        {"problem": [changed(inputs={"kind": "zipf"})]},
    ],
)
def test_all_else_is_identity(other):
    assert from_options({"problem": [PROBLEM], **other}).identity_hash() != study().identity_hash()


def test_condition_ids_are_content():
    """Pinned: a store written today is extended by the code of tomorrow."""
    found = {cell.num_samples: condition for condition, cell in study().conditions.items()}
    assert found == {256: 1243811006, 1024: 727271890}
    gaussian = changed(
        num_samples=10, truth={"kind": "gaussian", "mean": 1.0, "std": 2.5}, learners=[{"kind": "gradient_descent"}]
    )
    assert list(study(gaussian).conditions) == [4173135]


def test_condition_ids_do_not_depend_on_how_they_are_written_or_what_else_is_asked():
    ids = set(study().conditions)
    same = [
        study(changed(num_samples=["2^8", 1024.0], truth={**PROBLEM["truth"], "scale": 1})),
        study(changed(truth={"num_y": "8", "num_x": 16, "kind": "normal_logits"})),  # the default scale
        study(
            changed(name="renamed", learners=PROBLEM["learners"][:1]), seed=9, name="n", replicates=5, keep=["truths"]
        ),
    ]
    for other in same:
        assert set(other.conditions) == ids
    different = [
        changed(num_samples=[257, 1025]),
        changed(truth={**PROBLEM["truth"], "scale": 1.0000001}),
        changed(truth={**PROBLEM["truth"], "num_x": 17}),
        changed(inputs={"kind": "zipf"}),
        changed(truth={"kind": "dirichlet", "num_x": 16, "num_y": 8}),
    ]
    for other in different:
        assert ids.isdisjoint(study(other).conditions)
    assert all(0 <= condition < 1 << 31 for condition in ids)


def test_the_grid_has_all_combinations():
    grid = study(
        changed(
            num_samples=[1, 2],
            truth={"kind": "sparse", "num_x": [2, 3], "num_y": 4, "outcomes": [1, 2, 4]},
            inputs={"kind": "zipf", "exponent": [0.5, 1.0]},
        )
    )
    cells = list(grid.conditions.values())
    assert len(cells) == 2 * 2 * 3 * 2
    assert {(cell.truth.num_x, cell.truth.outcomes, cell.inputs, cell.num_samples) for cell in cells} == {
        (num_x, outcomes, Zipf(exponent), n)
        for num_x in (2, 3)
        for outcomes in (1, 2, 4)
        for exponent in (0.5, 1.0)
        for n in (1, 2)
    }


def test_a_list_for_a_field_that_is_one_is_no_axis():
    inputs = {"kind": "given", "values": [0.25, 0.75]}
    (cell,) = study(
        changed(truth={"kind": "dirichlet", "num_x": 2, "num_y": 2}, inputs=inputs, num_samples=4)
    ).conditions.values()
    assert cell.inputs.values == (0.25, 0.75)
    assert cell.inputs_values() == {"values": "[0.25, 0.75]"}


def test_kinds_of_the_users_own_and_their_grids():
    own = study(
        changed(
            truth={"kind": "own_kinds:Cycle", "num_x": 4, "slip": [0.1, 0.2]},
            inputs={"kind": "own_kinds:Edges"},
            learners=[{"kind": "own_kinds:Constant"}, {"kind": "maximum_likelihood", "name": "counts"}],
            num_samples=8,
        )
    )
    assert [cell.truth.slip for cell in own.conditions.values()] == [0.1, 0.2]
    (problem,) = own.identity()["problem"]
    assert problem["truth"] == {"kind": "own_kinds:Cycle"}
    assert [learner["kind"] for learner in problem["learners"]] == ["own_kinds:Constant", "maximum_likelihood"]
    assert [learner["name"] for learner in problem["learners"]] == ["own_kinds:Constant", "counts"]


def test_run_ids_and_names_of_chunks():
    chunk = Chunk(0x0000BEEF, 5, 3)
    assert chunk.name == "0000beef-5-3"
    assert chunk.run_ids.tolist() == [(0xBEEF << 32) + replicate for replicate in (5, 6, 7)]
    last = Chunk((1 << 31) - 1, (1 << 32) - 1, 1)
    assert last.run_ids.tolist() == [(1 << 63) - 1]
    assert last.run_ids.dtype == np.int64
    assert not np.array_equal(*run_keys(42, chunk.run_ids[:2]))


@settings(deadline=None, max_examples=200, derandomize=True, database=None)
@given(
    ranges=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3_000)), max_size=6),
    size=st.integers(1, 700),
)
def test_chunks_cover_what_is_missing_and_lie_on_the_grid(ranges, size):
    """Each replicate once, in order; no chunk crosses a multiple of the size: a resumed plan meets old borders."""
    found = list(chunks(9, ranges, size))
    covered = [replicate for chunk in found for replicate in range(chunk.first, chunk.first + chunk.count)]
    assert covered == [replicate for first, count in ranges for replicate in range(first, first + count)]
    for chunk in found:
        assert chunk.condition_id == 9
        assert chunk.count >= 1
        assert chunk.first // size == (chunk.first + chunk.count - 1) // size


def test_chunks_are_whole_batches_of_about_ten_seconds_and_128_megabytes():
    for options in (
        {},
        {"keep": ["truths", "counts", "estimates", "history", "samples"]},
        {"problem": [changed(num_samples=10**9)]},
        {"problem": [changed(truth={"kind": "dirichlet", "num_x": 4000, "num_y": 4000})], "keep": ["truths"]},
    ):
        plan = from_options({"problem": [PROBLEM], **options})
        size = chunk_size(plan)
        assert size % LANES == 0 or size < LANES
        costs = [estimate(plan, cell) for cell in plan.conditions.values()]
        assert size == 1 or max(size * cost.bytes for cost in costs) <= 128e6
        assert size <= LANES or max(size * cost.seconds for cost in costs) <= 10.0


def test_the_size_of_a_chunk_does_not_depend_on_replicates():
    assert chunk_size(study(replicates=7)) == chunk_size(study(replicates=10**6))


def test_columns_of_runs_have_one_type():
    mixed = study(
        changed(),
        changed(
            name="g", truth={"kind": "gaussian"}, learners=[{"kind": "maximum_likelihood"}], inputs={"kind": "zipf"}
        ),
        changed(name="p", truth={"kind": "noisy_permutation", "num_x": 3}),
    )
    assert mixed.truth_fields() == {
        "num_x": int,
        "num_y": int,
        "scale": float,
        "mean": float,
        "std": float,
        "noise": float,
    }
    assert mixed.inputs_fields() == {"exponent": float}


def test_fields_of_ones_own_that_no_column_holds_are_told_as_json_and_absent_ones_as_null():
    truth = {"kind": "own_kinds:Tilted", "num_x": 2, "num_y": 3}
    plain, tilted = (study(changed(truth=options)) for options in (truth, {**truth, "tilt": 0.5}))
    assert plain.truth_fields() == tilted.truth_fields()
    assert plain.truth_fields()["weights"] is str
    assert plain.truth_fields()["tilt"] is float
    (values, *_), (others, *_) = (
        [cell.truth_values() for cell in each.conditions.values()] for each in (plain, tilted)
    )
    assert (values["weights"], values["tilt"], others["tilt"]) == ("[1.0, 2.0]", None, 0.5)


def test_a_fixed_truth_is_its_content(tmp_path):
    for name, text in [
        ("a.csv", "x,y,probability\n0,0,0.25\n0,1,0.75\n"),
        ("b.csv", "y,x,probability\n1,0,0.75\n0,0,0.25\n"),
        ("c.csv", "x,y,probability\n0,0,0.5\n0,1,0.5\n"),
    ]:
        (tmp_path / name).write_text(text)

    def fixed(name: str) -> Study:
        options = {"problem": [changed(truth={"kind": "fixed", "path": str(tmp_path / name)}, num_samples=4)]}
        return from_options(options, read_mapping)

    assert set(fixed("a.csv").conditions) == set(fixed("b.csv").conditions)
    assert set(fixed("a.csv").conditions).isdisjoint(fixed("c.csv").conditions)
    (cell,) = fixed("a.csv").conditions.values()
    values = cell.truth_values()
    assert (values["num_x"], values["num_y"], len(values["content"])) == (1, 2, 16)


def test_a_truth_may_come_from_python_alone():
    (problem,) = study().problems
    nested = dataclasses.replace(problem, truths=(NormalLogits(2, 3),), num_samples=(4,))
    plan = Study("direct", 0, 1, (), (nested,))
    assert [cell.num_samples for cell in plan.conditions.values()] == [4]


def test_origin_is_toml_that_says_the_same_in_any_reader():
    options = tomllib.loads(ORIGIN.read_text())
    assert from_options(options).plan_hash() == load(ORIGIN).plan_hash()
