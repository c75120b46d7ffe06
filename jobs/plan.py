"""How many samples reach a target: `python -m jobs.plan --num-x 16 --num-y 8 --target 0.01`."""

from typing import Any

from jobs import _command
from jobs._command import Count, UsageError
from stochmap import planning
from stochmap.building import StudyError, build, field_types, find_class
from stochmap.learners import LEARNERS
from stochmap.sampling import MAX_CELLS
from stochmap.truths import INPUTS, TRUTHS

EXAMPLES = (
    "--num-x 16 --num-y 8 --target 0.01",
    "--num-x 16 --num-y 8 --target 0.02 --measure width --learner dirichlet,concentration=0.5",
    "--num-x 100 --num-y 20 --target 0.05 --measure total_variation --inputs zipf,exponent=1 --truth normal_logits",
)


def plan(
    *,
    num_x: Count,
    num_y: Count,
    target: float,
    measure: str = "kl_fit_truth",
    learner: str = "maximum_likelihood",
    truth: str = "dirichlet",
    inputs: str = "uniform",
    runs: Count = 1024,
    seed: Count = 0,
) -> int:
    """Say how many samples reach a target error or interval width, and check it by simulation.

    The error is the mean over truths of the chosen kind. A kind may be followed by options: dirichlet,concentration=2

    Args:
        num_x: Inputs of the mapping.
        num_y: Outcomes.
        target: What the measure should be at most.
        measure: kl_fit_truth, kl_truth_fit, kl_all (nats), total_variation, hellinger, l2_squared, or width: the mean
            width of the 95 % intervals of the probabilities.
        learner: A kind of learner.
        truth: A kind of truth (dirichlet has concentration 1).
        inputs: How x is distributed: uniform, zipf or given.
        runs: Simulated runs at each number of samples that is tried.
        seed: Of the simulation.

    """
    for name, size in (("num-x", num_x), ("num-y", num_y)):
        if size < 1:
            raise UsageError(f"--{name} must be at least 1, got {size}: give a positive number")
    if num_x * num_y > MAX_CELLS:
        raise UsageError(f"{num_x} × {num_y} cells are more than {MAX_CELLS}: use a smaller --num-x or --num-y")
    if not 0 <= seed < 1 << 63:
        raise UsageError(f"--seed must be in 0 … 2^63 - 1, got {seed}: choose a non-negative integer")
    import jax

    jax.config.update("jax_enable_x64", val=True)
    setting = planning.Setting(
        _truth(truth, num_x, num_y), _built(INPUTS, inputs, "--inputs"), _built(LEARNERS, learner, "--learner")
    )
    _check(setting, num_x, num_y, learner)
    try:
        found = planning.plan(setting, measure, target, runs=runs, seed=seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(f"{learner} on {num_x} × {num_y} {truth} truths, {inputs} inputs: mean {measure} ≤ {target:g}")
    if found.theory is not None:
        print(f"  theory alone      {found.theory:>15,} samples")
    print(f"  answer            {found.num_samples:>15,} samples")
    value, error, count = found.measured
    print(f"  checked there     {value:>15.6g} ± {1.96 * error:.2g} ({count} fresh runs, 95 %)")
    return _command.DONE


def _truth(text: str, num_x: int, num_y: int) -> Any:
    options = _options(text, "--truth")
    fields = field_types(find_class(TRUTHS, options, "--truth"))
    sizes = {name: size for name, size in (("num_x", num_x), ("num_y", num_y)) if name in fields}
    for name in sizes:
        if name in options:
            raise UsageError(f"--truth: {name} is given by --{name.replace('_', '-')}: leave it out there")
    return build(TRUTHS, {**options, **sizes}, "--truth")


def _built(table: dict[str, type], text: str, where: str) -> Any:
    return build(table, _options(text, where), where)


def _options(text: str, where: str) -> dict[str, str]:
    """Read kind,name=value,…; a value without a name goes on the one before, as in given,values=0.5,0.5."""
    kind, *parts = text.split(",")
    options = {"kind": kind}
    last = None
    for part in parts:
        name, equals, value = part.partition("=")
        if equals:
            last = name.strip().replace("-", "_")
            options[last] = value
        elif last is not None:
            options[last] += f",{part}"
        else:
            raise UsageError(
                f"{where}: cannot read {part!r}: write kind,name=value, such as dirichlet,concentration=0.5"
            )
    return options


def _check(setting: planning.Setting, num_x: int, num_y: int, learner: str) -> None:
    if setting.truth.family != "categorical":
        raise UsageError("--truth: a plan is for tables, not for Gaussians: their errors are σ²/n and σ²/(2n)")
    if (setting.truth.num_x, setting.truth.num_y) != (num_x, num_y):
        have = f"{setting.truth.num_x} × {setting.truth.num_y}"
        raise UsageError(f"--truth: these truths are {have}, not {num_x} × {num_y}: make --num-x and --num-y agree")
    if setting.learner.needs != "statistics" or "categorical" not in setting.learner.families:
        raise UsageError(f"--learner: {learner} does not learn tables from counts: choose another")
    if getattr(setting.learner, "square", False) and num_x != num_y:
        raise UsageError(f"--learner: {learner} serves square mappings: make --num-x and --num-y equal")
    try:
        setting.inputs.probabilities(num_x)
    except ValueError as error:
        raise StudyError(f"--inputs: {error}") from error


if __name__ == "__main__":
    _command.run(plan, "plan", EXAMPLES)
