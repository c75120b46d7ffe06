"""Which folder is this store, to be gone on with: what it is told once, and what is refused."""

import pickle

import pytest
from store_cases import CONDITION, SCHEMAS, STUDY, make_store, snapshot, tables

from stochmap.store import ChunkRange, IdentityDiffers, StoreError, commit, create_or_open, verify
from stochmap.store._objects import open_objects

CHUNK = ChunkRange(CONDITION, 0, 4)


def test_what_is_recorded_once_stays(tmp_path):
    assert make_store(tmp_path).record_once("chunks", {"size": 3}) == {"size": 3}
    assert make_store(tmp_path).record_once("chunks", {"size": 4}) == {"size": 3}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 42", "seed = 43", "seed: 42 in the store, 43 asked"),
        ('"history"]', '"samples"]', "keep: ['truths', 'counts', 'estimates', 'history'] in the store, "),
        ("seed = 42\n", "", "seed: 42 in the store, absent asked"),
        ("0.5", "0.25", "problem.mapping.learners.dirichlet.concentration: 0.5 in the store, 0.25 asked"),
        ("num_x = 4", "num_x = 5", "problem.mapping.truth.num_x: 4 in the store, 5 asked"),
    ],
)
def test_another_identity_is_refused_with_the_key(tmp_path, old, new, message):
    make_store(tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(IdentityDiffers) as caught:
        make_store(tmp_path, STUDY.replace(old, new))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(tmp_path) == before


def test_other_versions_of_streams_or_schemas_are_refused(tmp_path):
    """Their rows would stand beside ones that are drawn, or laid out, in another way."""
    make_store(tmp_path)
    before = snapshot(tmp_path)
    for name in ("stream_version", "schema_version"):
        newer = {
            table: schema.with_metadata({**schema.metadata, f"stochmap.{name}".encode(): b"77"})
            for table, schema in SCHEMAS.items()
        }
        told = f"written with {name.replace('_', ' ')} .*, and this is 77: .*folder"
        with pytest.raises(IdentityDiffers, match=told):
            create_or_open(tmp_path, STUDY, newer, platform="test", versions={})
    assert snapshot(tmp_path) == before


def test_a_store_that_does_not_tell_its_versions_is_older(tmp_path):
    commit(make_store(tmp_path), CHUNK, tables(CHUNK))
    (tmp_path / "manifest" / "format.json").unlink()
    before = snapshot(tmp_path)
    with pytest.raises(IdentityDiffers, match="written with .* version 1, and this is"):
        make_store(tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("content", ["", "[]", "null", '{"stream'])
def test_a_damaged_record_is_one_line(tmp_path, content):
    store = make_store(tmp_path)
    store.record_once("layout", {"size": 3})
    for name in ("layout", "format"):
        (tmp_path / "manifest" / f"{name}.json").write_text(content)
    with pytest.raises(StoreError, match=r"manifest/layout\.json is damaged: .*; restore it, or give a new folder$"):
        store.record_once("layout", {"size": 4})
    with pytest.raises(StoreError, match=r"manifest/format\.json is damaged"):
        make_store(tmp_path)


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(IdentityDiffers, match=r"is no store and not empty \(it holds thesis.tex\)"):
        make_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_place_that_cannot_be_a_store_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", "ftp://host/out"):
        with pytest.raises(StoreError) as caught:
            make_store(place)
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="no such folder"):
        open_objects(tmp_path / "nowhere")


def test_a_relative_folder_is_the_same_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = make_store("out")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    commit(pickle.loads(pickle.dumps(store)), CHUNK, tables(CHUNK))
    assert verify(tmp_path / "out").chunks == 1
