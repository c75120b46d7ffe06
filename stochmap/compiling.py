"""Options of XLA. Those for the CPU are left out elsewhere, and where the installed XLA does not know them."""

import contextlib
import functools
from typing import Any

import jax

_WIDE_INTEGERS = {"xla_cpu_prefer_vector_width": 512, "xla_backend_optimization_level": 2}
_SHORT_LOOPS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
_QUICKLY_COMPILED = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}


def wide_integers() -> dict[str, Any]:
    """Return the options for integer kernels: XLA's default of 256-bit vectors halves their speed where there are 512.

    Level 2 of optimisation, not 3, which unrolls what was fast as it was. Both are left off floating-point programs,
    whose results could depend on them.
    """
    return _known(_WIDE_INTEGERS)


def short_loops() -> dict[str, Any]:
    """Return the options for loops over small arrays: sums without calls of a library, a tenth of a fit's time."""
    return _known(_SHORT_LOOPS)


def quickly_compiled(level: int) -> dict[str, Any]:
    """Return the options that halve the time of compiling small programs at an optimisation level of XLA's back end."""
    return {"xla_backend_optimization_level": level, **_known(_QUICKLY_COMPILED)}


def _known(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if _is_known(name, value)}


@functools.cache
def _is_known(name: str, value: Any) -> bool:
    """Try an option; not before it is needed, since that starts the backend."""
    if jax.default_backend() != "cpu":
        return False
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        jax.jit(lambda: 0).lower().compile(compiler_options={name: value})
        return True
    return False
