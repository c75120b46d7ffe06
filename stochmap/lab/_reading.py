"""From the tables of a TOML file, or from command-line options, to a study of the lab."""

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stochmap.building import StudyError, build, construct, convert, field_types, find_class, is_scalar
from stochmap.estimators import ESTIMATORS
from stochmap.learners import SampledGradient
from stochmap.truths import TRUTHS, Fixed, Truth

from ._categorical_costs import BrierScore, CostTable, Network
from ._gaussian_costs import GaussianCosine, GaussianQuadratic
from ._learning import Learning
from ._polynomial import BernoulliToy, Cubic, IndependentBernoullis, IndependentCategoricals, Quadratic
from ._problem import Problem
from ._sampled import SampledLearning
from ._study import Cell, Entry, GradientStudy

PROBLEMS: dict[str, type] = {
    "bernoulli_toy": BernoulliToy,
    "quadratic": Quadratic,
    "cubic": Cubic,
    "brier_score": BrierScore,
    "cost_table": CostTable,
    "network": Network,
    "independent_bernoullis": IndependentBernoullis,
    "independent_categoricals": IndependentCategoricals,
    "gaussian_quadratic": GaussianQuadratic,
    "gaussian_cosine": GaussianCosine,
}

_NUMBERS = {"seed": (0, 0), "repeats": (100_000, 2), "warm_up": (1000, 0), "budget": (64, 1)}
"""Defaults and least values."""

_KEYS = ("name", *_NUMBERS, "samples", "estimators", "problem", "learning", "sampled_gradient")


def load(path: str | Path, **overrides: Any) -> GradientStudy:
    """Read a study from a TOML file; ``overrides`` replace its top-level keys where they are not None.

    Raises:
        StudyError: no such file, not TOML, or a study that cannot be run: what, where and what to do, in one line.
    """
    try:
        options = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file: give the path of a study's TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read ({error}): give the path of a study's TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: not TOML ({error}): see jobs/studies/gradients.toml for an example") from None
    return from_options({**options, **{key: value for key, value in overrides.items() if value is not None}})


def from_options(options: Mapping[str, Any]) -> GradientStudy:
    """Build a study from the tables of its TOML file. A list where a scalar is due is an axis of the grid.

    Raises:
        StudyError: as for :func:`load`.
    """
    for key in options:
        if key not in _KEYS:
            raise StudyError(f"study: unknown key `{key}`: valid keys are {', '.join(_KEYS)}")
    numbers = {
        key: convert(options.get(key, default), int, f"study, `{key}`") for key, (default, _) in _NUMBERS.items()
    }
    for key, (_, least) in _NUMBERS.items():
        most = 1 << (62 if key == "seed" else 32)
        if not least <= numbers[key] < most:
            raise StudyError(
                f"study, `{key}`: must be at least {least} and below {most}, got {numbers[key]}: give another number"
            )
    problems, learning, sampled = (options.get(key, []) for key in ("problem", "learning", "sampled_gradient"))
    if any(not isinstance(each, list) for each in (problems, learning, sampled)) or not problems + learning + sampled:
        raise StudyError("study: no problem: add a [[problem]] table with a kind and its fields")
    cells = tuple(cell for problem in problems for cell in _cells(problem))
    samples = options.get("samples", [1])
    sizes = [convert(size, int, "study, `samples`") for size in (samples if isinstance(samples, list) else [samples])]
    listed = options.get("estimators", list(ESTIMATORS))
    study = GradientStudy(
        name=convert(options.get("name", "gradients"), str, "study, `name`"),
        entries=_entries(listed, sizes, {cell.problem.family for cell in cells}),
        cells=cells,
        learning=(*map(_learning, learning), *map(_sampled, sampled)),
        **numbers,
    )
    names = [name for name, _ in sorted({(cell.name, cell.kind) for cell in study.cells})]
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"study: two problems are named {name!r}: give each a name of its own")
    for cell in study.cells:
        if not study.serving(cell):
            raise StudyError(
                f"problem {cell.name!r}: no estimator of the study serves {cell.problem.family} distributions: "
                f"add one of {', '.join(_serving_kinds(cell.problem.family))}"
            )
    _ = study.tasks
    return study


def _cells(options: Any) -> list[Cell]:
    if not isinstance(options, Mapping):
        raise StudyError(f"study: a problem must be a table, got {options!r}: write [[problem]]")
    name = str(options.get("name", options.get("kind", "?")))
    fields = {key: value for key, value in options.items() if key != "name"}
    return [
        Cell(name, str(options["kind"]), _problem(each, name)) for each in _grid(PROBLEMS, fields, f"problem {name!r}")
    ]


def _problem(options: Mapping[str, Any], name: str) -> Problem:
    problem = build(PROBLEMS, options, f"problem {name!r}")
    if not isinstance(problem, Problem):
        raise StudyError(
            f"problem {name!r}: {type(problem).__qualname__} does not serve: it needs family, distribution() and "
            "a call (key, sample)"
        )
    return problem


