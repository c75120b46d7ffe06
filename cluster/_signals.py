"""Being told to stop, as an exception."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# The signal that the innermost `interruptible` block has seen, if any.
_seen: signal.Signals | None = None


# Ray's C++ calls let only KeyboardInterrupt through a signal handler; any other class is printed and swallowed there.
class Stopped(KeyboardInterrupt):
    """The process was asked to stop, by SIGTERM or SIGINT (Ctrl-C)."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into `Stopped`, raised in the main thread, for the length of the block.

    Clean-up then happens as for any exception. While it does, a further SIGTERM is ignored (whoever sends one follows
    with SIGKILL in a few seconds) and a further Ctrl-C interrupts again. Outside the main thread, where Python runs no
    signal handlers, the block runs as it is.
    """
    global _seen
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for number in before:
            signal.signal(number, _stop)
        yield
    except Stopped:
        raise
    except KeyboardInterrupt:
        # Ray raises a KeyboardInterrupt of its own in place of the exception that the handler raised inside it.
        raise _stopped(_seen or signal.SIGINT) from None
    finally:
        _seen = None
        for number, handler in before.items():
            # None: a handler from outside Python, which cannot be put back from here.
            if handler is not None:
                signal.signal(number, handler)


def check_stopped() -> None:
    """Raise `Stopped` if a signal has come and its exception was lost, as it is where it hits a destructor."""
    if _seen is not None:
        raise _stopped(_seen)


def _stop(number: int, frame: FrameType | None) -> None:
    global _seen
    _seen = signal.Signals(number)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise _stopped(_seen)


def _stopped(number: signal.Signals) -> Stopped:
    return Stopped(f"stopped by {number.name}")
