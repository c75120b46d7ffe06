"""Studies that cannot be run are refused in one line that says where."""

import pytest
from test_study import PROBLEM, changed, study

from stochmap.ingest import read_mapping
from stochmap.study import StudyError, from_options, load

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
