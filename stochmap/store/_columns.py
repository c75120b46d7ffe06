"""From numpy columns to an Arrow table: no Python object per row, and no copy where the types already agree."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from stochmap.columns import Labels
from stochmap.store._schemas import NAN_IS_NULL

Columns = Mapping[str, np.ndarray | Labels | None]
"""A block of rows: one array or `Labels` a column; None, or no entry, is null in every row."""


def to_arrow(table_name: str, columns: Columns | Sequence[Columns], schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns, from one block of rows or from several, one after the other.

    Text columns come as `Labels` or as arrays of ASCII bytes; they stay dictionary-coded in memory and are plain text
    in the file. NaN becomes null in the columns of `NAN_IS_NULL` and stays a value elsewhere.

    Raises:
        ValueError: a column the schema lacks, arrays of different lengths, a type that does not fit without loss, or
            a column that may not be null and is.
    """
    blocks = [columns] if isinstance(columns, Mapping) else list(columns)
    lengths = [_num_rows(table_name, block, schema) for block in blocks]
    arrays = [_column(table_name, field, blocks, lengths) for field in schema]
    fields = [field.with_type(array.type) for field, array in zip(schema, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, schema.metadata))


def _num_rows(table_name: str, block: Columns, schema: pa.Schema) -> int:
    unknown = [name for name in block if name not in schema.names]
    if unknown:
        raise ValueError(
            f"table {table_name!r} has no column {unknown[0]!r}; its columns are {', '.join(schema.names)}"
        )
    lengths = {}
    for name, values in block.items():
        if values is not None:
            array = values.codes if isinstance(values, Labels) else values
            if array.ndim != 1:
                raise ValueError(f"column {table_name}.{name} has shape {array.shape}; a column has one dimension")
            lengths[name] = len(array)
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the columns of a block of table {table_name!r} must have one length, got {lengths}")
    return next(iter(lengths.values()))


def _column(table_name: str, field: pa.Field, blocks: list[Columns], lengths: list[int]) -> pa.ChunkedArray:
    values = [block.get(field.name) for block in blocks]
    if not field.nullable and any(value is None and length for value, length in zip(values, lengths, strict=True)):
        raise ValueError(f"column {table_name}.{field.name} is missing or None; it may not be null")
    where = f"{table_name}.{field.name}"
    if pa.types.is_string(field.type):
        return _text_column(where, values, lengths)
    chunks = [
        pa.nulls(length, field.type) if value is None else _number_array(where, field, value)
        for value, length in zip(values, lengths, strict=True)
    ]
    return pa.chunked_array(chunks, type=field.type)


def _number_array(where: str, field: pa.Field, values: np.ndarray | Labels) -> pa.Array:
    if isinstance(values, Labels):
        raise ValueError(f"column {where} holds {field.type}, got Labels; pass an array")
    wanted = np.dtype(field.type.to_pandas_dtype())
    if not np.can_cast(values.dtype, wanted, "safe"):
        raise ValueError(f"column {where} holds {wanted}, got {values.dtype}; convert it where it is computed")
    array = np.ascontiguousarray(values, wanted)
    if field.name in NAN_IS_NULL:
        absent = np.isnan(array)
        if absent.any():
            validity = np.packbits(~absent, bitorder="little")
            return pa.Array.from_buffers(field.type, len(array), [pa.py_buffer(validity), pa.py_buffer(array)])
    return pa.array(array, field.type)


def _text_column(where: str, values: list[np.ndarray | Labels | None], lengths: list[int]) -> pa.ChunkedArray:
    if any(isinstance(value, np.ndarray) for value in values):
        return pa.chunked_array([_text_array(where, *pair) for pair in zip(values, lengths, strict=True)], pa.string())
    labels = [value for value in values if isinstance(value, Labels)]
    for value in labels:
        _check_codes(where, value)
    # One dictionary for all blocks: with several, the Parquet encoder would fall back to plain text in mid-column.
    names = list(dict.fromkeys(name for value in labels for name in value.names))
    code_type = np.result_type(np.int8, np.min_scalar_type(-len(names)), *(value.codes.dtype for value in labels))
    dictionary = pa.array(names, pa.string())
    position = {name: i for i, name in enumerate(names)}
    chunks = []
    for value, length in zip(values, lengths, strict=True):
        if not isinstance(value, Labels):
            codes = pa.nulls(length, pa.from_numpy_dtype(code_type))
        else:
            recoded = np.array([position[name] for name in value.names], code_type)
            same = np.array_equal(recoded, np.arange(len(recoded)))
            codes = pa.array(np.ascontiguousarray(value.codes if same else recoded[value.codes], code_type))
        chunks.append(pa.DictionaryArray.from_arrays(codes, dictionary, safe=False))
    return pa.chunked_array(chunks, type=pa.dictionary(pa.from_numpy_dtype(code_type), pa.string()))


def _check_codes(where: str, labels: Labels) -> None:
    codes, names = labels
    if codes.dtype not in (np.int8, np.int16, np.int32):
        raise ValueError(f"the codes of column {where} are {codes.dtype}; they must be int8, int16 or int32")
    if len(codes) and not (codes.min() >= 0 and codes.max() < len(names)):
        raise ValueError(f"the codes of column {where} must lie in 0…{len(names) - 1}, each the place of a name")


def _text_array(where: str, values: np.ndarray | Labels | None, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, pa.string())
    if isinstance(values, Labels):
        _check_codes(where, values)
        return pa.array(np.asarray(values.names, np.str_)[values.codes], pa.string())
    if values.dtype.kind not in "SU":
        raise ValueError(f"column {where} holds text, got {values.dtype}; pass Labels or an array of bytes")
    return pa.array(values).cast(pa.string())
