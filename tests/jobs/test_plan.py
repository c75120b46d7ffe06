import sys

import pytest

from jobs import _command
from jobs.plan import EXAMPLES, plan
from stochmap import planning
from stochmap.learners import LEARNERS, Dirichlet
from stochmap.planning import Setting
from stochmap.truths import Dirichlet as DirichletTruth
from stochmap.truths import Uniform


def call(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["plan", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        _command.run(plan, "plan", EXAMPLES)
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


SIZES = ("--num-x", "4", "--num-y", "3")
SETTING = Setting(DirichletTruth(4, 3), Uniform(), Dirichlet(1.0))


def test_the_answer_and_its_check_are_printed(monkeypatch, capsys):
    code, out, _ = call(
        monkeypatch, capsys, *SIZES, "--target", 0.02, "--learner", "dirichlet,concentration=1", "--runs", 256
    )
    assert code == 0
    assert "mean kl_fit_truth ≤ 0.02" in out
    assert "theory alone                  200 samples" in out  # Σ_x (k − 1)/(2n) = 4/n
    for word in ("answer", "checked there", "256 fresh runs"):
        assert word in out


@pytest.mark.parametrize(("measure", "target"), [("width", 0.1), ("total_variation", 0.05), ("kl_truth_fit", 0.01)])
def test_the_number_reaches_its_target_and_half_of_it_does_not(measure, target):
    found = planning.plan(SETTING, measure, target, runs=256)
    value, error, runs = found.measured
    assert runs == 256
    assert value <= target + 4 * error
    assert value >= 0.9 * target
    assert found.theory is not None
    assert 0.5 < found.num_samples / found.theory < 2
    half = planning.simulate(SETTING, measure, found.num_samples // 2, 256, (5, 5))
    assert half.value > 1.2 * target


def test_what_is_told_is_of_the_number_that_is_told(monkeypatch):
    def miss_every_check(setting, measure, number, runs, stream):
        value = 0.0199 if stream[1] < planning.MOST else 0.03 + 1e-9 * number
        return planning.Measured(value, 1e-6, runs)

    monkeypatch.setattr(planning, "simulate", miss_every_check)
    found = planning.plan(SETTING, "kl_fit_truth", 0.02, runs=64)
    assert found.num_samples > 200 * 1.5**5  # it was raised five times
    assert found.measured.value == 0.03 + 1e-9 * found.num_samples


def test_a_search_that_never_meets_its_target_is_refused(monkeypatch):
    just_above = planning.Measured(0.020001, 0.0, 64)
    monkeypatch.setattr(planning, "simulate", lambda *_: just_above)
    with pytest.raises(ValueError, match="kl_fit_truth stayed above 0.02 in 40 attempts"):
        planning.plan(SETTING, "kl_fit_truth", 0.02, runs=64)


def test_a_target_that_one_sample_reaches():
    assert planning.plan(SETTING, "width", 0.999, runs=64).num_samples == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--num-x", "0", "--num-y", "3", "--target", "1"], "--num-x must be at least 1, got 0"),
        ([*SIZES], "target"),
        ([*SIZES, "--target", "-1"], "the target must be positive and finite, got -1.0"),
        ([*SIZES, "--target", "nan"], "the target must be positive and finite, got nan"),
        ([*SIZES, "--target", "0.1", "--measure", "kl"], "unknown measure 'kl': choose one of kl_truth_fit"),
        ([*SIZES, "--target", "0.1", "--runs", "1"], "runs must be at least 2, got 1"),
        ([*SIZES, "--target", "0.1", "--seed", "-1"], "--seed must be in 0"),
        ([*SIZES, "--target", "0.1", "--learner", "dirichle"], "did you mean `dirichlet`"),
        ([*SIZES, "--target", "0.1", "--learner", "dirichlet,0.5"], "cannot read '0.5': write kind,name=value"),
        ([*SIZES, "--target", "0.1", "--learner", "dirichlet,concentration=0"], "concentration must be positive"),
        ([*SIZES, "--target", "0.1", "--learner", "online"], "online does not learn tables from counts"),
        ([*SIZES, "--target", "0.1", "--learner", "reversible"], "serves square mappings"),
        ([*SIZES, "--target", "0.1", "--truth", "gaussian"], "a plan is for tables"),
        ([*SIZES, "--target", "0.1", "--truth", "dirichlet,num_x=3"], "num_x is given by --num-x"),
        ([*SIZES, "--target", "0.1", "--truth", "noisy_permutation"], "these truths are 4 × 4, not 4 × 3"),
        ([*SIZES, "--target", "0.1", "--inputs", "given,values=0.5,0.5"], "2 probabilities, the truth has num_x = 4"),
        ([*SIZES, "--target", "0.1", "--measure", "kl_truth_fit"], "the mean kl_truth_fit of this learner is infinite"),
        (
            [*SIZES, "--target", "0.1", "--measure", "kl_all"],
            "this learner has no kl_all: choose a learner with a prior",
        ),
        (["--num-x", "1e5", "--num-y", "1e5", "--target", "1"], "cells are more than"),
    ],
)
def test_bad_input_is_one_line(monkeypatch, capsys, arguments, expected):
    code, out, errors = call(monkeypatch, capsys, *arguments)
    assert code == 2
    assert expected in errors
    assert len(errors.strip().splitlines()) == 1
    assert not out


def test_a_learner_without_intervals_has_no_width():
    learner = LEARNERS["reversible"]()
    with pytest.raises(ValueError, match="this learner has no intervals"):
        planning.simulate(SETTING._replace(learner=learner, truth=DirichletTruth(3, 3)), "width", 100, 64, (0, 0))


def test_the_help_has_examples(monkeypatch, capsys):
    code, text, _ = call(monkeypatch, capsys, "--help")
    assert code == 0
    assert "python -m jobs.plan --num-x 16 --num-y 8 --target 0.01" in text
