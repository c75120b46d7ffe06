import functools
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stochmap.building import StudyError, column_type, field_types, field_values
from stochmap.learners import LEARNERS, Learner
from stochmap.truths import Fixed, Inputs, Truth

KEEP = ("truths", "counts", "estimates", "history", "samples", "calibration")
"""Tables that a study may keep; ``runs`` and ``fits`` always are. ``counts`` brings ``moments`` for Gaussians.

``calibration`` says where the truth lies in the posterior of every learner that has an exact one.
"""

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
        return {**sizes, **_told(self.truth), **content}

    def inputs_values(self) -> dict[str, Any]:
        """Return what ``runs`` tells of the inputs: their fields."""
        return _told(self.inputs)


@dataclass(frozen=True)
class Study:
    """The whole plan: problems × grid × replicates × learners."""

    name: str
    seed: int
    replicates: int
    keep: tuple[str, ...]
    problems: tuple[Problem, ...]

    @functools.cached_property
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
        content = {"content": str} if any(isinstance(truth, Fixed) for truth in self._truths()) else {}
        return {"num_x": int, "num_y": int, **_columns(self._truths()), **content}

    def inputs_fields(self) -> dict[str, type]:
        """Return the columns of ``runs`` that describe inputs, over all problems, with their types."""
        return _columns([inputs for problem in self._by_name() for inputs in problem.inputs])

    def _by_name(self) -> list[Problem]:
        return sorted(self.problems, key=lambda problem: problem.name)

    def _truths(self) -> list[Truth]:
        return [truth for problem in self._by_name() for truth in problem.truths]

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
        """Return the hash of the identity: 16 hexadecimal digits, whatever the order of problems and learners."""
        identity = self.identity()
        for problem in identity["problem"]:
            problem["learners"].sort(key=lambda learner: learner["name"])
        identity["problem"].sort(key=lambda problem: problem["name"])
        return _digest(identity)

    def plan_hash(self) -> str:
        """Return the hash of everything that was asked: identity, conditions and replicates."""
        return _digest([self.identity_hash(), sorted(self.conditions), self.replicates])


def _told(options: Any) -> dict[str, Any]:
    """Return the fields of a truth or of inputs as values of columns: numbers and text as they are, others as JSON."""
    values = field_values(options)
    plain = (int, float, str, bool, type(None))
    return {key: value if isinstance(value, plain) else json.dumps(value) for key, value in values.items()}


def _columns(sources: Sequence[Any]) -> dict[str, type]:
    """Return the columns that the fields of truths or inputs make, with the types that the classes declare."""
    columns: dict[str, type] = {}
    for cls in dict.fromkeys(type(source) for source in sources):
        for name, declared in field_types(cls).items():
            kind = column_type(declared)
            other = columns.setdefault(name, kind)
            if {kind, other} == {int, float}:
                columns[name] = float  # whole in one kind and not in another: a number in both
            elif kind != other:
                raise StudyError(
                    f"field `{name}` of {cls.__qualname__} is {kind.__name__}, that of another kind {other.__name__}: "
                    "rename one, they share a column of the runs table"
                )
    return columns


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _resolved(name: str, learner: Learner) -> dict[str, Any]:
    kinds = {cls: kind for kind, cls in LEARNERS.items()}
    cls = type(learner)
    kind = kinds.get(cls, f"{cls.__module__}:{cls.__qualname__}")
    fields = {key: value for key, value in field_values(learner).items() if value is not None}
    return {"name": name, "kind": kind, **fields}
