"""The work spread over a Ray, here or elsewhere: Ray Core tasks, with back-pressure and bounded resubmission."""

import logging
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ._health import Health
from ._outcome import Item, Outcome, Work
from ._resources import Resources
from ._session import Session, open_session
from ._signals import check_stopped
from ._window import Window
from ._worker import Setup

_LOG = logging.getLogger("cluster")


class RayExecutor:
    """Runs the work as Ray tasks of one CPU each: on a private local Ray, or on a cluster.

    Without an `address` (or RAY_ADDRESS) it starts a Ray of `workers` CPUs on this machine (default: all that this
    process may use) and keeps 2 · workers tasks submitted. With one it joins that cluster, never stops it, and keeps
    `workers` tasks submitted (default: twice what fits on the cluster, as it grows and shrinks).

    Each worker process is pinned to a core of its own and confined to the CPU (`JAX_PLATFORMS=cpu`, unless set) before
    it loads the work; where tasks get GPUs (`num_gpus` each), neither. `environment` is set in the workers first.

    An attempt that is lost with its process, machine or memory is submitted again, at most `max_resubmissions` times;
    an exception in the work is a bug and is not. A cluster without any machine for the work for `patience` seconds
    is given up: what is left then ends as outcomes with errors.
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        max_resubmissions: int = 3,
        *,
        num_gpus: float = 0,
        environment: Mapping[str, str] | None = None,
        patience: float = 300.0,
    ):
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1: got {workers}")
        if max_resubmissions < 0:
            raise ValueError(f"max_resubmissions must be at least 0: got {max_resubmissions}")
        if num_gpus < 0:
            raise ValueError(f"num_gpus must be at least 0: got {num_gpus}")
        self.workers = workers
        self.address = address
        self.max_resubmissions = max_resubmissions
        self.num_gpus = num_gpus
        self.environment = dict(environment or {})
        self.patience = patience
        self._session: Session | None = None
        self._windows: list[Window[Any]] = []
        self._warned = False

    def __enter__(self) -> Self:
        """Start the local Ray or join the cluster; raises what `open_session` does."""
        self._session = open_session(self.address, self.workers, self.num_gpus)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the Ray that was started here, or leave the cluster that was joined; the tasks in flight end with it."""
        session, self._session = self._session, None
        if session is None:
            return
        windows, self._windows = self._windows, []
        try:
            for window in windows:
                if session.origin == "found":
                    window.cancel()
                else:
                    # Ray ends a driver's tasks with its connection. Cancelled by force just before that, a task that
                    # finishes at the same moment makes Ray abort the process ("task that was not pending").
                    window.forget()
        finally:
            session.close()

    @property
    def running(self) -> bool:
        """Whether the `with` block is open."""
        return self._session is not None

    def resources(self) -> Resources:
        """Return what the local Ray or the cluster has in all."""
        return self._opened().resources()

    def map(self, work: Work, items: Iterable[Item]) -> Iterator[Outcome[Item]]:
        """Yield one `Outcome` for each item, in the order of completion; see `Executor.map`."""
        session = self._opened()
        setup = Setup(self.num_gpus, self.environment, _search_path())
        window: Window[Item] = Window(session, work, setup, self.max_resubmissions)
        return self._run(session, window, iter(items))

    def _run(self, session: Session, window: Window[Item], items: Iterator[Item]) -> Iterator[Outcome[Item]]:
        health = Health(session, self.num_gpus, self.patience)
        # Kept, because an exception in the caller's loop does not close this generator until its frame is forgotten.
        self._windows.append(window)
        try:
            self._fill(window, items, session, health)
            while len(window) > 0:
                outcomes = window.collect()
                check_stopped()
                health.look()
                if health.lost is not None:
                    yield from outcomes
                    yield from window.abandon(health.lost)
                    yield from (Outcome(item, None, health.lost, attempts=0, seconds=0.0) for item in items)
                    break
                # Before the caller sees the outcomes: whatever it does with them, the workers have the next items.
                self._fill(window, items, session, health)
                self._warn(window)
                yield from outcomes
                if self._session is not session:
                    raise RuntimeError("the RayExecutor's `with` block ended before its outcomes were all taken")
        except GeneratorExit:
            # The caller wants no more outcomes, and may go on with the executor; other exceptions end in `__exit__`.
            if window in self._windows:
                self._windows.remove(window)
                window.cancel()
            raise
        if window in self._windows:
            self._windows.remove(window)

    def _fill(self, window: Window[Item], items: Iterator[Item], session: Session, health: Health) -> None:
        if self.workers is not None and session.origin != "started":
            limit = self.workers
        else:
            limit = 2 * max(1, health.slots)
        for item in islice(items, max(0, limit - len(window))):
            window.submit(item)

    def _warn(self, window: Window[Any]) -> None:
        if None in window.cores and self.num_gpus == 0 and not self._warned:
            self._warned = True
            _LOG.warning("a worker runs without a core of its own (its log says why): its speed may vary")

    def _opened(self) -> Session:
        if self._session is None:
            raise RuntimeError("a RayExecutor works inside its `with` block only")
        return self._session


def _search_path() -> tuple[str, ...]:
    """List the folders that this process imports modules from, beside those that come with an installed Python."""
    installed = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    folders = (os.path.abspath(folder) for folder in sys.path)
    return tuple(
        folder
        for folder in folders
        if os.path.isdir(folder)
        and not folder.startswith(installed)
        and not {"site-packages", "dist-packages"} & set(Path(folder).parts)
    )
