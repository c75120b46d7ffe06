"""The tasks in flight: submitted, collected as they finish, submitted again where they were lost."""

import logging
import pickle
import time
from dataclasses import dataclass
from typing import Any, Generic

from ._outcome import Failure, Item, Outcome, Work, bug
from ._session import Session
from ._worker import Reply, Setup, call

_LOG = logging.getLogger("cluster")

_POLL_SECONDS = 0.25  # how long a signal may go unseen
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0


@dataclass
class _Flight(Generic[Item]):
    """An item on its way: how often it was submitted, when last, and when it is due again if that was lost."""

    item: Item
    attempts: int = 0
    since: float = 0.0
    due: float = 0.0


class Window(Generic[Item]):
    """The items of one `map` that were taken and have no outcome yet."""

    def __init__(self, session: Session, work: Work, setup: Setup, max_resubmissions: int):
        import ray

        self._logs = session.logs
        self._max_resubmissions = max_resubmissions
        packed = _pickled(work)

        # A closure travels once, with the function's definition. It could be an object of the store instead, but a
        # driver with objects there is ended by Ray, without a word to Python, when its machine's raylet dies.
        def task(item: bytes) -> Reply:
            return call(setup, packed, item)

        # Ray's own retries are off: it repeats tasks that ran out of memory without end. With GPUs Ray starts a process
        # for each task (its default), since a process that has used one GPU cannot be moved to another.
        self._task: Any = ray.remote(num_cpus=1, num_gpus=setup.num_gpus, max_retries=0, retry_exceptions=False)(task)
        self._submitted: dict[Any, _Flight[Item]] = {}
        self._paused: list[_Flight[Item]] = []
        self.cores: set[int | None] = set()

    def __len__(self) -> int:
        return len(self._submitted) + len(self._paused)

    def submit(self, item: Item) -> None:
        """Send an item on its way."""
        self._submit(_Flight(item))

    def collect(self) -> list[Outcome[Item]]:
        """Wait a moment for tasks to finish; return what has come of them, and submit lost ones again when due."""
        now = time.monotonic()
        for flight in [flight for flight in self._paused if flight.due <= now]:
            self._paused.remove(flight)
            self._submit(flight)
        outcomes = (self._land(reference) for reference in self._finished())
        return [outcome for outcome in outcomes if outcome is not None]

    def abandon(self, failure: Failure) -> list[Outcome[Item]]:
        """Give up every item in flight."""
        flights = [*self._submitted.values(), *self._paused]
        self._submitted.clear()
        self._paused.clear()
        return [_failed(flight, failure) for flight in flights]

    def forget(self) -> None:
        """Take no more interest in the tasks that still run."""
        self._paused.clear()
        self._submitted.clear()

    def cancel(self) -> None:
        """Stop the tasks that still run, without waiting for them."""
        import ray

        self._paused.clear()
        while self._submitted:
            reference, _ = self._submitted.popitem()
            # By force: compiled code does not look for interrupts, and whatever the work had not finished is redone.
            ray.cancel(reference, force=True)

    def _submit(self, flight: _Flight[Item]) -> None:
        flight.attempts += 1
        flight.since = time.monotonic()
        packed = _pickled(flight.item)
        try:
            self._submitted[self._task.remote(packed)] = flight
        except ConnectionError as error:
            self._pause(flight, type(error).__qualname__)

    def _finished(self) -> list[Any]:
        import ray

        references = list(self._submitted)
        if not references:
            time.sleep(_POLL_SECONDS)
            return []
        try:
            ready, _ = ray.wait(references, num_returns=1, timeout=_POLL_SECONDS)
            if ready:
                ready, _ = ray.wait(references, num_returns=len(references), timeout=0)
        except ConnectionError:
            # A Ray Client has lost its server; `Health` will find out.
            time.sleep(_POLL_SECONDS)
            return []
        return ready

    def _land(self, reference: Any) -> Outcome[Item] | None:
        """Return what has come of a finished task, or None where it was lost and is to be submitted again."""
        import ray
        from ray.exceptions import RayError

        flight = self._submitted.pop(reference)
        try:
            reply: Reply = ray.get(reference)
        except (RayError, ConnectionError) as error:
            failure = classify(error, self._logs)
            if failure.kind == "bug" or flight.attempts > self._max_resubmissions:
                return _failed(flight, failure)
            self._pause(flight, failure.type)
            return None
        self.cores.add(reply.core)
        if reply.value is None:
            return Outcome(flight.item, None, reply.error, flight.attempts, reply.seconds)
        try:
            value = pickle.loads(reply.value)
        except Exception as error:
            return Outcome(flight.item, None, bug(error), flight.attempts, reply.seconds)
        return Outcome(flight.item, value, None, flight.attempts, reply.seconds)

    def _pause(self, flight: _Flight[Item], reason: str) -> None:
        _LOG.warning("%s: attempt %d at an item was lost, trying again", reason, flight.attempts)
        # Longer each time: a node that is short of memory, or going down, takes a while to be so no more.
        flight.due = time.monotonic() + min(_FIRST_PAUSE * 2 ** (flight.attempts - 1), _LONGEST_PAUSE)
        self._paused.append(flight)


def classify(error: Exception, logs: str | None) -> Failure:
    """Tell what Ray lost from what Python raised around the work in the worker, such as a missing module."""
    from ray.exceptions import RayError, RayTaskError

    cause = error.cause if isinstance(error, RayTaskError) else error
    if cause is not error and not isinstance(cause, RayError):
        return Failure("bug", type(cause).__qualname__, str(cause), str(error))
    where = f" (logs: {logs})" if logs else ""
    return Failure("infrastructure", type(cause).__qualname__, f"{cause}{where}")


def _failed(flight: _Flight[Item], failure: Failure) -> Outcome[Item]:
    return Outcome(flight.item, None, failure, flight.attempts, time.monotonic() - flight.since)


def _pickled(value: Any) -> bytes:
    # By reference where the worker can import it, by value where it cannot (`__main__`).
    from ray import cloudpickle

    return cloudpickle.dumps(value)  # pyright: ignore[reportPrivateImportUsage]
