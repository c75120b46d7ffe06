"""The Parquet edge: schemas, exactly-once publishing, and reading back; the same on a local folder and on S3."""

from stochmap.columns import METRIC_COLUMNS as METRIC_COLUMNS
from stochmap.columns import Labels as Labels
from stochmap.store._columns import Columns as Columns
from stochmap.store._columns import to_arrow as to_arrow
from stochmap.store._commit import commit as commit
from stochmap.store._encoding import Encoded as Encoded
from stochmap.store._encoding import encode as encode
from stochmap.store._encoding import encode_row_groups as encode_row_groups
from stochmap.store._errors import IdentityDiffers as IdentityDiffers
from stochmap.store._errors import LeaseLost as LeaseLost
from stochmap.store._errors import NotDeterministic as NotDeterministic
from stochmap.store._errors import StoreBusy as StoreBusy
from stochmap.store._errors import StoreError as StoreError
from stochmap.store._manifest import Entry as Entry
from stochmap.store._manifest import FileRecord as FileRecord
from stochmap.store._ranges import Chunk as Chunk
from stochmap.store._ranges import ChunkRange as ChunkRange
from stochmap.store._ranges import missing_ranges as missing_ranges
from stochmap.store._reading import StudyStore as StudyStore
from stochmap.store._reading import open as open
from stochmap.store._schemas import SCHEMA_VERSION as SCHEMA_VERSION
from stochmap.store._schemas import STUDY_TABLES as STUDY_TABLES
from stochmap.store._schemas import dataset_schemas as dataset_schemas
from stochmap.store._schemas import file_metadata as file_metadata
from stochmap.store._schemas import gradient_schemas as gradient_schemas
from stochmap.store._schemas import study_schemas as study_schemas
from stochmap.store._store import Store as Store
from stochmap.store._store import create_or_open as create_or_open
from stochmap.store._verify import Report as Report
from stochmap.store._verify import verify as verify

__all__ = [
    "METRIC_COLUMNS",
    "SCHEMA_VERSION",
    "STUDY_TABLES",
    "Chunk",
    "ChunkRange",
    "Columns",
    "Encoded",
    "Entry",
    "FileRecord",
    "IdentityDiffers",
    "Labels",
    "LeaseLost",
    "NotDeterministic",
    "Report",
    "Store",
    "StoreBusy",
    "StoreError",
    "StudyStore",
    "commit",
    "create_or_open",
    "dataset_schemas",
    "encode",
    "encode_row_groups",
    "file_metadata",
    "gradient_schemas",
    "missing_ranges",
    "open",
    "study_schemas",
    "to_arrow",
    "verify",
]
