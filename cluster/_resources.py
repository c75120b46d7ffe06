"""What a machine or a cluster has to offer, for planning before anything runs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Resources:
    """Machines, CPUs and bytes of memory, in all."""

    nodes: int
    cpus: int
    memory: int


def local_resources() -> Resources:
    """Return what this process may use of this machine: its affinity and its container's limits are respected."""
    return Resources(nodes=1, cpus=usable_cpus(), memory=_usable_memory())


def usable_cpus() -> int:
    """Return how many CPUs this process may keep busy: those it may run on, or fewer where a container's quota is."""
    quota = cpu_quota()
    return max(1, min(allowed_cpus(), int(quota) if quota is not None else sys.maxsize))


def allowed_cpus() -> int:
    """Return how many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Return the CPUs' worth of time that the control group grants (as containers do), or None without a limit."""
    quotas = []
    for folder in _group_folders("cpu"):
        limit, _, period = _read(folder / "cpu.max").partition(" ")
        if not limit:
            limit, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if limit.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def _usable_memory() -> int:
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for folder in _group_folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdigit():
                limits.append(int(text))
    return min(limits)


def _group_folders(controller: str) -> list[Path]:
    """List the folders that may hold this process's limits: version 2 and 1, its own group's and the container's."""
    folders = [_CGROUPS, _CGROUPS / controller]
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folders.append(_CGROUPS / path.strip("/"))
        elif controller in controllers.split(","):
            folders.append(_CGROUPS / controller / path.strip("/"))
    return list(dict.fromkeys(folders))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
