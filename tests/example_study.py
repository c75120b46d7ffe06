"""One small study with everything in it; as a script: its tables on this process's devices, into a file."""

import sys

from stochmap.study import Chunk, Study, from_options

OPTIONS = {
    "name": "example",
    "seed": 11,
    "replicates": 200,
    "keep": ["truths", "counts", "samples", "estimates", "history", "calibration"],
    "problem": [
        {
            "name": "mapping",
            "num_samples": 300,
            "truth": {"kind": "dirichlet", "num_x": 5, "num_y": 4, "concentration": 0.7},
            "inputs": {"kind": "zipf", "exponent": 2.0},
            "learners": [
                {"kind": "maximum_likelihood"},
                {"kind": "dirichlet", "concentration": 0.5},
                {"kind": "gradient_descent", "learning_rate": 0.2, "max_steps": 4000},
            ],
        },
        {
            "name": "gaussian",
            "num_samples": 40,
            "truth": {"kind": "normal_inverse_gamma", "num_x": 3},
            "learners": [
                {"kind": "maximum_likelihood"},
                {"kind": "normal_inverse_gamma"},
                {"kind": "gradient_descent", "learning_rate": 0.2, "max_steps": 4000},
            ],
        },
    ],
}

COUNT = 300
"""Runs of each problem that are compared: whole batches and tails on 1, 2 and 8 devices."""


def example(**changes) -> Study:
    return from_options({**OPTIONS, **changes})


def chunk_of(study: Study, problem: str, first: int, count: int) -> Chunk:
    (condition,) = [key for key, cell in study.conditions.items() if cell.problem == problem]
    return Chunk(condition, first, count)


def closed_forms() -> list[dict]:
    """Return the study's problems without gradient descent: its program is compiled anew for each device."""
    return [{**entry, "learners": entry["learners"][:2]} for entry in OPTIONS["problem"]]


def main(path: str, few: str = "") -> None:
    import jax
    import numpy as np
    from tables import decoded, sorted_rows

    from stochmap.recovery import run_chunk

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    without = {"calibration", "history"}
    keep = [table for table in OPTIONS["keep"] if table not in without]
    study = example(problem=closed_forms(), keep=keep) if few else example()
    columns = {"devices": np.array(jax.local_device_count())}
    for problem in ("mapping", "gaussian"):
        for name, table in decoded(run_chunk(study, chunk_of(study, problem, 0, COUNT))).items():
            columns.update({f"{problem}/{name}/{column}": values for column, values in sorted_rows(table).items()})
    np.savez(path, **columns)


if __name__ == "__main__":
    main(*sys.argv[1:])
