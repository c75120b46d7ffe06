"""Study: TOML in, resolved TOML out; its grid of conditions, its chunks, its identity."""

import dataclasses
import hashlib
import itertools
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stochmap.building import StudyError, build, construct, convert, field_types, field_values, find_class, is_scalar
from stochmap.learners import LEARNERS, Learner
from stochmap.sampling import MAX_CELLS
from stochmap.sharding import LANES
from stochmap.truths import INPUTS, TRUTHS, Fixed, Inputs, Truth, TruthTable

KEEP = ("truths", "counts", "estimates", "history", "samples")
"""Tables that a study may keep; ``runs`` and ``fits`` always are. ``counts`` brings ``moments`` for Gaussians."""

MAX_REPLICATES = 1 << 32


@dataclass(frozen=True)
class Problem:
    """One truth kind with its inputs, sample sizes and learners: a grid of all combinations of listed values."""

    name: str
    truths: tuple[Truth, ...]
    inputs: tuple[Inputs, ...]
    num_samples: tuple[int, ...]
    learners: Mapping[str, Learner]
    truth_kind: str
    inputs_kind: str


@dataclass(frozen=True)
class Condition:
    """One cell of a problem's grid; its id hashes its content, and does not depend on what else is in the study."""

    problem: str
    truth_kind: str
    truth: Truth
    inputs_kind: str
    inputs: Inputs
    num_samples: int

    @property
    def id(self) -> int:
        """The first 31 bits of the SHA-256 of the condition's content."""
        truth = field_values(self.truth)
        if isinstance(self.truth, Fixed):
            truth = {"content": self.truth.content}  # where the file lies does not matter
        content = [self.truth_kind, truth, self.inputs_kind, field_values(self.inputs), self.num_samples]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    def truth_values(self) -> dict[str, Any]:
        """Return what ``runs`` tells of the truth: sizes and fields; for a fixed table also the hash of its content."""
        sizes = {"num_x": self.truth.num_x, "num_y": self.truth.num_y}
        content = {"content": self.truth.content} if isinstance(self.truth, Fixed) else {}
        return {**sizes, **field_values(self.truth), **content}

    def inputs_values(self) -> dict[str, Any]:
        """Return what ``runs`` tells of the inputs; a list as JSON."""
        values = field_values(self.inputs)
        return {key: json.dumps(value) if isinstance(value, tuple) else value for key, value in values.items()}


@dataclass(frozen=True)
class Chunk:
    """Replicates first … first + count − 1 of one condition: the unit of work, of retry and of commit."""

    condition_id: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """The name of the chunk's files and of its manifest entry."""
        return f"{self.condition_id:08x}-{self.first}-{self.count}"

    @property
    def run_ids(self) -> np.ndarray:
        """condition_id·2³² + replicate: int64[count]."""
        return (self.condition_id << 32) + np.arange(self.first, self.first + self.count, dtype=np.int64)


