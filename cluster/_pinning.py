"""A core of its own for each worker process of a machine."""

import fcntl
import functools
import logging
import os
import stat
import tempfile
from pathlib import Path

from ._resources import allowed_cpus, cpu_quota

_LOG = logging.getLogger("cluster")

# Open for the life of the process: closing a descriptor would give its core away.
_HELD: list[int] = []


@functools.cache
def pin_to_own_core() -> int | None:
    """Take a free core by an exclusive file lock, run on it alone from now on, and return its number.

    Only cores that the process is allowed to use are taken, one thread of each physical core first. The lock is held
    until the process ends, however it ends; further calls return the first call's answer. Threads started afterwards
    inherit the core, so call it before the first operation of a library with a thread pool. Returns None, with a logged
    warning, where the process stays unpinned: the system has no affinity, a container grants less time than it shows
    cores (so that no core is ours), or every core is taken.
    """
    if not hasattr(os, "sched_setaffinity"):
        return _unpinned("this system cannot bind a process to a core")
    quota = cpu_quota()
    if quota is not None and quota < allowed_cpus():
        # Another container's workers, whose locks cannot be seen from here, would pick the same cores.
        return _unpinned(
            f"{quota:g} CPUs' worth of time on {allowed_cpus()} cores that are shared with other containers"
        )
    try:
        folder = _lock_folder()
    except OSError as error:
        return _unpinned(f"no folder for the locks: {error}")
    for core in sorted(os.sched_getaffinity(0), key=lambda core: (_thread_of_core(core), core)):
        if _lock(folder / f"{core}.lock"):
            os.sched_setaffinity(0, {core})
            return core
    return _unpinned(f"each of the {allowed_cpus()} cores is taken by another worker")


def _unpinned(reason: str) -> None:
    _LOG.warning("process %d has no core of its own: %s", os.getpid(), reason)


def _lock(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    _HELD.append(descriptor)
    return True


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"worker-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # In a folder for everybody's temporary files the name may have been taken by somebody else.
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder


def _thread_of_core(core: int) -> int:
    """Return 0 for the first hardware thread of a physical core, 1 for the second, …; 0 where that is not known."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return 0
    siblings: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            siblings.extend(range(int(first), int(last or first) + 1))
    return siblings.index(core) if core in siblings else 0
