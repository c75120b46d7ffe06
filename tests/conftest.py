"""Two CPU devices, so that sharding is exercised everywhere; 64-bit mode as in the jobs; shapes and types checked."""

import os

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)  # noqa: FBT003
jax.config.update("jax_numpy_rank_promotion", "raise")

# Annotated shapes and types of everything numerical hold in every call that a test makes.
NUMERICAL = (
    "streams",
    "variates",
    "mappings",
    "truths",
    "sampling",
    "posteriors",
    "estimators",
    "learners",
    "metrics",
    "lab",
    "calibration",
    "information",
    "recovery",
    "datasets",
)
install_import_hook([f"stochmap.{name}" for name in NUMERICAL], "shape_checks.checked")

COMMANDS = ("tests/jobs/", "tests/cluster/")
"""Folders whose tests start Rays and commands: one process has them all, so that no two Rays share the cores."""

MOST_PROCESSES = 4
"""Beyond it the commands' tests, one after the other, take longest."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Folders run in a process for each core; a file or a test in this one, at once and in reach of a debugger."""
    from cluster import local_resources

    cores = local_resources().cpus
    if cores == 1 or any(argument.partition("::")[0].endswith(".py") for argument in config.args):
        return 0
    return min(cores, MOST_PROCESSES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: the commands' tests, then those of the whole, which lie outside the folders."""
    items.sort(key=lambda item: (not item.nodeid.startswith(COMMANDS), item.nodeid.partition("::")[0].count("/")))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep a file's tests in one process, for its fixtures' sake, and all of the commands' tests.

    A scheduler of our own, because `--dist=loadgroup` forgets its groups with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "commands" if nodeid.startswith(COMMANDS) else nodeid.partition("::")[0]

    return ByFile(config, log)
