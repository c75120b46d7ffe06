"""Signals become exceptions, and handlers go back to where they were."""

import signal
import threading

import pytest

from cluster import InProcessExecutor, Stopped, _session, interruptible


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield before
    for number, handler in before.items():
        assert signal.getsignal(number) is handler
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_raises_stopped(number):
    with pytest.raises(Stopped, match=f"stopped by {number.name}"), interruptible():
        signal.raise_signal(number)


def test_no_signal_no_exception():
    with interruptible():
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bare_keyboard_interrupt_is_one_too_and_names_the_signal(number):
    def interrupt_inside_ray():
        try:
            signal.raise_signal(number)
        except Stopped:
            raise KeyboardInterrupt from None

    with pytest.raises(Stopped, match=f"stopped by {number.name}"), interruptible():
        interrupt_inside_ray()


def test_clean_up_is_not_disturbed_by_a_second_sigterm():
    cleaned = []

    def be_stopped_and_clean_up():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(Stopped), interruptible():
        be_stopped_and_clean_up()
    assert cleaned


def test_a_signal_whose_exception_was_lost_stops_the_executor_all_the_same():
    done = []

    def work(item):
        done.append(item)
        try:
            signal.raise_signal(signal.SIGTERM)
        except Stopped:
            pass  # as in a destructor
        return {}

    with pytest.raises(Stopped), interruptible(), InProcessExecutor() as executor:
        list(executor.map(work, range(3)))
    assert done == [0]


def test_other_threads_run_the_block_as_it_is():
    ran = []

    def target():
        with interruptible():
            ran.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    assert ran == [signal.getsignal(signal.SIGTERM)]


def install_a_handler_that_exits():
    """As ray.init does."""
    signal.signal(signal.SIGTERM, lambda number, frame: exit(number))


def test_sigterm_while_ray_starts_reaches_the_callers_handler():
    def be_stopped_while_ray_starts():
        with _session._keeping_sigterm():
            install_a_handler_that_exits()
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped), interruptible():
        be_stopped_while_ray_starts()


def test_the_handler_that_ray_installs_does_not_stay():
    handler = signal.getsignal(signal.SIGTERM)
    with _session._keeping_sigterm():
        install_a_handler_that_exits()
    assert signal.getsignal(signal.SIGTERM) is handler
