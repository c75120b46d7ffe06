"""Datasets that cannot be written are refused in one line, before anything is."""

from pathlib import Path

import pytest
from sample_cases import CHAINS, TOML, call

TABLES = {
    "negative.csv": ("x,y,probability\n0,0,1.5\n0,1,-0.5\n", "non-negative"),
    "nan.csv": ("x,y,probability\n0,0,nan\n0,1,1\n", "1 empty values"),
    "sum.csv": ("x,y,probability\n0,0,0.5\n0,1,0.49999\n", "sum to 0.99999"),
    "gap.csv": ("x,y,probability\n0,0,1\n2,0,1\n", "x = 1 is missing"),
}

BAD = {
    "no rows": ([], "--rows is missing"),
    "zero rows": (["--rows", "0"], "must be at least 1"),
    "negative rows": (["--rows", "-5"], "must be at least 1"),
    "half a row": (["--rows", "1.5"], "whole number"),
    "too many rows": (["--rows", "2^56"], "fewer than 2^56"),
    "chains of pairs": (["--chains", "5"], "give rows"),
    "rows of chains": ([*CHAINS[:-2], "--rows", "5"], "give chains"),
    "no chains": (CHAINS[:-2], "--chains is missing"),
    "zero chains": ([*CHAINS[:-2], "--chains", "0"], "must be at least 1"),
    "no length": (["--truth.kind", "reversible", "--truth.num-x", "5", "--sequence", "--chains", "5"], "go together"),
    "length alone": (["--rows", "5", "--length", "5"], "go together"),
    "zero length": ([*CHAINS[:-3], "0", "--chains", "5"], "must be in 1 … 2^24"),
    "not square": (["--sequence", "--length", "5", "--chains", "5"], "use a square one"),
    "gaussian chains": (
        ["--truth.kind", "gaussian", "--sequence", "--length", "5", "--chains", "5"],
        "use a square one",
    ),
    "unknown kind": (["--rows", "5", "--truth.kind", "normal_logit"], "did you mean `normal_logits`"),
    "unknown field": (["--rows", "5", "--truth.kind", "gaussian", "--truth.num-z", "5"], "unknown key `num_z`"),
    "unknown inputs": (["--rows", "5", "--inputs.kind", "zip"], "did you mean `zipf`"),
    "unknown option": (["--rows", "5", "--sead", "5"], "--sead"),
    "negative seed": (["--rows", "5", "--seed", "-1"], "2^63"),
    "negative size": (["--rows", "5", "--truth.kind", "gaussian", "--truth.num-x", "-1"], "num_x must be at least 1"),
    "not a number": (["--rows", "5", "--truth.kind", "gaussian", "--truth.mean", "nan"], "mean must be finite"),
    "too large": (
        ["--rows", "5", "--truth.kind", "normal_logits", "--truth.num-x", "1e5", "--truth.num-y", "1e5"],
        "use a smaller num_x or num_y",
    ),
    "too many outcomes": (
        ["--rows", "5", "--truth.kind", "sparse", "--truth.num-x", "1e6", "--truth.num-y", "1e6"]
        + ["--truth.outcomes", "1000"],
        "1000000000 cells are more than",
    ),
    "too wide a band": (
        ["--rows", "5", "--truth.kind", "banded", "--truth.num-x", "1e6", "--truth.num-y", "1e6"]
        + ["--truth.bandwidth", "1000"],
        "2001000000 cells are more than",
    ),
    "too many inputs": (["--rows", "5", "--inputs.kind", "given", "--inputs.values", "0.5,0.5"], "num_x = 16"),
    "inputs' sum": (["--rows", "5", "--inputs.kind", "given", "--inputs.values", "0.5,0.6"], "must sum to 1"),
    "stationary": (["--rows", "5", "--inputs.kind", "stationary"], "needs a square table"),
    "no file": (["--rows", "5", "--truth.kind", "fixed", "--truth.path", "nowhere.csv"], "no such file"),
    "no rows a file": (["--rows", "5", "--rows-per-file", "0"], "--rows-per-file must be in 1"),
    "too many rows a file": (["--rows", "5", "--rows-per-file", "1e12"], "a file is made in memory"),
    "no workers": (["--rows", "5", "--workers", "0"], "--workers must be at least 1"),
    "no TOML": (["nowhere.toml"], "no such file"),
}


def refused(capsys, out: Path, *arguments: object) -> str:
    capsys.readouterr()
    options = [] if "--workers" in arguments else ["--in-process"]
    code = call(*arguments, "--out", out, *options)
    errors = capsys.readouterr().err
    assert code == 2, errors
    assert errors.startswith("sample: ")
    assert errors.count("\n") == 1
    assert not out.exists()
    return errors


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(capsys, tmp_path, case):
    arguments, expected = BAD[case]
    assert expected in refused(capsys, tmp_path / "out", *arguments)


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_refused_in_one_line(capsys, tmp_path, name):
    text, expected = TABLES[name]
    (tmp_path / name).write_text(text)
    message = refused(capsys, tmp_path / "out", "--rows", "5", "--truth.kind", "fixed", "--truth.path", tmp_path / name)
    assert expected in message
    assert name in message


BAD_TOML = {
    "beside a truth": (TOML, ["--truth.kind", "gaussian"], "leave out --truth"),
    "beside inputs": (TOML, ["--inputs.kind", "zipf"], "leave out --truth, --inputs"),
    "beside a sequence": (TOML, ["--sequence", "--length", "5"], "leave out --truth"),
    "unknown key": (TOML + "sead = 1\n", [], "unknown key `sead`"),
    "no kind": ("rows = 5\ntruth = 3\n", [], "expected a table"),
    "sequence": (TOML + "sequence = { size = 5 }\n", [], "{ length = … }"),
    "not TOML": ("rows = = 5\n", [], "not TOML"),
    "no size": ("seed = 1\n", [], "--rows is missing"),
}


@pytest.mark.parametrize("case", BAD_TOML)
def test_a_bad_file_is_refused_in_one_line(capsys, tmp_path, case):
    text, arguments, expected = BAD_TOML[case]
    (tmp_path / "dataset.toml").write_text(text)
    assert expected in refused(capsys, tmp_path / "out", tmp_path / "dataset.toml", *arguments)
