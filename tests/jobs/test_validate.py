import sys

import pyarrow.parquet as pq
import pytest

from jobs import _command
from jobs.validate import EXAMPLES, validate
from stochmap import validation
from stochmap.validation import Row

GOOD, BAD = Row("H", "a tool", "counted", 3.0, 3.0), Row("H", "a tool", "miscounted", 3.0, 4.0)


def call(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["validate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        _command.run(validate, "validate", EXAMPLES)
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


def test_rows_are_printed_and_written(monkeypatch, capsys, tmp_path):
    seeds = []
    monkeypatch.setattr(validation, "SECTIONS", {"H": lambda seed: seeds.append(seed) or [GOOD]})
    code, out, _ = call(monkeypatch, capsys, "--out", tmp_path / "new", "--seed", "1e3")
    assert (code, seeds) == (0, [1000])
    assert "All 1 rows are accepted" in out
    table = pq.read_table(tmp_path / "new" / "validation.parquet").to_pylist()
    assert table[0] == {
        "section": "H",
        "source": "a tool",
        "quantity": "counted",
        "relation": "=",
        "expected": 3.0,
        "ours": 3.0,
        "standard_error": 0.0,
        "rounding": 0.0,
        "z": 0.0,
        "accepted": True,
    }
    assert "python -m jobs.validate --seed 1000" in (tmp_path / "new" / "validation.md").read_text()


def test_a_row_that_fails_is_the_exit_code(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(validation, "SECTIONS", {"H": lambda seed: [GOOD, BAD]})
    code, out, _ = call(monkeypatch, capsys, "--out", tmp_path)
    assert code == 1
    assert "1 of 2 rows fail: H: miscounted" in out
    assert pq.read_table(tmp_path / "validation.parquet")["accepted"].to_pylist() == [True, False]


def test_bad_options_are_refused(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, expected in (
        (["--out", tmp_path / "file"], "is a file: give a folder"),
        (["--seed", "-1"], "--seed must be in 0"),
        (["--seed", "x"], "expected a whole number"),
        (["--sed", "1"], "--sed"),
    ):
        code, _, errors = call(monkeypatch, capsys, *arguments)
        assert code == 2
        assert expected in errors
        assert len(errors.strip().splitlines()) == 1


def test_the_help_has_examples(monkeypatch, capsys):
    code, text, _ = call(monkeypatch, capsys, "--help")
    assert code == 0
    assert "python -m jobs.validate --out out/validation" in text