def _grid(table: Mapping[str, type], options: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Return one set of options for each combination of the values that are listed where a scalar is due."""
    kinds = field_types(find_class(table, options, where))
    axes = [key for key, value in options.items() if isinstance(value, list) and is_scalar(kinds.get(key, str))]
    for key in axes:
        if not options[key]:
            raise StudyError(f"{where}, `{key}`: an empty list: give at least one value")
    combinations = itertools.product(*(options[key] for key in axes))
    return [{**options, **dict(zip(axes, values, strict=True))} for values in combinations]


def _entries(listed: Any, sizes: Sequence[int], families: set[str]) -> tuple[Entry, ...]:
    if not families:  # nothing is measured, only learned
        return ()
    names = listed.split(",") if isinstance(listed, str) else listed
    if not isinstance(names, list) or not names or not sizes:
        raise StudyError(
            f"study: `estimators` and `samples` need at least one value; kinds are {', '.join(ESTIMATORS)}"
        )
    everything = listed == list(ESTIMATORS)
    found: dict[str, Entry] = {}
    for item in names:
        options = {"kind": item.strip()} if isinstance(item, str) else item
        where = (
            f"estimator {options.get('name', options.get('kind', '?')) if isinstance(options, Mapping) else options!r}"
        )
        cls = find_class(ESTIMATORS, options, where)
        if not families & set(getattr(cls, "families", ())):
            if everything:
                continue
            served = " and ".join(sorted(getattr(cls, "families", ())))
            raise StudyError(f"{where}: serves {served or 'nothing'}, and no problem of the study is of that family")
        for entry in _sized(options, sizes, where):
            if str(entry.content) in found:
                raise StudyError(f"{where}: listed twice: remove one")
            found[str(entry.content)] = entry
    return tuple(found.values())


def _sized(options: Mapping[str, Any], sizes: Sequence[int], where: str) -> list[Entry]:
    """Return the estimator at every size that it can have; at its own default where none of them will do.

    Raises:
        StudyError: it refuses its other options.
    """
    name = str(options.get("name", options["kind"]))
    entries = []
    for fields in _grid(ESTIMATORS, {key: value for key, value in options.items() if key != "name"}, where):
        fixed = build(ESTIMATORS, fields, where)
        if "num_samples" in fields:
            entries.append(Entry(name, fixed))
            continue
        sized = []
        for size in sizes:
            try:
                sized.append(Entry(name, build(ESTIMATORS, {**fields, "num_samples": size}, where)))
            except StudyError:
                continue  # it takes pairs, or sets of at least two
        entries += sized or [Entry(name, fixed)]
    return entries


def _serving_kinds(family: str) -> list[str]:
    return [kind for kind, cls in ESTIMATORS.items() if family in cls.families]


def _sampled(options: Any) -> SampledLearning:
    if not isinstance(options, Mapping) or "truth" not in options:
        raise StudyError('study: a [[sampled_gradient]] table needs a truth such as { kind = "normal_logits", … }')
    name = str(options.get("name", "sampled_gradient"))
    where = f"sampled_gradient {name!r}"
    truth = build(TRUTHS, options["truth"], f"{where}, truth")
    if not isinstance(truth, Truth) or truth.num_y is None or isinstance(truth, Fixed):
        raise StudyError(f"{where}, truth: a kind of random table is needed: choose one such as normal_logits")
    listed = options.get("estimators", [])
    if not isinstance(listed, list) or not listed:
        raise StudyError(f"{where}, `estimators`: a list of at least one kind is needed, got {listed!r}")
    own = ("name", "truth", "estimators", "num_samples", "runs")
    shared = {key: value for key, value in options.items() if key not in own}
    sizes = {key: convert(options[key], int, f"{where}, `{key}`") for key in ("num_samples", "runs") if key in options}
    for key, value in sizes.items():
        if value < 1:
            raise StudyError(f"{where}, `{key}`: must be positive, got {value}: give a larger number")
    learners = [(str(kind), construct(SampledGradient, {**shared, "estimator": kind}, where)) for kind in listed]
    for kind, learner in learners:
        if "categorical" not in learner.families:
            raise StudyError(f"{where}: {kind} does not serve tables: choose another estimator")
    try:
        return SampledLearning(name, str(options["truth"]["kind"]), truth, tuple(learners), **sizes)
    except ValueError as error:
        raise StudyError(f"{where}: {error}") from error


def _learning(options: Any) -> Learning:
    if not isinstance(options, Mapping) or "problem" not in options:
        raise StudyError('study: a [[learning]] table needs a problem such as { kind = "bernoulli_toy" }')
    name = str(options.get("name", "learning"))
    where = f"learning {name!r}"
    problem = _problem(options["problem"], name)
    listed = options.get("estimators", ["score_function"])
    if not isinstance(listed, list) or not listed:
        raise StudyError(f"{where}, `estimators`: a list of at least one kind is needed, got {listed!r}")
    estimators = []
    for item in listed:
        fields = {"kind": item} if isinstance(item, str) else item
        estimator = build(ESTIMATORS, {key: value for key, value in fields.items() if key != "name"}, where)
        if problem.family not in estimator.families:
            served = " and ".join(sorted(estimator.families))
            raise StudyError(f"{where}: {fields['kind']} serves {served}, not {problem.family}: choose another")
        estimators.append((str(fields.get("name", fields["kind"])), estimator))
    plain = {key: value for key, value in options.items() if key in ("steps", "learning_rate", "runs")}
    for key in options:
        if key not in ("name", "problem", "estimators", "steps", "learning_rate", "runs"):
            raise StudyError(
                f"{where}: unknown key `{key}`: valid keys are name, problem, estimators, steps, learning_rate, runs"
            )
    kinds = {"steps": int, "learning_rate": float, "runs": int}
    values = {key: convert(value, kinds[key], f"{where}, `{key}`") for key, value in plain.items()}
    for key, value in values.items():
        if not value > 0:
            raise StudyError(f"{where}, `{key}`: must be positive, got {value}: give a larger number")
    return Learning(name, str(options["problem"]["kind"]), problem, tuple(estimators), **values)
