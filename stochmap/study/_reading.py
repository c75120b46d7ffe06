import dataclasses
import itertools
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stochmap.building import StudyError, build, convert, field_types, find_class, is_scalar
from stochmap.learners import LEARNERS, Learner
from stochmap.sampling import MAX_CELLS
from stochmap.truths import INPUTS, TRUTHS, Fixed, Inputs, SparseTable, Truth, TruthTable

from ._study import KEEP, MAX_REPLICATES, Problem, Study

Reader = Callable[[str], TruthTable | SparseTable]
"""From a path to the table in the file, for truths of kind ``fixed``: ``ingest.read_mapping``."""


def load(path: str | Path, read_table: Reader | None = None, **overrides: Any) -> Study:
    """Read a study from a TOML file; ``overrides`` replace its top-level scalars where they are not None.

    Raises:
        StudyError: no such file, not TOML, or a study that cannot be run; one line that says what, where, and what
        to do.
    """
    options = read_toml(path)
    options.update({key: value for key, value in overrides.items() if value is not None})
    return from_options(options, read_table)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        StudyError: no such file, or not TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file: give the path of a study's TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read ({error}): give the path of a study's TOML file") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML ({error}): see jobs/studies/origin.toml for an example") from None


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
    truths = tuple(read_fixed(truth, read_table, where) for truth in _grid(TRUTHS, options["truth"], f"{where}, truth"))
    inputs = _grid(INPUTS, options.get("inputs", {"kind": "uniform"}), f"{where}, inputs")
    for truth, distribution in itertools.product(truths, inputs):
        _check(truth, distribution, where)
    learners = _learners(options["learners"], {truth.family for truth in truths}, where)
    for (name, learner), truth in itertools.product(learners.items(), truths):
        if getattr(learner, "square", False) and truth.num_x != truth.num_y:
            raise StudyError(
                f"{where}: learner {name!r} serves square mappings, not {truth.num_x} × {truth.num_y} ones: "
                "make num_x and num_y equal"
            )
    kinds = options["truth"]["kind"], options.get("inputs", {"kind": "uniform"})["kind"]
    return Problem(convert(options["name"], str, f"{where}, `name`"), truths, inputs, num_samples, learners, *kinds)


def read_fixed(truth: Any, read_table: Reader | None, where: str) -> Truth:
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
    require_protocol(truth, Truth, "family, num_x, num_y and draw(key)", f"{where}, truth")
    require_protocol(inputs, Inputs, "probabilities(num_x)", f"{where}, inputs")
    if truth.num_x * (truth.num_y or 1) > MAX_CELLS:
        raise StudyError(
            f"{where}, truth: {truth.num_x} × {truth.num_y or 1} cells are more than {MAX_CELLS}: "
            "use a smaller num_x or num_y"
        )
    try:
        inputs.probabilities(truth.num_x)
    except ValueError as error:
        raise StudyError(f"{where}, inputs: {error}") from error


def require_protocol(instance: Any, protocol: type, members: str, where: str) -> None:
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
        require_protocol(learner, Learner, "needs, families and a call (key, data)", place)
        if learner.needs not in ("statistics", "pairs", "values"):
            raise StudyError(
                f"{place}: it needs {learner.needs}, a study gives statistics, pairs or values: choose another learner"
            )
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
