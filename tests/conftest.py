"""Two CPU devices, so that sharding is exercised everywhere; 64-bit mode as in the jobs; shapes and types checked."""

import os

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
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
