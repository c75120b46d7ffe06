"""The laboratory's job, as a user runs it: one problem, a study, resumed, extended, refused."""

import dataclasses
import json
import sys
import tomllib

import commands
import duckdb
import pytest

from jobs import _command
from jobs.gradients import EXAMPLES, gradients
from jobs.report import report
from jobs.verify import verify

STUDY = """
name = "small"
seed = 3
repeats = 400
warm_up = 20
samples = 2
estimators = ["exact", "score_function", "straight_through"]

[[problem]]
name = "toy"
kind = "bernoulli_toy"
t = 0.3
theta = [0.5, 0.8]

[[problem]]
name = "many"
kind = "independent_bernoullis"
dimension = 20

[[learning]]
name = "descent"
problem = { kind = "bernoulli_toy" }
estimators = ["exact"]
steps = 60
runs = 4
"""

TIMED = "seconds_per_estimate"


def call(monkeypatch, capsys, command, name, *arguments):
    """Run a command in this process; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        _command.run(command, name, EXAMPLES)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def refused(monkeypatch, capsys, *arguments):
    code, _, errors = call(monkeypatch, capsys, gradients, "gradients", *arguments)
    assert code == 2, errors
    assert len(errors.strip().splitlines()) == 1
    return errors


def rows(out, table="gradients", columns=f"* EXCLUDE {TIMED}"):
    query = f"SELECT {columns} FROM read_parquet('{out}/{table}/*.parquet') ORDER BY ALL"
    return duckdb.sql(query).fetchall()


@pytest.fixture(scope="module")
def text(home):
    path = home / "lab.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def out(home, text):
    """The small study, run in this process."""
    folder = home / "lab"
    assert gradients(text, out=str(folder), in_process=True) == 0
    return folder


@pytest.mark.parametrize("name", ["gradients", "atlas", "sampled_gradient", "unbiased"])
def test_the_studies_that_come_with_it_are_complete(name):
    from jobs.gradients import DEFAULT
    from stochmap import estimators, lab

    plan = lab.load(DEFAULT.with_name(f"{name}.toml"))
    units = sum(len(plan.serving(task)) for task in plan.tasks.values())
    assert units == {"gradients": 184, "atlas": 467, "sampled_gradient": 34, "unbiased": 165}[name]
    if name in ("gradients", "unbiased"):
        assert {cell.kind for cell in plan.cells} == set(lab.PROBLEMS)
    if name == "unbiased":  # whatever says to be unbiased somewhere is there, on few parameters and often
        assert plan.repeats == 1_000_000
        there = {entry.kind for entry in plan.entries}
        assert set(estimators.ESTIMATORS) - there == {
            "exact",
            "gumbel_softmax",
            "straight_through_gumbel_softmax",
            "gumbel_rao",
        }
    if name == "gradients":  # every estimator but the one whose baseline has to be chosen
        assert {entry.kind for entry in plan.entries} == set(estimators.ESTIMATORS) - {"constant_baseline"}


def test_the_store_holds_what_was_asked(out):
    found = duckdb.sql(
        f"SELECT problem, estimator, count(*), sum(parameter) FROM read_parquet('{out}/gradients/*.parquet') "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert found == [
        ("many", "score_function", 20, 190),
        ("many", "straight_through", 20, 190),  # 2^20 outcomes cannot be listed: no row of `exact`
        ("toy", "exact", 2, 0),
        ("toy", "score_function", 2, 0),
        ("toy", "straight_through", 2, 0),
    ]
    names = duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{out}/gradients/*.parquet')").fetchall()
    wanted = (
        "problem distribution dimension num_classes estimator num_samples parameter exact mean standard_error variance "
        "bias unbiased_declared unbiased_observed function_calls gradient_calls seconds_per_estimate"
    ).split()
    assert {*wanted, "work_normalised_mse"} <= {name for name, *_ in names}
    learned = rows(out, "learning", "step, value")
    assert len(learned) == 4 * 50
    assert max(step for step, _ in learned) == 60


def test_the_numbers_are_the_problems(out):
    found = duckdb.sql(
        f"SELECT problem_theta, exact, exact_bias, exact_variance, work_normalised_mse, function_calls, gradient_calls "
        f"FROM read_parquet('{out}/gradients/*.parquet') WHERE estimator = 'straight_through' AND problem = 'toy' "
        "ORDER BY problem_theta"
    ).fetchall()
    for theta, exact, bias, variance, mse, *calls in found:
        spread = theta * (1 - theta)
        assert exact == pytest.approx(0.4 * spread)
        assert bias == pytest.approx((2 * theta - 1) * spread, abs=1e-15)
        assert variance == pytest.approx((2 * spread) ** 2 * spread / 2)
        assert calls == [0, 2]
        assert mse == pytest.approx(bias**2 + variance * 6 / 64)


def test_a_simulated_squared_bias_has_its_error_and_a_known_one_none(out):
    from stochmap.report._gradient_table import with_error
    from stochmap.report._query import StoreQueries

    with StoreQueries(out, needed=()) as queries:
        summary = {(row["problem"], row["estimator"]): row for row in queries.rows("gradients/summary")}
        measured = queries.rows("gradients/measurements")
    row = summary["many", "straight_through"]
    own = [each for each in measured if (each["problem"], each["estimator"]) == ("many", "straight_through")]
    error = [max(2 * abs(each["bias"]) * each["standard_error"], each["standard_error"] ** 2) for each in own]
    assert row["bias_square_se"] == pytest.approx(sum(error) / 20)
    assert row["bias_square"] == pytest.approx(
        sum(max(each["bias"] ** 2 - each["standard_error"] ** 2, 0) for each in own) / 20
    )
    assert " ± " in with_error(row, "bias_square")
    for key in (("toy", "straight_through"), ("many", "score_function")):  # by a finite sum; by its own word
        assert " ± " not in with_error(summary[key], "bias_square")


def test_a_second_call_does_nothing_and_the_store_is_verified(monkeypatch, capsys, out, text):
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    code, printed, errors = call(monkeypatch, capsys, gradients, "gradients", text, "--out", out, "--in-process")
    assert code == 0, errors
    assert "nothing to do" in printed
    assert "toy (theta 0.8)" in printed
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    assert call(monkeypatch, capsys, verify, "verify", out)[0] == 0


def test_what_is_lost_is_made_again_the_same(out, text):
    before = rows(out)
    entry = sorted((out / "manifest").glob("*-*-*.json"))[0]
    for record in json.loads(entry.read_text())["files"].values():
        (out / record["path"]).unlink()
    entry.unlink()
    assert gradients(text, out=str(out), in_process=True) == 0
    assert rows(out) == before


def test_a_chunk_that_is_published_already_is_not_measured_again(monkeypatch, out, text):
    from jobs import _measuring
    from jobs.gradients import open_store
    from stochmap import lab, study

    plan = lab.load(text)
    store = open_store(plan, str(out))
    (first, *_) = [study.Chunk(*entry) for entry in store.committed()]
    monkeypatch.setattr(lab, "run_chunk", None)
    assert _measuring.measure_and_commit(store, plan, first)["notes"] == []


def test_a_racing_attempt_agrees_but_for_its_times(monkeypatch, out, text):
    from jobs import _measuring
    from jobs.gradients import open_store
    from stochmap import lab, store, study

    plan = lab.load(text)
    opened = open_store(plan, str(out))
    chunk = next(study.Chunk(*entry) for entry in opened.committed() if entry.condition_id == plan.cells[0].id)
    monkeypatch.setattr(store.Store, "committed", lambda _: [])  # as if it had looked a moment earlier
    assert _measuring.measure_and_commit(opened, plan, chunk)["units"] == chunk.count
    other = lab.from_options({**lab_options(text), "seed": 4})
    with pytest.raises(store.NotDeterministic):
        _measuring.measure_and_commit(opened, dataclasses.replace(other, learning=plan.learning), chunk)


def lab_options(path):
    return tomllib.loads(path.read_text())


def test_new_values_of_a_field_add_only_theirs(home, out, text):
    before = set(rows(out))
    grown = home / "grown.toml"
    grown.write_text(STUDY.replace("theta = [0.5, 0.8]", "theta = [0.5, 0.6, 0.8]"))
    assert gradients(grown, out=str(out), in_process=True) == 0
    added = set(rows(out)) - before
    assert before <= set(rows(out))
    assert len(added) == 3
    assert gradients(text, out=str(out), in_process=True) == 0


def test_ray_measures_the_same(home, out, text):
    small = home / "ray.toml"
    small.write_text(STUDY[: STUDY.index('[[problem]]\nname = "many"')].replace("[0.5, 0.8]", "0.8"))
    (home / "t").mkdir()
    alone = {"JAX_COMPILATION_CACHE_DIR": None, "TMPDIR": str(home / "t")}  # the job's workers share what they compile
    done = commands.run("gradients", small, "--out", home / "ray", "--workers", "1", home=home, **alone)
    assert done.returncode == 0, done.stderr
    assert not list((home / "t").glob("stochmap-programs-*"))
    assert "straight_through" in done.stdout
    columns = "estimator, mean, variance, bias, exact_variance"
    theirs = duckdb.sql(
        f"SELECT {columns} FROM read_parquet('{out}/gradients/*.parquet') "
        "WHERE problem = 'toy' AND problem_theta = 0.8 ORDER BY ALL"
    ).fetchall()
    assert rows(home / "ray", columns=columns) == theirs


def test_the_page_and_the_table(monkeypatch, capsys, out):
    code, printed, errors = call(monkeypatch, capsys, report, "report", out)
    assert code == 0, errors
    assert "straight_through" in printed
    page = (out / "report" / "index.html").read_text()
    for anchor in ("regions", "summary", "checks", "costs", "learning"):
        assert f'id="{anchor}"' in page
    assert "0 seen as biased" in page
    for name in ("summary", "measurements", "quantiles"):
        assert (out / "report" / "sql" / "gradients" / f"{name}.sql").exists()


def test_one_problem_by_options_prints_its_parameters_and_keeps_nothing(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    options = "--problem.kind gaussian_cosine --problem.k 1.0 --problem.mean 1.0 --problem.std 1.0"
    arguments = [*options.split(), "--estimators", "pathwise,score_function", "--samples", "1", "--repeats", "2e3"]
    code, printed, errors = call(monkeypatch, capsys, gradients, "gradients", *arguments)
    assert code == 0, errors
    lines = [line.split() for line in printed.splitlines() if line.startswith(("pathwise", "score_function"))]
    assert [line[:3] for line in lines] == [
        ["pathwise", "mean", "-0.510378"],
        ["pathwise", "std", "-0.327710"],
        ["score_function", "mean", "-0.510378"],
        ["score_function", "std", "-0.327710"],
    ]
    assert all(line[-2:] == ["yes", "yes"] for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_cost_of_ones_own(monkeypatch, capsys):
    arguments = "--problem.kind own_costs:Parity --problem.bits 2 --estimators straight_through --repeats 500"
    code, printed, errors = call(monkeypatch, capsys, gradients, "gradients", *arguments.split())
    assert code == 0, errors
    assert "straight_through" in printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "--out is missing"),
        ("nowhere.toml --out x", "no such file"),
        ("STUDY --problem.kind bernoulli_toy", "do not go together"),
        ("--problem.kind bernouli_toy", "did you mean `bernoulli_toy`"),
        ("--problem.kind bernoulli_toy --problem.tee 1", "unknown key `tee`"),
        ("--problem.kind bernoulli_toy --problem.theta 2", "between 0 and 1"),
        ("--problem.kind bernoulli_toy --problem.theta half", "expected a number"),
        ("--problem.t 1", "`kind` is missing"),
        ("--problem.kind own_costs:NoCost", "needs family, distribution()"),
        ("--problem.kind bernoulli_toy --estimators reinmaxx", "did you mean `reinmax`"),
        ("--problem.kind bernoulli_toy --estimators pathwise", "no problem of the study is of that family"),
        ("--problem.kind bernoulli_toy --estimators reinmax,reinmax", "listed twice"),
        ("--problem.kind bernoulli_toy --samples many", "expected a whole number"),
        ("--problem.kind bernoulli_toy --repeats 1", "`repeats`: must be at least 2 and below 4294967296, got 1"),
        ("--problem.kind bernoulli_toy --repeats 1.5", "expected a whole number"),
        ("--problem.kind bernoulli_toy --seed -1", "`seed`: must be at least 0"),
        ("--problem.kind bernoulli_toy --workers 2", "leave out --workers"),
        ("--out x --workers 0", "--workers must be at least 1"),
        ("--out x --in-process --workers 2", "leave out --workers"),
    ],
)
def test_bad_options_are_refused_in_one_line(monkeypatch, capsys, tmp_path, text, arguments, expected):
    monkeypatch.chdir(tmp_path)
    words = [str(text) if word == "STUDY" else word for word in arguments.split()]
    assert expected in refused(monkeypatch, capsys, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("warm_up", "warmup", "unknown key `warmup`"),
        ('name = "many"', 'name = "toy"', "two problems are named 'toy'"),
        ("theta = [0.5, 0.8]", "theta = []", "an empty list"),
        ("theta = [0.5, 0.8]", "theta = [0.5, 0.5]", "are the same: remove one"),
        ("[[learning]]", "[[learnin]]", "unknown key `learnin`"),
        ("steps = 60", "steps = 0", "`steps`: must be positive"),
        ('estimators = ["exact"]', 'estimators = ["pathwise"]', "serves gaussian, not bernoulli"),
        ("runs = 4", "rums = 4", "unknown key `rums`"),
    ],
)
def test_a_bad_study_is_refused_in_one_line(monkeypatch, capsys, tmp_path, old, new, expected):
    assert old in STUDY
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace(old, new, 1))
    assert expected in refused(monkeypatch, capsys, path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_store_of_another_study_is_refused(monkeypatch, capsys, tmp_path, out):
    path = tmp_path / "study.toml"
    path.write_text(STUDY.replace("repeats = 400", "repeats = 500"))
    message = refused(monkeypatch, capsys, path, "--out", out)
    assert "repeats: 400 in the store, 500 asked" in message
