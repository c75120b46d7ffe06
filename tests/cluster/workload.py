"""Work for the executors' tests: importable by name in any process, and free of third-party modules."""

import os
import signal
import sys
import time
from pathlib import Path


def double(item):
    return {"item": item, "double": 2 * item}


def raise_on_odd(item):
    if item % 2:
        raise ValueError(f"{item} is odd")
    return {"item": item}


def leave_on_odd(item):
    if item % 2:
        sys.exit(f"{item} is odd")
    return {"item": item}


def return_a_lock(item):
    import threading

    return {"lock": threading.Lock()}


class Unpicklable(Exception):
    """Survives no trip between processes: it cannot be made from its one argument."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raise_unpicklable(item):
    raise Unpicklable("this", "that")


def exit_first_time(marker):
    if not os.path.exists(marker):
        Path(marker).touch()
        os._exit(1)
    return {"marker": marker}


def be_killed_first_time(marker):
    if not os.path.exists(marker):
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"marker": marker}


def always_exit(item):
    os._exit(1)


def span(seconds):
    start = time.time()
    time.sleep(seconds)
    return {"start": start, "end": time.time()}


def meet(paths):
    """Say that this item runs, and wait for the other to say so too."""
    mine, others = map(Path, paths)
    mine.touch()
    deadline = time.monotonic() + 60
    while not others.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return {"met": others.exists()}


def where(seconds):
    time.sleep(seconds)
    return {"pid": os.getpid(), "cores": sorted(os.sched_getaffinity(0)), "variables": dict(os.environ)}


def beat(path):
    """Touch a file for as long as anybody lets it."""
    while True:
        Path(path).touch()
        time.sleep(0.05)


def folder(item):
    import cluster

    return {"folder": os.getcwd(), "names": os.listdir(), "cluster": cluster.__file__}
