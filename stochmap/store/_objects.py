"""Objects of a local folder or of an S3 bucket: whole, put at once, and put only where there is none."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url
from pyarrow import fs

from stochmap.store._errors import StoreError

_STAGING = ".staging"
_TEMPORARY = re.compile(r"#[0-9]+$")  # what obstore calls a local file until it is whole


class Objects:
    """The objects under one folder or one S3 prefix.

    A local object is written under `.staging/` and then linked or renamed into place, so that a killed writer leaves
    nothing in the folders that readers scan; on S3 a put is atomic by itself.
    """

    def __init__(self, url: str, store: ObjectStore, root: Path | None):
        self.url = url
        self.root = root
        self._store = store

    def put_if_absent(self, path: str, data: bytes | memoryview) -> str | None:
        """Creates the object and returns its tag; None where there is one already, which is left as it is."""
        with self._translated(path):
            if self.root is None:
                try:
                    return self._tag(obstore.put(self._store, path, data, mode="create", use_multipart=False))
                except AlreadyExistsError:
                    return None
            staged, tag = self._stage(data)
            try:
                obstore.rename(self._store, staged, path, overwrite=False)
            except AlreadyExistsError:
                obstore.delete(self._store, staged)
                return None
            return tag

    def put(self, path: str, data: bytes | memoryview) -> str:
        """Creates or replaces the object and returns its tag."""
        with self._translated(path):
            if self.root is None:
                return self._tag(obstore.put(self._store, path, data, use_multipart=False))
            staged, tag = self._stage(data)
            obstore.rename(self._store, staged, path, overwrite=True)
            return tag

    def get(self, path: str) -> tuple[memoryview, str]:
        """The object's bytes and its tag; raises FileNotFoundError."""
        with self._translated(path):
            found = obstore.get(self._store, path)
            return memoryview(found.bytes()), self._tag(found.meta)

    def tag(self, path: str) -> str | None:
        """What changes whenever the object is put anew; None where there is no object."""
        with self._translated(path):
            try:
                return self._tag(obstore.head(self._store, path))
            except FileNotFoundError:
                return None

    def paths(self, prefix: str | None = None) -> Iterator[str]:
        """The paths of the objects in the folder `prefix` and below it, in no order."""
        with self._translated(prefix or ""):
            for page in obstore.list(self._store, prefix, chunk_size=1000):
                yield from (meta["path"] for meta in page if not meta["path"].startswith(_STAGING + "/"))

    def delete(self, path: str) -> None:
        """Deletes the object where there is one."""
        with self._translated(path):
            try:
                obstore.delete(self._store, path)
            except FileNotFoundError:
                return

    def temporary_files(self) -> list[str]:
        """What killed writers left, or living ones are writing; none on S3, where an unfinished put leaves nothing."""
        if self.root is None:
            return []
        found = []
        for folder, _, names in os.walk(self.root):
            relative = Path(folder).relative_to(self.root).as_posix()
            found += [f"{relative}/{name}" for name in names if relative == _STAGING or _TEMPORARY.search(name)]
        return sorted(found)

    def delete_temporary_files(self) -> int:
        """Deletes them and returns how many there were; a writer that is still alive fails and has to try again."""
        paths = self.temporary_files()
        if self.root is not None:
            for path in paths:
                (self.root / path).unlink(missing_ok=True)
            shutil.rmtree(self.root / _STAGING, ignore_errors=True)
        return len(paths)

    def arrow_filesystem(self) -> tuple[fs.FileSystem, str]:
        """The same objects for pyarrow's readers, and the path that stands before each object's own."""
        if self.root is not None:
            return fs.LocalFileSystem(), f"{self.root.as_posix()}/"
        endpoint = _endpoint()
        options = {} if endpoint is None else {"endpoint_override": endpoint, "scheme": endpoint.partition(":")[0]}
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return fs.S3FileSystem(region=region, **options), self.url.removeprefix("s3://").rstrip("/") + "/"

    def _stage(self, data: bytes | memoryview) -> tuple[str, str]:
        staged = f"{_STAGING}/{uuid4().hex}"
        # A link and a rename keep the inode, and with it the tag.
        return staged, self._tag(obstore.put(self._store, staged, data, use_multipart=False))

    @staticmethod
    def _tag(meta: Any) -> str:
        return f"{meta['e_tag']}"

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise StoreError(f"{self.url}/{path}: {reason}; check the path, permissions and free space") from error


def open_objects(path: str | Path) -> Objects:
    """The objects of an existing local folder or of `s3://bucket/prefix`.

    S3 takes credentials, region and endpoint from the AWS_* environment variables (AWS_ENDPOINT_URL for another
    service that speaks S3).

    Raises:
        StoreError: another scheme, or no such folder.
    """
    url = _resolved(path)
    if not url.startswith("s3://"):
        if not Path(url).is_dir():
            raise StoreError(f"{url}: no such folder; check the path")
        return Objects(url, LocalStore(url), Path(url))
    endpoint = _endpoint()
    config: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    if endpoint is not None and endpoint.startswith("http://"):
        config["client_options"] = {"allow_http": True}
    return Objects(url, from_url(url, **config), None)


def create_objects(path: str | Path) -> Objects:
    """As `open_objects`, and makes the local folder where there is none."""
    url = _resolved(path)
    if not url.startswith("s3://"):
        try:
            Path(url).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{url}: {error.strerror}; give a path that can be made a folder") from error
    return open_objects(url)


def _resolved(path: str | Path) -> str:
    text = str(path).removeprefix("file://")
    if text.startswith("s3://"):
        return text.rstrip("/")
    if "://" in text:
        raise StoreError(f"{text}: a store is a local folder or s3://bucket/prefix; give one of these")
    return str(Path(text).expanduser().absolute())


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
