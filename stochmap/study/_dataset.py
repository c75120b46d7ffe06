import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stochmap.building import StudyError, build, convert, field_values
from stochmap.streams import Key, run_keys
from stochmap.truths import INPUTS, TRUTHS, Fixed, Inputs, Truth

from ._reading import Reader, read_fixed, read_toml, require_protocol

MAX_LENGTH = 1 << 24
"""The longest chain: it is drawn step by step, and written as a whole."""

MAX_ROWS = 1 << 56

_KEYS = ("rows", "chains", "seed", "truth", "inputs", "sequence")
_TRUTH = {"kind": "normal_logits", "num_x": 16, "num_y": 8}


@dataclass(frozen=True)
class Dataset:
    """A dataset that can be drawn to any size: a truth, its inputs, a seed, and, for sequences, the chains' length.

    Rows (of a sequence: chains) are addressable: how many are drawn is no part of what the dataset is.
    """

    seed: int
    truth_kind: str
    truth: Truth
    inputs_kind: str
    inputs: Inputs
    length: int | None = None

    def identity(self) -> dict[str, Any]:
        """Return what may not change while a store grows: everything."""
        truth = {key: value for key, value in field_values(self.truth).items() if value is not None}
        if isinstance(self.truth, Fixed):
            truth = {"content": self.truth.content}  # where the file lies does not matter
        inputs = {key: value for key, value in field_values(self.inputs).items() if value is not None}
        found = {
            "seed": self.seed,
            "truth": {"kind": self.truth_kind, **truth},
            "inputs": {"kind": self.inputs_kind, **inputs},
        }
        return found if self.length is None else {**found, "sequence": {"length": self.length}}

    def identity_hash(self) -> str:
        """Return the hash of the identity: 16 hexadecimal digits."""
        return self._digest.hex()[:16]

    @property
    def id(self) -> int:
        """What the rows' chunks are named by: 31 bits of the identity's hash."""
        return int.from_bytes(self._digest[:4], "big") >> 1

    @property
    def table_id(self) -> int:
        """What the chunks of the true table's cells are named by: 31 other bits."""
        return int.from_bytes(self._digest[4:8], "big") >> 1

    @property
    def key(self) -> Key:
        """The key of all its random words, uint32[2]: that of run id·2³² under the seed."""
        return run_keys(self.seed, np.int64(self.id << 32))

    @functools.cached_property
    def _digest(self) -> bytes:
        # The key follows from the identity without the seed and through the seed: equal tables, independent draws.
        content = {key: value for key, value in self.identity().items() if key != "seed"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def load_dataset(path: str | Path, read_table: Reader | None = None, **overrides: Any) -> tuple[Dataset, int | None]:
    """Read a dataset from a TOML file, and how many rows (or chains) it asks for; None where it does not say.

    Raises:
        StudyError: no such file, not TOML, or a dataset that cannot be drawn.
    """
    options = read_toml(path)
    options.update({key: value for key, value in overrides.items() if value is not None})
    return dataset_from_options(options, read_table)


def dataset_from_options(options: Mapping[str, Any], read_table: Reader | None = None) -> tuple[Dataset, int | None]:
    """Build a dataset from the tables of its TOML file, or from options as text, and how many rows it asks for.

    Raises:
        StudyError: as for :func:`load_dataset`.
    """
    for key in options:
        if key not in _KEYS:
            raise StudyError(f"dataset: unknown key `{key}`: valid keys are {', '.join(_KEYS)}")
    truth_options = options.get("truth", _TRUTH)
    if isinstance(truth_options, Mapping) and "kind" not in truth_options:
        truth_options = {**_TRUTH, **truth_options}
    inputs_options = options.get("inputs", {"kind": "uniform"})
    truth = read_fixed(build(TRUTHS, truth_options, "truth"), read_table, "dataset")
    inputs = build(INPUTS, inputs_options, "inputs")
    require_protocol(truth, Truth, "family, num_x, num_y and draw(key)", "truth")
    require_protocol(inputs, Inputs, "probabilities(num_x)", "inputs")
    seed = convert(options.get("seed", 0), int, "seed")
    if not 0 <= seed < 1 << 63:
        raise StudyError(f"seed: must be in 0 … 2^63 - 1, got {seed}: choose a non-negative integer")
    length = _length(options, truth)
    unit, other = ("rows", "chains") if length is None else ("chains", "rows")
    if other in options:
        raise StudyError(f"{other}: a {'sequence' if length else 'dataset'} is measured in {unit}: give {unit}")
    size = None if options.get(unit) is None else convert(options[unit], int, unit)
    if size is not None and not 1 <= size * (1 if length is None else length + 1) < MAX_ROWS:
        raise StudyError(f"{unit}: must be at least 1 and fewer than 2^56 rows in all, got {size}: give another number")
    return Dataset(seed, truth_options["kind"], truth, inputs_options["kind"], inputs, length), size


def _length(options: Mapping[str, Any], truth: Truth) -> int | None:
    sequence = options.get("sequence")
    if sequence is None:
        return None
    if not isinstance(sequence, Mapping) or set(sequence) != {"length"}:
        raise StudyError(f"sequence: expected {{ length = … }}, got {sequence!r}: give the length of each chain")
    length = convert(sequence["length"], int, "sequence, `length`")
    if not 1 <= length <= MAX_LENGTH:
        raise StudyError(f"sequence, `length`: must be in 1 … 2^24, got {length}: draw more chains in place of longer")
    if truth.num_x != truth.num_y:
        raise StudyError(
            f"sequence: y of one row is x of the next, and the truth is {truth.num_x} × {truth.num_y or 'Gaussian'}: "
            "use a square one"
        )
    return length
