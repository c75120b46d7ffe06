"""The executors do the same, and a RayExecutor survives what befalls its workers. One local Ray for the module."""

import functools
import os
import sys
import time

import loaded_late
import pytest
import workload

from cluster import InProcessExecutor, RayExecutor


def by_item(outcomes):
    return {outcome.item: outcome for outcome in outcomes}


@pytest.fixture(params=["in process", "ray"])
def executor(request):
    if request.param == "ray":
        yield request.getfixturevalue("local_ray")
    else:
        with InProcessExecutor() as executor:
            yield executor


def test_each_item_has_one_outcome_with_its_value(executor):
    outcomes = list(executor.map(workload.double, range(10)))
    assert sorted(outcome.item for outcome in outcomes) == list(range(10))
    for outcome in outcomes:
        assert outcome.value == {"item": outcome.item, "double": 2 * outcome.item}
        assert outcome.error is None
        assert outcome.attempts == 1


def test_no_items_no_outcomes(executor):
    assert list(executor.map(workload.double, [])) == []


def test_a_partial_is_work(executor):
    (outcome,) = executor.map(functools.partial(pow, 3), [4])
    assert outcome.value == 81


def test_seconds_are_the_works_own(executor):
    (outcome,) = executor.map(workload.span, [0.3])
    assert 0.3 <= outcome.seconds < 1.0


@pytest.mark.parametrize("work", [workload.raise_on_odd, workload.leave_on_odd])
def test_an_exception_is_a_bug_that_costs_its_own_item_only(executor, work):
    outcomes = by_item(executor.map(work, range(4)))
    assert [outcomes[item].error is None for item in range(4)] == [True, False, True, False]
    error = outcomes[1].error
    assert error.kind == "bug"
    assert error.type in ("ValueError", "SystemExit")
    assert error.message == "1 is odd"
    assert work.__name__ in error.traceback
    assert "1 is odd" in error.traceback
    assert outcomes[1].value is None
    assert outcomes[1].attempts == 1


def test_an_exception_that_cannot_be_pickled_is_reported_like_any_other(executor):
    (outcome,) = executor.map(workload.raise_unpicklable, [0])
    assert (outcome.error.kind, outcome.error.type, outcome.error.message) == ("bug", "Unpicklable", "this and that")


def test_a_value_that_cannot_be_pickled_is_a_bug(local_ray):
    (outcome,) = local_ray.map(workload.return_a_lock, [0])
    assert outcome.error.kind == "bug"
    assert "pickle" in outcome.error.message


@pytest.mark.parametrize("work", [workload.exit_first_time, workload.be_killed_first_time])
def test_a_lost_attempt_is_made_again(local_ray, work, tmp_path):
    (outcome,) = local_ray.map(work, [str(tmp_path / "marker")])
    assert outcome.error is None
    assert outcome.value == {"marker": str(tmp_path / "marker")}
    assert outcome.attempts == 2


def test_resubmissions_are_bounded_and_others_complete(local_ray):
    def work(item):
        return workload.always_exit(item) if item == 0 else {"item": item}

    with RayExecutor(max_resubmissions=1) as executor:
        outcomes = by_item(executor.map(work, range(4)))
    assert outcomes[0].error.kind == "infrastructure"
    assert outcomes[0].error.type == "WorkerCrashedError"
    assert outcomes[0].attempts == 2
    assert [outcomes[item].value for item in (1, 2, 3)] == [{"item": 1}, {"item": 2}, {"item": 3}]


def test_items_are_taken_as_the_window_has_room(local_ray):
    taken = 0

    def items():
        nonlocal taken
        for item in range(40):
            taken += 1
            yield item

    received = 0
    for _ in local_ray.map(workload.double, items()):
        # Four in the window (2 · workers), and at most as many collected at once and not handed over yet.
        assert taken - received <= 8
        received += 1
    assert received == taken == 40


def test_workers_bound_the_tasks_at_once_on_a_ray_that_was_there_before(local_ray):
    with RayExecutor(workers=1) as executor:
        spans = sorted(
            (outcome.value["start"], outcome.value["end"]) for outcome in executor.map(workload.span, [0.2] * 4)
        )
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_two_workers_run_at_once(local_ray, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    assert [outcome.value for outcome in local_ray.map(workload.meet, [paths, paths[::-1]])] == [{"met": True}] * 2


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_each_worker_has_a_core_of_its_own(local_ray):
    places = {outcome.value["pid"]: outcome.value["cores"] for outcome in local_ray.map(workload.where, [0.5] * 4)}
    assert len(places) == 2
    assert all(len(cores) == 1 for cores in places.values())
    assert len({tuple(cores) for cores in places.values()}) == 2


@pytest.mark.parametrize("carrier", ["work", "item"])
def test_work_and_item_are_loaded_into_a_process_that_is_ready(local_ray, tmp_path, carrier):
    # A worker that has not imported the module: the ones at hand are made to leave first.
    list(local_ray.map(workload.exit_first_time, [str(tmp_path / name) for name in "ab"]))
    with RayExecutor(environment={"CHOSEN": carrier}) as executor:
        if carrier == "work":
            (outcome,) = executor.map(loaded_late.tell, [0])
        else:
            (outcome,) = executor.map(ask_what_was_loaded, [loaded_late.Item()])
    assert outcome.value == {"cores": 1, "platforms": "cpu", "chosen": carrier}


def ask_what_was_loaded(item):
    return sys.modules[type(item).__module__].tell(item)


def test_an_unfinished_map_leaves_nothing_running(local_ray, tmp_path):
    path = tmp_path / "beat"
    outcomes = local_ray.map(beat_or_return, [None, str(path)])
    assert next(outcomes).value == {}
    while not path.exists():
        time.sleep(0.05)
    outcomes.close()
    deadline = time.time() + 10
    while time.time() - path.stat().st_mtime < 1.0:
        assert time.time() < deadline, "the task still runs"
        time.sleep(0.1)


def beat_or_return(path):
    return {} if path is None else workload.beat(path)


def test_a_second_executor_does_not_stop_the_ray_it_found(local_ray):
    with RayExecutor() as executor:
        assert executor.resources().cpus == 2
    (outcome,) = local_ray.map(workload.double, [1])
    assert outcome.error is None


def test_the_private_ray_left_nothing_in_the_home(local_ray, private_machine):
    assert list((private_machine / "home").iterdir()) == []


def test_an_executor_works_inside_its_block_only():
    with pytest.raises(RuntimeError, match="with"):
        RayExecutor().map(workload.double, [1])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"workers": 0}, "workers"), ({"max_resubmissions": -1}, "max_resubmissions"), ({"num_gpus": -1}, "num_gpus")],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        RayExecutor(**options)
