import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest
from store_cases import hold_and_die, make_store

from stochmap.store import LeaseLost, StoreBusy
from stochmap.store import _lease as lease_module

SPAWN = multiprocessing.get_context("spawn")


def lease_file(folder, number: int = 1):
    return folder / "manifest" / f"lease-{number}.json"


def rewrite(folder, **changes) -> None:
    record = json.loads(lease_file(folder).read_text())
    lease_file(folder).write_text(json.dumps({**record, **changes}))


def test_one_driver_at_a_time(tmp_path):
    store = make_store(tmp_path)
    with store.hold() as held:
        held.check_lease()
        with pytest.raises(StoreBusy) as caught, store.hold():
            pass
        message = str(caught.value)
        assert f"process {os.getpid()} on" in message
        assert "stop it" in message
        assert "\n" not in message
    with store.hold() as again:
        again.check_lease()
        assert again.lease.number == 2
        with pytest.raises(LeaseLost):
            held.check_lease()


def test_a_lease_is_released_when_the_block_raises(tmp_path):
    store = make_store(tmp_path)
    with pytest.raises(RuntimeError), store.hold():
        raise RuntimeError
    with store.hold():
        pass


def test_the_lease_of_a_killed_process_is_taken_over_at_once(tmp_path):
    store = make_store(tmp_path)
    process = SPAWN.Process(target=hold_and_die, args=(store,))
    process.start()
    process.join(60)
    assert json.loads(lease_file(tmp_path).read_text())["released"] is False
    with store.hold() as held:
        assert held.lease.number == 2


def test_a_dead_process_that_is_not_yet_reaped_counts_as_dead(tmp_path):
    store = make_store(tmp_path)
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    started = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[19]
    with store.hold() as held:
        rewrite(tmp_path, pid=child, started=started)
        with store.hold() as taken:
            taken.check_lease()
            with pytest.raises(LeaseLost):
                held.check_lease()
    os.waitpid(child, 0)


def test_a_process_number_means_nothing_on_another_machine(tmp_path):
    store = make_store(tmp_path)
    with store.hold():
        rewrite(tmp_path, pid=1 << 22, machine="another")
        with pytest.raises(StoreBusy), store.hold():
            pass
        rewrite(
            tmp_path, pid=os.getpid(), machine=lease_module._machine(), started="0"
        )  # a later process under the number of a dead one
        with store.hold() as taken:
            assert taken.lease.number == 2


def test_a_lease_without_a_sign_of_life_is_taken_over(tmp_path):
    store = make_store(tmp_path)
    with store.hold() as held:
        rewrite(tmp_path, machine="another", renewed_at=time.time() - 55)
        with pytest.raises(StoreBusy), store.hold():
            pass
        rewrite(tmp_path, machine="another", renewed_at=time.time() - 65)
        with store.hold() as taken:
            taken.check_lease()
            with pytest.raises(LeaseLost):
                held.check_lease()
    assert json.loads(lease_file(tmp_path, 2).read_text())["released"] is True
    assert json.loads(lease_file(tmp_path).read_text())["released"] is False  # the loser did not write any more


def test_the_lease_is_renewed_and_a_lost_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(lease_module, "RENEW_SECONDS", 0.05)
    store = make_store(tmp_path)

    def renewed_at() -> float:
        return json.loads(lease_file(tmp_path).read_text())["renewed_at"]

    with store.hold():
        first, limit = renewed_at(), time.monotonic() + 10
        while renewed_at() == first and time.monotonic() < limit:
            time.sleep(0.02)
        assert renewed_at() > first
        lease_file(tmp_path, 2).write_text(lease_file(tmp_path).read_text())
        time.sleep(0.3)
        last = renewed_at()
        time.sleep(0.3)
        assert renewed_at() == last


def test_of_many_drivers_exactly_one_gets_the_store(tmp_path):
    store = make_store(tmp_path)
    for round_number in range(1, 6):
        barrier, winners, losers = threading.Barrier(8), [], []
        over = threading.Event()

        def drive(barrier=barrier, winners=winners, losers=losers, over=over) -> None:
            barrier.wait()
            try:
                with store.hold() as held:
                    winners.append(held.lease.number)
                    over.wait(10)
            except StoreBusy as error:
                losers.append(error)
            if len(losers) == 7:
                over.set()

        threads = [threading.Thread(target=drive) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert winners == [round_number]
        assert len(losers) == 7
