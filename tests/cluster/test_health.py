"""When a cluster is given up."""

import pytest

from cluster import _health


class Clock:
    """Time that passes when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Cluster:
    """Stands in for a session: its head and its machines come and go."""

    origin = "joined"
    answers = True
    places = 4

    def head_answers(self):
        return self.answers

    def slots(self, num_gpus):
        assert self.answers, "a call that would block"
        if self.places is None:
            raise ConnectionError("the client has lost its server")
        return self.places


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_health.time, "monotonic", clock)
    return clock


def watch(clock, health, seconds):
    for _ in range(seconds):
        clock.now += 1.0
        health.look()
    return health.lost


def test_a_cluster_with_a_head_and_machines_is_not_lost(clock):
    health = _health.Health(Cluster(), 0, patience=60.0)
    assert watch(clock, health, 1000) is None


def test_slots_follow_the_cluster(clock):
    cluster = Cluster()
    health = _health.Health(cluster, 0, patience=60.0)
    cluster.places = 8
    assert health.slots == 4
    watch(clock, health, 10)
    assert health.slots == 8


def test_a_silent_head_is_given_half_a_minute(clock):
    cluster = Cluster()
    health = _health.Health(cluster, 0, patience=600.0)
    cluster.answers = False
    assert watch(clock, health, 29) is None
    lost = watch(clock, health, 11)
    assert lost is not None
    assert lost.kind == "infrastructure"
    assert "head" in lost.message


def test_a_head_that_comes_back_in_time_is_forgiven(clock):
    cluster = Cluster()
    health = _health.Health(cluster, 0, patience=600.0)
    for _ in range(5):
        cluster.answers = False
        assert watch(clock, health, 20) is None
        cluster.answers = True
        assert watch(clock, health, 10) is None


def test_machines_may_take_as_long_as_patience_says(clock):
    cluster = Cluster()
    cluster.places = 0
    health = _health.Health(cluster, 0, patience=60.0)
    assert watch(clock, health, 59) is None
    assert watch(clock, health, 10) is not None


def test_a_ray_of_our_own_gets_no_second_machine(clock):
    cluster = Cluster()
    cluster.origin = "started"
    health = _health.Health(cluster, 0, patience=600.0)
    cluster.places = 0
    assert watch(clock, health, 10) is not None


def test_a_client_without_its_server_is_lost_at_once(clock):
    cluster = Cluster()
    health = _health.Health(cluster, 0, patience=600.0)
    cluster.places = None
    assert watch(clock, health, 10) is not None
