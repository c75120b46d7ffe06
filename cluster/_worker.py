"""What runs inside a worker process: set the process up, then load the work, then do it."""

import ctypes
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._outcome import Failure, Work, attempt, bug
from ._pinning import pin_to_own_core


@dataclass(frozen=True)
class Setup:
    """How a worker process is set up before it loads anything of the work's.

    `search_path` are the folders that the driver imports its modules from; a worker looks there last, if it sees them.
    """

    num_gpus: float = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    search_path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What a worker sends back: the pickled value or the bug, the seconds it took, and the core it ran on."""

    value: bytes | None
    error: Failure | None
    seconds: float
    core: int | None


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# The work loaded last, and the bytes it came from: loading it afresh for each item would drop what it has compiled.
_loaded: tuple[bytes, Work] | None = None


def call(setup: Setup, work: bytes, item: bytes) -> Reply:
    """Do one item in this process.

    Work and item arrive pickled, because unpickling them imports their modules, and those may start thread pools: the
    process must have its core and its environment first.
    """
    core = prepare(setup)
    try:
        function, argument = _load(work), pickle.loads(item)
    except Exception as error:
        return Reply(None, bug(error), 0.0, core)
    value, failure, seconds = attempt(function, argument)
    if failure is not None:
        return Reply(None, failure, seconds, core)
    try:
        return Reply(pickle.dumps(value), None, seconds, core)
    except Exception as error:
        return Reply(None, bug(error), seconds, core)


def prepare(setup: Setup) -> int | None:
    """Set this process up; return the core it is pinned to. Done for each item, it has an effect only once."""
    for folder in setup.search_path:
        if folder not in sys.path:
            sys.path.append(folder)
    os.environ.update(setup.environment)
    _keep_freed_memory()
    if setup.num_gpus > 0:
        return None
    # On a machine with GPUs every worker would otherwise claim memory on each of them.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    core = pin_to_own_core()
    if core is None:
        # XLA sizes its thread pool by the cores it sees; on one CPU's share of a machine it must not see them all.
        os.environ.setdefault("NPROC", "1")
    return core


def _keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to 256 MiB at the end of each heap, in place of taking it anew.

    Arrays of some MiB come and go with every block of rows: their page faults are 4 % of a sampling worker's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    chosen = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys()
    if mallopt is not None and not chosen:  # glibc, left as it is
        mallopt(_M_MMAP_THRESHOLD, 1 << 25)
        mallopt(_M_TRIM_THRESHOLD, 1 << 28)


def _load(work: bytes) -> Any:
    global _loaded
    if _loaded is None or _loaded[0] != work:
        _loaded = (work, pickle.loads(work))
    return _loaded[1]
