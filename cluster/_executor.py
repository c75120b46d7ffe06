"""The one seam between the work and what runs it."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from ._outcome import Item, Outcome, Work, attempt
from ._signals import check_stopped


class Executor(Protocol):
    """Runs a function over items, here or elsewhere; a context manager, which starts and stops what it needs."""

    def __enter__(self) -> Self:
        """Start, or connect to, whatever runs the work."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what is still running and let go of it."""
        ...

    def map(self, work: Work, items: Iterable[Item]) -> Iterator[Outcome[Item]]:
        """Yield one `Outcome` for each item, in the order of completion.

        `work` is a module-level callable (or a `functools.partial` of one) that takes one item and returns a small
        dict; `items` is consumed lazily. A failed item is an outcome with an `error`, never an exception.
        """
        ...


class InProcessExecutor:
    """Runs the work in this process, one item after the other: for debugging, and where there is no Ray."""

    def __enter__(self) -> Self:
        """Start nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop nothing."""

    def map(self, work: Work, items: Iterable[Item]) -> Iterator[Outcome[Item]]:
        """Yield one `Outcome` for each item, in the order of `items`."""
        for item in items:
            check_stopped()
            value, error, seconds = attempt(work, item)
            yield Outcome(item, value, error, attempts=1, seconds=seconds)