@dataclass(frozen=True)
class Study:
    """The whole plan: problems × grid × replicates × learners."""

    name: str
    seed: int
    replicates: int
    keep: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def conditions(self) -> dict[int, Condition]:
        """All cells of all grids, by id.

        Raises:
            StudyError: two cells are alike.
        """
        found: dict[int, Condition] = {}
        for problem in self.problems:
            for truth, inputs, size in itertools.product(problem.truths, problem.inputs, problem.num_samples):
                cell = Condition(problem.name, problem.truth_kind, truth, problem.inputs_kind, inputs, size)
                if cell.id in found:
                    raise StudyError(
                        f"problems {found[cell.id].problem!r} and {problem.name!r} hold the same condition "
                        f"({problem.truth_kind}, num_samples = {size}): remove one"
                    )
                found[cell.id] = cell
        return found

    def problem(self, name: str) -> Problem:
        """Return the problem of a name."""
        return next(problem for problem in self.problems if problem.name == name)

    def truth_fields(self) -> dict[str, type]:
        """Return the columns of ``runs`` that describe truths, over all problems, with their types."""
        return _columns(condition.truth_values() for condition in self.conditions.values())

    def inputs_fields(self) -> dict[str, type]:
        """Return the columns of ``runs`` that describe inputs, over all problems, with their types."""
        return _columns(condition.inputs_values() for condition in self.conditions.values())

    def identity(self) -> dict[str, Any]:
        """Return what may not change while a store grows: all but replicates and the values of the grid's fields."""
        return {
            "name": self.name,
            "seed": self.seed,
            "keep": list(self.keep),
            "problem": [
                {
                    "name": problem.name,
                    "truth": {"kind": problem.truth_kind},
                    "inputs": {"kind": problem.inputs_kind},
                    "learners": [_resolved(name, learner) for name, learner in problem.learners.items()],
                }
                for problem in self.problems
            ],
        }

    def identity_hash(self) -> str:
        """Return the hash of the identity: 16 hexadecimal digits."""
        return _digest(self.identity())

    def plan_hash(self) -> str:
        """Return the hash of everything that was asked: identity, conditions and replicates."""
        return _digest([self.identity(), sorted(self.conditions), self.replicates])

    def chunk_size(self) -> int:
        """Return the replicates in a chunk: about 10 s of work on one core, at most 128 MB of tables in memory.

        It follows from the study's largest condition alone, in whole batches of LANES, between 1 and 4096 of them.
        """
        size = 4096 * LANES
        for condition in self.conditions.values():
            cost = estimate(self, condition)
            size = min(size, int(10.0 / cost.seconds), int(128e6 / cost.bytes))
        return max(LANES, size // LANES * LANES)


@dataclass(frozen=True)
class Cost:
    """What one run takes, roughly: core seconds, its tables' bytes (in memory, on disk) and rows, a batch's bytes."""

    seconds: float
    bytes: float
    stored_bytes: float
    rows: int
    batch_bytes: float


def estimate(study: Study, condition: Condition) -> Cost:
    """Estimate what one run of a condition takes; only the order of magnitude matters."""
    learners = len(study.problem(condition.problem).learners)
    parameters = (
        2 * condition.truth.num_x if condition.truth.num_y is None else condition.truth.num_x * condition.truth.num_y
    )
    rows = {
        "truths": parameters,
        "counts": parameters,
        "estimates": parameters * learners,
        "history": 50 * learners,
        "samples": condition.num_samples,
    }
    kept = sum(rows[table] for table in study.keep) + 1 + learners
    seconds = 50e-6 + 20e-9 * condition.num_samples + 2e-6 * parameters * learners
    return Cost(
        seconds, 40.0 * kept, 14.0 * kept, kept, LANES * (200.0 * parameters + 12.0 * min(condition.num_samples, 4096))
    )


def _columns(records: Iterable[Mapping[str, Any]]) -> dict[str, type]:
    columns: dict[str, type] = {}
    for record in records:
        for name, value in record.items():
            kind = int if name in ("num_x", "num_y") else type(value)
            # A field that is whole in one place and not in another is a number in all.
            columns[name] = float if {columns.get(name, kind), kind} == {int, float} else kind
    return columns


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _resolved(name: str, learner: Learner) -> dict[str, Any]:
    kinds = {cls: kind for kind, cls in LEARNERS.items()}
    cls = type(learner)
    kind = kinds.get(cls, f"{cls.__module__}:{cls.__qualname__}")
    return {"name": name, "kind": kind, **field_values(learner)}


Reader = Callable[[str], TruthTable]
"""From a path to the table in the file, for truths of kind ``fixed``: ``ingest.read_mapping``."""


def load(path: str | Path, read_table: Reader | None = None, **overrides: Any) -> Study:
    """Read a study from a TOML file; ``overrides`` replace its top-level scalars where they are not None.

    Raises:
        StudyError: no such file, not TOML, or a study that cannot be run; one line that says what, where, and what
        to do.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file: give the path of a study's TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read ({error}): give the path of a study's TOML file") from None
    try:
        options = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML ({error}): see jobs/studies/origin.toml for an example") from None
    options.update({key: value for key, value in overrides.items() if value is not None})
    return from_options(options, read_table)


def from_options(options: Mapping[str, Any], read_table: Reader | None = None) -> Study:
    """Build a study from the tables of its TOML file.

    Raises:
        StudyError: as for :func:`load`.
    """
    valid = ("name", "seed", "replicates", "keep", "problem")
    for key in options:
        if key not in valid:
            raise StudyError(f"study: unknown key `{key}`: valid keys are {', '.join(valid)}")
    problems = options.get("problem", [])
    if not isinstance(problems, list) or not problems:
        raise StudyError("study: no problem: add a [[problem]] table with name, truth, num_samples and learners")
    keep = convert(options.get("keep", []), tuple[str, ...], "study, `keep`")
    for table in keep:
        if table not in KEEP:
            raise StudyError(f"study, `keep`: unknown table {table!r}: choose among {', '.join(KEEP)}")
    study = Study(
        name=convert(options.get("name", "study"), str, "study, `name`"),
        seed=convert(options.get("seed", 0), int, "study, `seed`"),
        replicates=convert(options.get("replicates", 1), int, "study, `replicates`"),
        keep=tuple(table for table in KEEP if table in keep),
        problems=tuple(_problem(problem, read_table) for problem in problems),
    )
    if not 0 <= study.seed < 1 << 63:
        raise StudyError(f"study, `seed`: must be in 0 … 2^63 - 1, got {study.seed}: choose a non-negative integer")
    if not 1 <= study.replicates <= MAX_REPLICATES:
        raise StudyError(f"study, `replicates`: must be in 1 … 2^32, got {study.replicates}: give a positive number")
    names = [problem.name for problem in study.problems]
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"study: two problems are named {name!r}: give each a name of its own")
    _ = study.conditions
    return study


def _problem(options: Any, read_table: Reader | None) -> Problem:
    if not isinstance(options, Mapping):
        raise StudyError(f"study: a problem must be a table, got {options!r}: write [[problem]]")
    valid = ("name", "truth", "inputs", "num_samples", "learners")
    where = f"problem {options.get('name', '?')!r}"
    for key in options:
        if key not in valid:
            raise StudyError(f"{where}: unknown key `{key}`: valid keys are {', '.join(valid)}")
    for key in ("name", "truth", "num_samples", "learners"):
        if key not in options:
            raise StudyError(f"{where}: `{key}` is missing: give {key} = …")
    sizes = options["num_samples"] if isinstance(options["num_samples"], list) else [options["num_samples"]]
    if not sizes:
        raise StudyError(f"{where}, `num_samples`: an empty list: give at least one value")
    num_samples = tuple(convert(size, int, f"{where}, `num_samples`") for size in sizes)
    for size in num_samples:
        if not 1 <= size < 1 << 56:
            raise StudyError(f"{where}, `num_samples`: must be at least 1, got {size}: give a positive number")
    truths = tuple(_filled(truth, read_table, where) for truth in _grid(TRUTHS, options["truth"], f"{where}, truth"))
    inputs = _grid(INPUTS, options.get("inputs", {"kind": "uniform"}), f"{where}, inputs")
    for truth, distribution in itertools.product(truths, inputs):
        _check(truth, distribution, where)
    learners = _learners(options["learners"], {truth.family for truth in truths}, where)
    kinds = options["truth"]["kind"], options.get("inputs", {"kind": "uniform"})["kind"]
    return Problem(convert(options["name"], str, f"{where}, `name`"), truths, inputs, num_samples, learners, *kinds)


def _filled(truth: Any, read_table: Reader | None, where: str) -> Truth:
    """Read the table of a ``fixed`` truth."""
    if not isinstance(truth, Fixed) or truth.table is not None:
        return truth
    if read_table is None:
        raise StudyError(
            f"{where}: a fixed truth needs a reader of tables: pass read_table=stochmap.ingest.read_mapping"
        )
    try:
        return dataclasses.replace(truth, table=read_table(truth.path))
    except ValueError as error:
        raise StudyError(f"{where}, truth (fixed): {error}") from error


def _check(truth: Truth, inputs: Inputs, where: str) -> None:
    _require_protocol(truth, Truth, "family, num_x, num_y and draw(key)", f"{where}, truth")
    _require_protocol(inputs, Inputs, "probabilities(num_x)", f"{where}, inputs")
    if truth.num_x * (truth.num_y or 1) > MAX_CELLS:
        raise StudyError(
            f"{where}, truth: {truth.num_x} × {truth.num_y or 1} cells are more than {MAX_CELLS}: "
            "use a smaller num_x or num_y"
        )
    try:
        inputs.probabilities(truth.num_x)
    except ValueError as error:
        raise StudyError(f"{where}, inputs: {error}") from error


def _require_protocol(instance: Any, protocol: type, members: str, where: str) -> None:
    """Refuse a class of the user's own that lacks what its place needs."""
    if not isinstance(instance, protocol):
        raise StudyError(f"{where}: {type(instance).__qualname__} does not serve: it needs {members}")


def _grid(table: Mapping[str, type], options: Any, where: str) -> tuple[Any, ...]:
    """Build one object for each combination of the values that are listed where a scalar is due."""
    kinds = field_types(find_class(table, options, where))
    axes = [key for key, value in options.items() if isinstance(value, list) and is_scalar(kinds.get(key, str))]
    for key in axes:
        if not options[key]:
            raise StudyError(f"{where}, `{key}`: an empty list: give at least one value")
    combinations = itertools.product(*(options[key] for key in axes))
    return tuple(build(table, {**options, **dict(zip(axes, values, strict=True))}, where) for values in combinations)


def _learners(options: Any, families: set[str], where: str) -> dict[str, Learner]:
    if not isinstance(options, list) or not options:
        raise StudyError(
            f'{where}: `learners` must be a list of at least one table such as {{ kind = "maximum_likelihood" }}'
        )
    found: dict[str, Learner] = {}
    for entry in options:
        if not isinstance(entry, Mapping):
            raise StudyError(
                f'{where}, learners: expected a table such as {{ kind = "maximum_likelihood" }}, got {entry!r}'
            )
        name = str(entry.get("name", entry.get("kind")))
        place = f"{where}, learner {name!r}"
        learner = build(LEARNERS, {key: value for key, value in entry.items() if key != "name"}, place)
        _require_protocol(learner, Learner, "needs, families and a call (key, data)", place)
        if learner.needs != "statistics":
            raise StudyError(f"{place}: it needs {learner.needs}, a study gives statistics: choose another learner")
        if name in found:
            raise StudyError(f"{where}: two learners are named {name!r}: give one of them a `name`")
        wrong = families - set(learner.families)
        if wrong:
            served = " and ".join(sorted(learner.families))
            raise StudyError(
                f"{where}: learner {name!r} serves {served} truths, not {wrong.pop()} ones: choose another learner"
            )
        found[name] = learner
    return found


def chunks(condition_id: int, ranges: list[tuple[int, int]], size: int) -> Iterator[Chunk]:
    """Cut ranges (first, count) of replicates into chunks whose borders are multiples of ``size``."""
    for first, count in ranges:
        end = first + count
        while first < end:
            stop = min(end, (first // size + 1) * size)
            yield Chunk(condition_id, first, stop - first)
            first = stop


__all__ = [
    "Chunk",
    "Condition",
    "Cost",
    "Problem",
    "Study",
    "StudyError",
    "build",
    "chunks",
    "construct",
    "estimate",
    "from_options",
    "load",
]
