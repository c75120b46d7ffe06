"""The same store on a service that speaks S3; needs `moto[server]`, which the test extra does not bring."""

import multiprocessing
import urllib.request

import pytest
from store_cases import CONDITION, commit_many, make_store, tables

from stochmap import store as stochmap_store
from stochmap.store import ChunkRange, IdentityDiffers, NotDeterministic, StoreBusy, commit, verify

moto_server = pytest.importorskip("moto.server")
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def url(monkeypatch):
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT")).close()
    yield "s3://bucket/some/where"
    server.stop()


def test_a_store_on_s3_is_made_raced_for_read_and_verified(url):
    store = make_store(url)
    assert store.objects.put_if_absent("study.toml", b"another") is None
    chunks = [ChunkRange(CONDITION, first, 2) for first in range(0, 8, 2)]
    with store.hold() as held:
        with pytest.raises(StoreBusy), store.hold():
            pass
        barrier, results = SPAWN.Barrier(2), SPAWN.Queue()
        processes = [SPAWN.Process(target=commit_many, args=(held, chunks, barrier, results)) for _ in range(2)]
        for process in processes:
            process.start()
        published = [results.get(timeout=60) for _ in range(2 * len(chunks))]
        for process in processes:
            process.join(60)
        assert {name for name, _ in published} == {chunk.name for chunk in chunks}
        orphan = f"runs/{ChunkRange(CONDITION, 8, 2).name}.parquet"
        held.objects.put(orphan, b"left by a dead attempt")
        assert held.remove_orphans([]) == [orphan]
        held.mark_complete("abc")
    assert make_store(url).missing(CONDITION, 9) == [(8, 1)]
    assert make_store(url).completed_plan() == "abc"
    report = verify(url)
    assert (report.problems, report.chunks, report.rows["runs"]) == ((), 4, 8)
    opened = stochmap_store.open(url)
    assert opened.table("truths", ["x"]).num_rows == 8 * 12
    assert opened.mapping(CONDITION * 2**32 + 3).logits.shape == (4, 3)
    with pytest.raises(NotDeterministic):
        commit(store, chunks[0], tables(chunks[0], shift=0.5))
    with pytest.raises(IdentityDiffers, match="name"):
        make_store(url, 'name = "other"')
