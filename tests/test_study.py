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
from stochmap.study import Chunk, Study, StudyError, chunk_size, chunks, estimate, from_options, load
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


BAD = [
    ({"problems": []}, "study: unknown key `problems`: valid keys are name, seed, replicates, keep, problem"),
    ({"problem": []}, r"study: no problem: add a \[\[problem\]\] table"),
    ({"problem": {"name": "a"}}, r"study: no problem: add a \[\[problem\]\] table"),
    ({"problem": [3]}, r"study: a problem must be a table, got 3: write \[\[problem\]\]"),
    ({"seed": -1}, r"study, `seed`: must be in 0 … 2\^63 - 1, got -1: choose"),
    ({"seed": 1 << 63}, "study, `seed`: must be in"),
    ({"seed": "abc"}, "study, `seed`: expected a whole number"),
    ({"replicates": 0}, r"study, `replicates`: must be in 1 … 2\^32, got 0: give"),
    ({"replicates": (1 << 32) + 1}, "study, `replicates`: must be in"),
    ({"replicates": 2.5}, "study, `replicates`: expected a whole number"),
    ({"name": 3}, "study, `name`: expected a string, got 3"),
    ({"keep": ["truth"]}, "study, `keep`: unknown table 'truth': choose among truths, counts, estimates"),
    ({"keep": 3}, "study, `keep`: expected a list, got 3"),
    ({"problem": [PROBLEM, PROBLEM]}, "two problems are named 'mapping': give each a name of its own"),
    ({"problem": [PROBLEM, changed(name="b")]}, "'mapping' and 'b' hold the same condition .*: remove one"),
]

