"""The bar on a terminal and the lines elsewhere."""

import contextlib
import io
import os
import pty

import pytest

from cluster import Progress


class Clock:
    """Time that passes when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Terminal(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def test_elsewhere_it_writes_plain_lines_seconds_apart(clock):
    stream = io.StringIO()
    with Progress(100, "runs", stream, clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.2
            progress.update()
    lines = stream.getvalue().split("\n")
    assert lines == [
        "0/100 runs (0%), 0:00 elapsed",
        "25/100 runs (25%), 5.0 runs/s, 0:15 left, 0:05 elapsed",
        "50/100 runs (50%), 5.0 runs/s, 0:10 left, 0:10 elapsed",
        "75/100 runs (75%), 5.0 runs/s, 0:05 left, 0:15 elapsed",
        "100/100 runs (100%), 5.0 runs/s, 0:20 elapsed",
        "100/100 runs (100%), 5.0 runs/s, 0:20 elapsed",
        "",
    ]


def test_on_a_terminal_it_redraws_one_line_at_most_ten_times_a_second(clock, wide):
    stream = Terminal()
    with Progress(1000, "runs", stream, clock=clock) as progress:
        for _ in range(1000):
            clock.now += 0.01
            progress.update()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    draws = text.split("\r")[1:]
    assert 90 <= len(draws) <= 102
    assert draws[-1].startswith(f"[{'=' * 30}] 1,000/1,000 runs (100%), 100 runs/s")
    assert all(len(draw.rstrip("\n").removesuffix("\x1b[K")) < 120 for draw in draws)


@pytest.mark.parametrize("columns", [20, 60, 70, 80])
def test_a_line_never_wraps(clock, wide, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    progress = Progress(1000, "runs", stream, clock=clock)
    clock.now += 7200.0
    progress.update(500)
    drawn = stream.getvalue().split("\r")[-1].removesuffix("\x1b[K")
    assert len(drawn) < columns


def test_a_dumb_terminal_gets_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    Progress(3, "chunks", stream, clock=clock).close()
    assert "\r" not in stream.getvalue()


def test_what_was_done_before_counts_for_the_total_and_not_for_the_rate(clock):
    stream = io.StringIO()
    progress = Progress(1000, "runs", stream, initial=900, clock=clock)
    clock.now += 10.0
    progress.update(50)
    assert stream.getvalue().splitlines()[-1] == "950/1,000 runs (95%), 5.0 runs/s, 0:10 left, 0:10 elapsed"


def test_nothing_left_to_do(clock):
    stream = io.StringIO()
    Progress(0, "runs", stream, clock=clock).close()
    assert stream.getvalue().splitlines()[-1] == "0/0 runs (100%), 0:00 elapsed"


def test_initial_lies_within_the_total():
    with pytest.raises(ValueError, match="initial"):
        Progress(10, "runs", io.StringIO(), initial=11)


def test_closing_twice_shows_the_end_once(clock):
    stream = io.StringIO()
    progress = Progress(1, "runs", stream, clock=clock)
    progress.close()
    shown = stream.getvalue()
    progress.close()
    assert stream.getvalue() == shown


def test_a_note_stands_on_a_line_of_its_own(clock, wide):
    stream = Terminal()
    progress = Progress(2, "runs", stream, clock=clock)
    progress.note("look here")
    assert "\r\x1b[Klook here\n\r[" in stream.getvalue()


def test_a_stream_that_is_gone_does_not_end_the_job(clock):
    stream = io.StringIO()
    progress = Progress(2, "runs", stream, clock=clock)
    stream.close()
    clock.now += 10.0
    progress.update()
    progress.close()
    assert progress.done == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_real_streams(monkeypatch, terminal):
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = pty.openpty() if terminal else os.pipe()
    with os.fdopen(writer, "w") as stream:
        with Progress(2, "runs", stream) as progress:
            progress.update(2)
    content = b""
    with contextlib.suppress(OSError):  # a terminal's end: whatever was written before comes first, in parts
        while part := os.read(reader, 10_000):
            content += part
    os.close(reader)
    text = content.decode()
    assert ("\r[" in text) is terminal
    assert "2/2 runs (100%)" in text
