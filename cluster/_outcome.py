"""What became of one item of work: a value or a failure, never an exception."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Item = TypeVar("Item")
Work = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Failure:
    """Why an item has no value.

    `kind` is "bug" where the work itself raised (the same item fails again), and "infrastructure" where the process,
    machine or cluster under it was lost (the same item may well succeed elsewhere).
    """

    kind: Literal["bug", "infrastructure"]
    type: str
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """One item, finished: exactly one of `value` and `error` is None.

    `attempts` counts how often the work was started on the item (0: the cluster was lost before its turn). `seconds` is
    how long the last attempt took, measured where it ran; for an attempt that was lost, since it was submitted.
    """

    item: Item
    value: dict[str, Any] | None
    error: Failure | None
    attempts: int
    seconds: float


def attempt(work: Work, item: Any) -> tuple[dict[str, Any] | None, Failure | None, float]:
    """Call `work` on `item`; return its value or the bug it raised, and the seconds it took."""
    start = time.perf_counter()
    try:
        value = work(item)
    # SystemExit too: a `sys.exit` deep inside the work must not look like a lost worker, or it would be tried again.
    except (Exception, SystemExit) as error:
        return None, bug(error), time.perf_counter() - start
    return value, None, time.perf_counter() - start


def bug(error: BaseException) -> Failure:
    """Describe an exception in text, so that it crosses processes that cannot import its class."""
    # The first frame is `attempt` itself, which tells the reader nothing.
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    text = "".join(traceback.format_exception(type(error), error, frames))
    return Failure("bug", type(error).__qualname__, str(error), text)