BAD_PROBLEMS = [
    ({"sizes": 3}, "unknown key `sizes`: valid keys are name, truth, inputs, num_samples, learners"),
    ({"name": 3}, "`name`: expected a string, got 3"),
    ({"num_samples": []}, "`num_samples`: an empty list: give at least one value"),
    ({"num_samples": 0}, "`num_samples`: must be at least 1, got 0: give a positive number"),
    ({"num_samples": [4, -4]}, "`num_samples`: must be at least 1, got -4: give a positive number"),
    ({"num_samples": 1 << 56}, "`num_samples`: must be "),
    ({"num_samples": 2.5}, "`num_samples`: expected a whole number such as 16384, 1e6 or 2\\^20, got 2.5"),
    ({"num_samples": True}, "`num_samples`: expected a whole number"),
    ({"num_samples": [4, 4]}, "hold the same condition"),
    ({"truth": 3}, "truth: expected a table such as"),
    (
        {"truth": {"kind": "normal_logit"}},
        r"truth: unknown kind 'normal_logit' \(did you mean `normal_logits`\?\): valid",
    ),
    ({"truth": {"kind": ["normal_logits", "dirichlet"]}}, r"truth: unknown kind \["),
    ({"truth": {"kind": "normal_logits", "num_x": 4}}, r"truth \(normal_logits\): `num_y` is missing: give num_y"),
    (
        {"truth": {**PROBLEM["truth"], "sale": 1}},
        r"unknown key `sale` \(did you mean `scale`\?\): valid keys are num_x",
    ),
    ({"truth": {**PROBLEM["truth"], "num_x": -4}}, "num_x must be at least 1, got -4: give a positive number"),
    ({"truth": {**PROBLEM["truth"], "num_x": "wide"}}, "`num_x`: expected a whole number"),
    ({"truth": {**PROBLEM["truth"], "scale": []}}, "`scale`: an empty list: give at least one value"),
    ({"truth": {**PROBLEM["truth"], "scale": [1, 1.0]}}, "hold the same condition"),
    ({"truth": {**PROBLEM["truth"], "num_x": 10**12}}, "truth: 1000000000000 × 8 cells are more than 67108864: use a"),
    ({"truth": {"kind": "fixed", "path": "a.csv"}}, "a fixed truth needs a reader of tables: pass read_table"),
    ({"truth": {"kind": "own_kinds:NoLearner"}}, "truth: NoLearner does not serve: it needs family, num_x, num_y and"),
    ({"inputs": 3}, "inputs: expected a table such as"),
    ({"inputs": {"kind": "zip"}}, r"inputs: unknown kind 'zip' \(did you mean `zipf`\?\): valid kinds are uniform"),
    ({"inputs": {"kind": "given", "values": [0.5, 0.5]}}, "2 probabilities, the truth has num_x = 16: make them equal"),
    ({"inputs": {"kind": "given", "values": [0.5, 0.6]}}, "must sum to 1, got 1.1: normalise `values`"),
    ({"inputs": {"kind": "zipf", "exponent": -1}}, "exponent must be non-negative and finite, got -1.0"),
    ({"inputs": {"kind": "own_kinds:NoLearner"}}, "inputs: NoLearner does not serve: it needs probabilities"),
    ({"learners": []}, "`learners` must be a list of at least one table such as"),
    ({"learners": {"kind": "dirichlet"}}, "`learners` must be a list of at least one table such as"),
    ({"learners": ["dirichlet"]}, "learners: expected a table such as .*, got 'dirichlet'"),
    ({"learners": [{"kind": "dirichet"}]}, r"unknown kind 'dirichet' \(did you mean `dirichlet`\?\): valid kinds are"),
    ({"learners": [{"kind": "dirichlet", "concentration": 0}]}, "concentration must be positive and finite, got 0.0"),
    ({"learners": [{"kind": "dirichlet"}, {"kind": "dirichlet"}]}, "two learners are named 'dirichlet': give one of"),
    ({"learners": [{"kind": "normal_inverse_gamma"}]}, "serves gaussian truths, not categorical ones: choose another"),
    ({"learners": [{"kind": "gradient_descent", "optimizer": "adm"}]}, "unknown optimizer 'adm': choose one of"),
    ({"learners": [{"kind": "own_kinds:NoLearner"}]}, "NoLearner does not serve: it needs needs, families and a call"),
    (
        {"learners": [{"kind": "own_kinds:FromImages"}]},
        "it needs images, a study gives statistics, pairs or values: choose another learner",
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_a_study_that_cannot_be_run_is_refused_in_one_line(options, message):
    with pytest.raises(StudyError, match=message) as caught:
        from_options({"problem": [PROBLEM], **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("options", "message"), BAD_PROBLEMS)
def test_a_problem_that_cannot_be_run_is_refused_in_one_line(options, message):
    with pytest.raises(StudyError, match=message) as caught:
        from_options({"problem": [changed(**options)]})
    assert "\n" not in str(caught.value)
    assert "mapping" in str(caught.value) or "name" in options  # says where


@pytest.mark.parametrize("key", ["name", "truth", "num_samples", "learners"])
def test_what_is_missing_is_named(key):
    with pytest.raises(StudyError, match=f"`{key}` is missing: give {key} = …"):
        study({name: value for name, value in PROBLEM.items() if name != key})


def test_dirichlet_does_not_serve_gaussians():
    with pytest.raises(
        StudyError, match="learner 'dirichlet' serves categorical truths, not gaussian ones: choose another"
    ):
        study(changed(truth={"kind": "gaussian"}))


def test_files_that_are_no_studies_are_refused_in_one_line(tmp_path):
    (tmp_path / "no.toml").write_text("name = \n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path, message in [
        (tmp_path / "absent.toml", "absent.toml: no such file: give the path of a study's TOML file"),
        (tmp_path, "cannot be read .*: give the path of a study's TOML file"),
        (tmp_path / "no.toml", "no.toml: not TOML .*: see jobs/studies/origin.toml for an example"),
        (tmp_path / "binary.toml", "cannot be read .*: give the path"),
    ]:
        with pytest.raises(StudyError, match=message) as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_a_fixed_truths_errors_say_where(tmp_path):
    truth = {"kind": "fixed", "path": str(tmp_path / "absent.csv")}
    with pytest.raises(StudyError, match=r"problem 'mapping', truth \(fixed\): .*absent.csv: no such file: give"):
        from_options({"problem": [changed(truth=truth)]}, read_mapping)


def test_origin_is_toml_that_says_the_same_in_any_reader():
    options = tomllib.loads(ORIGIN.read_text())
    assert from_options(options).plan_hash() == load(ORIGIN).plan_hash()
