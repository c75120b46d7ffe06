"""Datasets of each sort, and comparing what was written of them by its decoded rows."""

import hashlib
from pathlib import Path

import commands
import numpy as np
import pyarrow.parquet as pq

PAIRS = ["--rows", "20000", "--seed", "42"]
VALUES = ["--rows", "9000", "--truth.kind", "normal_inverse_gamma", "--truth.num-x", "3", "--seed", "1"]
CHAINS = ["--truth.kind", "reversible", "--truth.num-x", "5", "--sequence", "--length", "30", "--chains", "300"]
SORTS = {"pairs": PAIRS, "values": VALUES, "chains": CHAINS}
TOML = 'rows = 3000\nseed = 42\ntruth = { kind = "normal_logits", num_x = 16, num_y = 8 }\n'


def call(*arguments: object) -> int:
    return commands.call("sample", *arguments)


def write(folder: str, *options: str) -> int:
    """Write a store of each sort; return the worst exit code."""
    return max(call(*arguments, "--out", Path(folder) / sort, *options) for sort, arguments in SORTS.items())


def rows(out: Path) -> dict[str, np.ndarray]:
    """The rows in their order, whatever files they came in, in wide types."""
    files = sorted((out / "samples").iterdir(), key=lambda path: int(path.name.split("-")[1]))
    table = [pq.read_table(file, page_checksum_verification=True) for file in files]
    return {name: np.concatenate([part[name].to_numpy() for part in table]) for name in table[0].column_names}


def row_hash(out: Path) -> str:
    """One hash of the decoded rows and their types."""
    digest = hashlib.sha256()
    for name, values in rows(out).items():
        digest.update(f"{name} {values.dtype} {len(values)}".encode() + values.tobytes())
    return digest.hexdigest()
