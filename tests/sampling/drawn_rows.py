"""Words and rows of a few streams; as a script: into a file, in the mode and on the devices that the process has."""

import sys

import jax
import numpy as np

from stochmap.sampling import categorical_sampler, draw_counts, draw_pairs, gaussian_sampler
from stochmap.sharding import LANES
from stochmap.streams import Role, run_keys, words


def drawn() -> dict[str, np.ndarray]:
    key, rng = run_keys(8, (3 << 32) + 1), np.random.default_rng(8)
    start = (1 << 32) - 100
    found = {"words": np.asarray(words(key, Role.LEARNER, start, 200))}
    for num_x, num_y in [(5, 9), (300, 300)]:
        sampler = categorical_sampler(rng.dirichlet(np.ones(num_x)), rng.dirichlet(np.ones(num_y), size=num_x))
        x, y, _ = draw_pairs(sampler, key, start, 5000)
        found.update({f"x {num_x}": x, f"y {num_y}": y})
    tables = categorical_sampler(rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(9), size=(3 * LANES, 5)))
    found["counts"] = np.asarray(draw_counts(tables, run_keys(8, np.arange(3 * LANES)), 1 << 14).n)
    gaussian = gaussian_sampler(np.full(3, 1 / 3), rng.normal(size=3), np.ones(3))
    found["value"] = draw_pairs(gaussian, key, start, 3000).value
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], x64=jax.config.jax_enable_x64, devices=jax.local_device_count(), **drawn())
