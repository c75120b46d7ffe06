"""What decides the bits of a result beside the study: the platform, and the versions that made it."""

import functools
import hashlib
import importlib.metadata
import platform
from pathlib import Path

_PACKAGES = ("jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "pyarrow", "ray")


@functools.cache
def platform_name() -> str:
    """Name the instruction set, the device kind's library and the writer: equal names give equal bytes.

    It reads no device, so that a driver may call it.
    """
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("jaxlib", "numpy", "scipy", "pyarrow")
    )
    return f"{platform.system()} {platform.machine()} {_instruction_set()}; {versions}"


def versions() -> dict[str, str]:
    """Return the versions that are recorded beside a result."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "stochmap": _own_version(), **found}


def _own_version() -> str:
    import stochmap

    return stochmap.__version__


def _instruction_set() -> str:
    """Return a hash of the processor's features where the system tells them, else its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(" ".join(sorted(flags.partition(":")[2].split())).encode()).hexdigest()[:8]
