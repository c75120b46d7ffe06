"""A study of the lab: problems × estimators × samples, and what is learned with them."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stochmap.building import StudyError, column_type, field_types, field_values
from stochmap.estimators import ESTIMATORS, AbstractEstimator
from stochmap.study import Chunk, chunks

from ._learning import Learning
from ._problem import Problem
from ._sampled import SampledLearning


@dataclass(frozen=True)
class Entry:
    """One estimator of a study, at one number of samples: what is measured on every problem that it serves."""

    name: str
    estimator: AbstractEstimator

    @property
    def kind(self) -> str:
        """The estimator's key in ESTIMATORS, or package.module:Class."""
        return kind_of(ESTIMATORS, self.estimator)

    def options(self) -> dict[str, Any]:
        """Return the estimator's own fields: all but num_samples."""
        return {key: value for key, value in field_values(self.estimator).items() if key != "num_samples"}

    @property
    def content(self) -> list[Any]:
        """What the estimates depend on."""
        return [self.kind, self.options(), self.estimator.num_samples]

    @property
    def id(self) -> int:
        """The first 31 bits of the hash of its content: its own random stream on every problem."""
        return short_hash(self.content)


@dataclass(frozen=True)
class Cell:
    """One problem with one value of every field."""

    name: str
    kind: str
    problem: Problem

    @property
    def id(self) -> int:
        """The first 31 bits of the hash of kind and fields: the condition_id of its rows."""
        return short_hash([self.kind, field_values(self.problem)])


Task = Cell | Learning | SampledLearning


@dataclass(frozen=True)
class GradientStudy:
    """The whole plan. A chunk is one cell (or one learning task) with a range of the entries, in the study's order."""

    name: str
    seed: int
    repeats: int
    warm_up: int
    budget: int
    entries: tuple[Entry, ...]
    cells: tuple[Cell, ...]
    learning: tuple[Learning | SampledLearning, ...]

    @cached_property
    def tasks(self) -> Mapping[int, Task]:
        """All cells and learning tasks by id.

        Raises:
            StudyError: two are alike.
        """
        found: dict[int, Task] = {}
        for task in (*self.cells, *self.learning):
            if task.id in found:
                raise StudyError(f"{found[task.id].name!r} and {task.name!r} are the same: remove one")
            found[task.id] = task
        return found

    def serving(self, task: Task) -> list[int]:
        """Return the places of a task's units: the entries that serve the cell's family, or what it learns with."""
        if not isinstance(task, Cell):
            return list(range(len(task.estimators)))
        return [i for i, entry in enumerate(self.entries) if task.problem.family in entry.estimator.families]

    def estimator_names(self, chunk: Chunk) -> list[str]:
        """Return the names of the estimators of a chunk."""
        task = self.tasks[chunk.condition_id]
        units = self.serving(task)[chunk.first : chunk.first + chunk.count]
        if isinstance(task, Cell):
            return [self.entries[unit].name for unit in units]
        return [task.estimators[unit][0] for unit in units]

    def chunks_of(self, task: Task, ranges: Iterable[tuple[int, int]], size: int) -> list[Chunk]:
        """Cut ranges of a task's units into chunks of at most ``size``."""
        return list(chunks(task.id, list(ranges), size))

    def identity(self) -> dict[str, Any]:
        """Return what may not change while a store grows: all but the values of the problems' fields."""
        return {
            "name": self.name,
            "seed": self.seed,
            "repeats": self.repeats,
            "warm_up": self.warm_up,
            "budget": self.budget,
            "estimators": [
                {"name": entry.name, "kind": entry.kind, "num_samples": entry.estimator.num_samples}
                | {key: value for key, value in entry.options().items() if value is not None}
                for entry in self.entries
            ],
            "problem": sorted(
                ({"name": name, "kind": kind} for name, kind in {(cell.name, cell.kind) for cell in self.cells}),
                key=lambda problem: problem["name"],
            ),
        }

    def identity_hash(self) -> str:
        """Return the hash of the identity: 16 hexadecimal digits."""
        return digest(self.identity())[:16]

    def plan_hash(self) -> str:
        """Return the hash of everything that was asked."""
        return digest([self.identity(), sorted(self.tasks)])[:16]

    def problem_fields(self) -> dict[str, type]:
        """Return the columns that tell a problem's fields, over all problems, with their types."""
        return _columns(type(cell.problem) for cell in self.cells)

    def estimator_fields(self) -> dict[str, type]:
        """Return the columns that tell an estimator's fields, over all estimators, with their types."""
        fields = _columns(type(entry.estimator) for entry in self.entries)
        return {name: kind for name, kind in fields.items() if name != "num_samples"}


def kind_of(table: Mapping[str, type], instance: Any) -> str:
    """Return the key of an instance's class in a table, or ``package.module:Class``."""
    cls = type(instance)
    return {known: kind for kind, known in table.items()}.get(cls, f"{cls.__module__}:{cls.__qualname__}")


def short_hash(content: Any) -> int:
    """Return the first 31 bits of the SHA-256 of the content as JSON."""
    return int(digest(content)[:8], 16) >> 1


def digest(content: Any) -> str:
    """Return the SHA-256 of the content as JSON, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as values of columns: numbers and text as they are, others as JSON."""
    plain = (int, float, str, bool, type(None))
    return {key: value if isinstance(value, plain) else json.dumps(value) for key, value in values.items()}


def constant(value: Any, kind: type, count: int) -> np.ndarray | None:
    """Return a column that holds one value; None where it is absent."""
    if value is None:
        return None
    return np.full(count, value.encode() if kind is str else value, {int: np.int64, float: np.float64}.get(kind))


def _columns(classes: Iterable[type]) -> dict[str, type]:
    columns: dict[str, type] = {}
    for cls, (name, declared) in itertools.chain.from_iterable(
        ((cls, item) for item in field_types(cls).items())
        for cls in sorted(set(classes), key=lambda each: each.__name__)
    ):
        kind = column_type(declared)
        other = columns.setdefault(name, kind)
        if {kind, other} == {int, float}:
            columns[name] = float
        elif kind != other:
            raise StudyError(
                f"field `{name}` of {cls.__qualname__} is {kind.__name__}, that of another kind {other.__name__}: "
                "rename one, they share a column"
            )
    return dict(sorted(columns.items()))
