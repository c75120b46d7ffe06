import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stochmap.building import StudyError, field_values
from stochmap.learners import LEARNERS, Learner
from stochmap.truths import Fixed, Inputs, Truth

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
