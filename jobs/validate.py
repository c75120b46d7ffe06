"""Published and closed-form values against ours: `python -m jobs.validate --out DIR`."""

import os
import sys
from pathlib import Path
from typing import Any

from jobs import _command
from jobs._command import Count, UsageError

EXAMPLES = ("--out out/validation", "--out out/validation --seed 7")


def validate(*, out: Path | None = None, seed: Count = 0) -> int:
    """Recompute every published and closed-form value that the project rests on, and say which do not agree.

    Exit code 0: all rows are accepted; 1: some are not. It takes a minute or two on two cores.

    Args:
        out: A folder for validation.parquet and validation.md.
        seed: Of the streams; any other one must be accepted too.

    """
    if not 0 <= seed < 1 << 63:
        raise UsageError(f"--seed must be in 0 … 2^63 - 1, got {seed}: choose a non-negative integer")
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: give a folder")
    import jax

    jax.config.update("jax_enable_x64", val=True)
    from stochmap import validation

    rows: list[validation.Row] = []
    for section, make in validation.SECTIONS.items():
        print(f"validate: {section}. {validation.TITLES[section]}", file=sys.stderr, flush=True)
        rows += make(seed)
    print(validation.format_table(rows, validation.TITLES))
    if out is not None:
        command = "python -m jobs.validate" + (f" --seed {seed}" if seed else "")
        out.mkdir(parents=True, exist_ok=True)
        _replace(out / "validation.parquet", _parquet(rows))
        _replace(out / "validation.md", validation.format_markdown(rows, validation.TITLES, command).encode())
        print(f"written: {out / 'validation.parquet'}, {out / 'validation.md'}")
    return _command.FAILED if validation.failures(rows) else _command.DONE


def _parquet(rows: list[Any]) -> bytes:
    """Return the rows as a Parquet file, made in memory."""
    import pyarrow as pa
    from pyarrow import parquet

    from stochmap.validation import failures

    bad = set(failures(rows))
    text = ("section", "source", "quantity", "relation")
    numbers = ("expected", "ours", "standard_error", "rounding", "z")
    columns: dict[str, Any] = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in text}
    columns |= {name: pa.array([float(getattr(row, name)) for row in rows], pa.float64()) for name in numbers}
    columns["accepted"] = pa.array([row not in bad for row in rows])
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink, write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    os.replace(draft, path)


if __name__ == "__main__":
    _command.run(validate, "validate", EXAMPLES)
