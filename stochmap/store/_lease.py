"""The lease: at most one driver works on a store at a time.

Leases are numbered objects in the manifest, each put only where there is none, so that of several drivers exactly one
gets a number; the highest number holds. They are never deleted: a driver that wakes up after hours finds that its
number has a successor, even where that one has long finished.
"""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from stochmap.store._errors import LeaseLost, StoreBusy, StoreError
from stochmap.store._manifest import FOLDER
from stochmap.store._objects import Objects

RENEW_SECONDS = 15.0
STALE_SECONDS = 60.0
_NAME = re.compile(rf"{FOLDER}/lease-([0-9]+)\.json")


@dataclass(frozen=True)
class Lease:
    """What a worker needs to know to act for the driver that holds the store."""

    number: int
    owner: str


@dataclass(frozen=True)
class _Record:
    owner: str
    host: str
    machine: str  # tells hosts and containers of one name apart; a process number means something only inside one
    pid: int
    started: str  # tells a process from a later one that got its number
    renewed_at: float
    released: bool


def check_lease(objects: Objects, lease: Lease) -> None:
    """Passes where the lease is still the current one.

    Raises:
        LeaseLost: it has a successor, or was released.
    """
    record = _read(objects, lease.number)
    # A successor's number is the next one: it is put only where there is none.
    if (
        record is None
        or record.owner != lease.owner
        or record.released
        or objects.tag(_path(lease.number + 1)) is not None
    ):
        raise LeaseLost(
            f"{objects.url}: lease {lease.number} is no longer held: another driver took the store over, or the run "
            "ended; let it finish, or run the same command again"
        )


@contextmanager
def hold_lease(objects: Objects) -> Iterator[Lease]:
    """Holds the store's lease inside the block, renewing it from a thread.

    Raises:
        StoreBusy: another driver holds it, its process lives and has renewed it within the last 60 seconds.
    """
    lease, record = _acquire(objects)
    stop = threading.Event()
    renewal = threading.Thread(target=_renew, args=(objects, lease, record, stop), name="store-lease", daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        stop.set()
        renewal.join()
        _release(objects, lease, record)


def _acquire(objects: Objects) -> tuple[Lease, _Record]:
    highest = max((int(match[1]) for match in map(_NAME.fullmatch, objects.paths(FOLDER)) if match), default=0)
    holder = _read(objects, highest)
    if holder is not None and not _is_over(holder):
        raise StoreBusy(_busy(objects, highest, holder))
    lease = Lease(highest + 1, uuid4().hex)
    record = _Record(
        owner=lease.owner,
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        started=_start_of(os.getpid()) or "",
        renewed_at=time.time(),
        released=False,
    )
    if objects.put_if_absent(_path(lease.number), _text(record)) is None:
        winner = _read(objects, lease.number)
        raise StoreBusy(_busy(objects, lease.number, winner))
    return lease, record


def _renew(objects: Objects, lease: Lease, record: _Record, stop: threading.Event) -> None:
    while not stop.wait(RENEW_SECONDS):
        try:
            check_lease(objects, lease)
            objects.put(_path(lease.number), _text(replace(record, renewed_at=time.time())))
        except LeaseLost:
            return
        except StoreError:
            continue  # a store that cannot be reached now may be at the next turn


def _release(objects: Objects, lease: Lease, record: _Record) -> None:
    try:
        check_lease(objects, lease)
        objects.put(_path(lease.number), _text(replace(record, renewed_at=time.time(), released=True)))
    except StoreError:
        return  # lost or out of reach: it goes stale by itself


def _is_over(record: _Record) -> bool:
    if record.released or time.time() - record.renewed_at > STALE_SECONDS:
        return True
    return record.machine == _machine() and _start_of(record.pid) != record.started


def _busy(objects: Objects, number: int, holder: _Record | None) -> str:
    who = "another driver"
    if holder is not None:
        age = max(0.0, time.time() - holder.renewed_at)
        who = f"process {holder.pid} on {holder.host} (lease {number}, renewed {age:.0f} s ago)"
    return (
        f"{objects.url} is in use by {who}; wait until it ends or stop it, and run the same command again "
        f"({STALE_SECONDS:.0f} s after its last sign of life the store is free)"
    )


def _path(number: int) -> str:
    return f"{FOLDER}/lease-{number}.json"


def _text(record: _Record) -> bytes:
    return json.dumps(asdict(record)).encode()


def _read(objects: Objects, number: int) -> _Record | None:
    try:
        return _Record(**json.loads(bytes(objects.get(_path(number))[0])))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StoreError(f"{objects.url}/{_path(number)} is no lease ({error}); delete it and run again") from error


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _start_of(pid: int) -> str | None:
    """When the process started, in the system's own unit; "" where that cannot be said, None where there is none."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
