"""Bad input is one line that says what, where and what to do, with exit code 2, and nothing is written."""

import shutil
import sys
from pathlib import Path

import commands
import pytest

from jobs import _command
from jobs.recover import EXAMPLES, recover
from jobs.report import report
from jobs.verify import verify

ORIGINAL = commands.STUDY

TABLES = {
    "gap.csv": ("x,y,probability\n0,0,1\n2,0,1\n", "x = 1 is missing"),
    "negative.csv": ("x,y,probability\n0,0,1.5\n0,1,-0.5\n", "non-negative"),
    "nan.csv": ("x,y,probability\n0,0,nan\n", "1 empty values"),
    "sum.csv": ("x,y,probability\n0,0,0.5\n0,1,0.4\n", "sum to 0.9"),
    "twice.csv": ("x,y,probability\n0,0,0.5\n0,0,0.5\n", "listed twice"),
    "columns.csv": ("a,b\n0,0\n", "expected x, y, probability"),
    "text.csv": ("x,y,probability\nzero,0,1\n", "not integers"),
    "huge.csv": ("x,y,probability\n0,0,1\n1000000000,1000000000,1\n", "cells are more than"),
    "repeated.csv": ("x,x,probability\n0,0,1\n", "two columns have one name"),
    "empty.csv": ("x,y,probability\n", "no rows"),
    "std.csv": ("x,mean,std\n0,1,0\n", "stds positive"),
}

STUDIES = {
    "unknown key": (ORIGINAL.replace("seed = 5", "sead = 5"), "unknown key `sead`", "valid keys are"),
    "unknown kind": (
        ORIGINAL.replace('"normal_logits"', '"normal_logit"'),
        "did you mean `normal_logits`",
        "problem 'table'",
    ),
    "unknown field": (ORIGINAL.replace("num_y = 3", "num_z = 3"), "unknown key `num_z`", "num_y"),
    "missing field": (ORIGINAL.replace(", num_y = 3", ""), "`num_y` is missing", "normal_logits"),
    "negative size": (ORIGINAL.replace("num_x = 4", "num_x = -4"), "num_x must be at least 1, got -4", "positive"),
    "zero samples": (ORIGINAL.replace("[40, 300]", "[0]"), "num_samples", "at least 1"),
    "wrong type": (ORIGINAL.replace("num_x = 4", 'num_x = "four"'), "expected a whole number", "num_x"),
    "wrong family": (
        ORIGINAL.replace('"maximum_likelihood"', '"normal_inverse_gamma"'),
        "serves gaussian truths",
        "choose",
    ),
    "same learner twice": (
        ORIGINAL.replace('"gradient_descent", learning_rate = 0.3', '"maximum_likelihood"'),
        "two learners",
        "`name`",
    ),
    "unknown table": (ORIGINAL.replace('"samples"]', '"sample"]'), "unknown table 'sample'", "choose among"),
    "no problem": ('name = "x"\n', "no problem", "[[problem]]"),
    "not TOML": ("name = = 3\n", "not TOML", "origin.toml"),
    "too large": (
        ORIGINAL.replace("num_x = 4, num_y = 3", "num_x = 200000, num_y = 200000"),
        "cells are more than",
        "smaller",
    ),
    "same condition twice": (ORIGINAL.replace("[40, 300]", "[40, 40]"), "the same condition", "remove one"),
    "too large for memory": (
        ORIGINAL.replace("num_x = 4, num_y = 3", "num_x = 8000, num_y = 8000"),
        "this machine has",
        "fewer tables",
    ),
    "import": (ORIGINAL.replace('"normal_logits"', '"nowhere.at_all:Truth"'), "cannot import", "on the path"),
}


