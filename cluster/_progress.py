"""How far a job is: a bar on a terminal, a line every few seconds elsewhere."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 5.0


class Progress:
    """Shows done / total, rate, and the time taken and left, on standard error unless another `stream` is given.

    `initial` items were done before (by an earlier call): they count towards the total, not towards the rate.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        stream: TextIO | None = None,
        *,
        initial: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ):
        if not 0 <= initial <= total:
            raise ValueError(f"initial must lie between 0 and total = {total}: got {initial}")
        self.total = total
        self.unit = unit
        self.done = initial
        self._initial = initial
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = clock()
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._next_show = 0.0
        self._closed = False
        self._show()

    def update(self, count: int = 1) -> None:
        """Count `count` more items as done, and show it if the last time is long enough ago."""
        self.done += count
        if self._clock() >= self._next_show:
            self._show()

    def note(self, line: str) -> None:
        """Print a line of its own, above the bar where there is one."""
        self._write(f"\r\x1b[K{line}\n" if self._terminal else f"{line}\n")
        if self._terminal:
            self._show()

    def close(self) -> None:
        """Show the final state; once."""
        if not self._closed:
            self._closed = True
            self._show()
            if self._terminal:
                self._write("\n")

    def __enter__(self) -> Self:
        """Return the progress itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, finished or not."""
        self.close()

    def _show(self) -> None:
        self._next_show = self._clock() + (_REDRAW_SECONDS if self._terminal else _LINE_SECONDS)
        self._write(f"\r{self._bar()}\x1b[K" if self._terminal else f"{self._text()}\n")

    def _text(self) -> str:
        elapsed = self._clock() - self._started
        fresh = self.done - self._initial
        share = self.done / self.total if self.total else 1.0
        parts = [f"{self.done:,}/{self.total:,} {self.unit} ({share:.0%})"]
        if fresh and elapsed > 0:
            rate = fresh / elapsed
            parts.append(f"{rate:,.1f} {self.unit}/s" if rate < 100 else f"{rate:,.0f} {self.unit}/s")
            if self.done < self.total:
                parts.append(f"{_duration((self.total - self.done) / rate)} left")
        parts.append(f"{_duration(elapsed)} elapsed")
        return ", ".join(parts)

    def _bar(self) -> str:
        text = self._text()
        # One column stays free: a full line would wrap, and \r would then return to the wrong one.
        columns = shutil.get_terminal_size().columns - 1
        width = min(30, columns - len(text) - 3)
        if width < 5:
            return text[:columns]
        filled = width if self.total == 0 else min(width, width * self.done // self.total)
        return f"[{'=' * filled}{' ' * (width - filled)}] {text}"

    def _write(self, text: str) -> None:
        # A closed terminal or pipe is no reason to lose the job.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