def call(monkeypatch, capsys, command, name: str, *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, output and errors."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        _command.run(command, name, EXAMPLES)
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


def refused(monkeypatch, capsys, out: Path, *arguments: object) -> str:
    code, _, errors = call(monkeypatch, capsys, recover, "recover", *arguments, "--out", out)
    assert code == 2
    assert errors.startswith("recover: ")
    assert errors.count("\n") == 1
    assert not out.exists()
    return errors


@pytest.mark.parametrize("case", STUDIES)
def test_a_bad_study_is_refused(monkeypatch, capsys, tmp_path, case):
    text, *expected = STUDIES[case]
    assert text != ORIGINAL
    path = tmp_path / "study.toml"
    path.write_text(text)
    message = refused(monkeypatch, capsys, tmp_path / "out", path)
    for part in expected:
        assert part in message


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_of_the_users_is_refused(monkeypatch, capsys, tmp_path, name):
    text, expected = TABLES[name]
    (tmp_path / name).write_text(text)
    study = tmp_path / "study.toml"
    study.write_text(
        f'[[problem]]\nname = "mine"\nnum_samples = 10\ntruth = {{ kind = "fixed", path = "{tmp_path / name}" }}\n'
        'learners = [{ kind = "maximum_likelihood" }]\n'
    )
    message = refused(monkeypatch, capsys, tmp_path / "out", study)
    assert name in message
    assert expected in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--workers", "0"], "--workers must be at least 1"),
        (["--replicates", "0"], "`replicates`: must be in 1"),
        (["--replicates", "1.5"], "expected a whole number"),
        (["--replicates", "many"], "expected a whole number"),
        (["--seed", "-1"], "`seed`: must be in 0"),
        (["--sead", "1"], "--sead"),
        (["nowhere.toml"], "no such file"),
        (["--only-run", "12"], "no run 12"),
        (["--dry-run", "--only-run", "12"], "do not go together"),
        (["--in-process", "--workers", "2"], "leave out --workers"),
        (["--in-process", "--address", "auto"], "leave out --workers and --address"),
    ],
)
def test_bad_options_are_refused(monkeypatch, capsys, tmp_path, arguments, expected):
    assert expected in refused(monkeypatch, capsys, tmp_path / "out", *arguments)


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(monkeypatch, capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    code, _, errors = call(monkeypatch, capsys, recover, "recover", "--out", tmp_path)
    assert code == 2
    assert "thesis.tex" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_output_is_asked_for(monkeypatch, capsys):
    code, _, errors = call(monkeypatch, capsys, recover, "recover")
    assert code == 2
    assert "--out is missing" in errors


def test_a_submitted_job_may_not_write_into_the_copy_of_the_checkout(monkeypatch, capsys):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    code, _, errors = call(monkeypatch, capsys, recover, "recover", "--out", "out/relative")
    assert code == 2
    assert "absolute path" in errors
    assert not Path("out/relative").exists()


@pytest.mark.parametrize(("address", "code"), [("127.0.0.1:1", 1), ("nonsense", 2), ("http://127.0.0.1:8265", 2)])
@pytest.mark.parametrize("variable", [False, True])
def test_a_cluster_that_is_not_there_is_said_to_be_so(monkeypatch, capsys, tmp_path, address, code, variable):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable:
        monkeypatch.setenv("RAY_ADDRESS", address)
    options = [] if variable else ["--address", address]
    found, _, errors = call(monkeypatch, capsys, recover, "recover", "--out", tmp_path / "out", *options)
    assert found == code
    assert address in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("command", "name"), [(report, "report"), (verify, "verify")])
def test_a_folder_without_a_store_is_said_to_be_so(monkeypatch, capsys, tmp_path, command, name):
    code, _, errors = call(monkeypatch, capsys, command, name, tmp_path)
    assert code == 2
    assert str(tmp_path) in errors
    assert "Traceback" not in errors


def test_a_dry_run_tells_the_totals_and_writes_nothing(monkeypatch, capsys, tmp_path):
    code, text, _ = call(monkeypatch, capsys, recover, "recover", "--out", tmp_path / "out", "--dry-run")
    assert code == 0
    assert "2,048 runs, 8 chunks" in text
    assert "memory" in text
    assert not (tmp_path / "out").exists()


def test_the_help_has_examples(monkeypatch, capsys):
    code, text, _ = call(monkeypatch, capsys, recover, "recover", "--help")
    assert code == 0
    assert "python -m jobs.recover --out out/origin" in text
    for option in ("--replicates", "--seed", "--workers", "--address", "--only-run", "--dry-run"):
        assert option in text


def test_damage_to_a_file_is_found_and_named(monkeypatch, capsys, tmp_path, reference):
    out = shutil.copytree(reference, tmp_path / "out")
    assert call(monkeypatch, capsys, verify, "verify", out)[0] == 0
    victim = next((out / "estimates").glob("*.parquet"))
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(damaged)
    code, _, errors = call(monkeypatch, capsys, verify, "verify", out)
    assert code == 1
    assert victim.name in errors
