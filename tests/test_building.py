from dataclasses import dataclass

import numpy as np
import pytest
from own_kinds import Cycle

from stochmap.building import StudyError, build, construct, convert, field_types, field_values, is_scalar, parse_count


@dataclass(frozen=True)
class Shape:
    size: int
    scale: float = 1.0
    label: str = "a"
    wide: bool = False
    values: tuple[float, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}: give a positive number")


KINDS = {"shape": Shape}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (16384, 16384),
        ("16384", 16384),
        ("10_000", 10_000),
        ("1e9", 10**9),
        ("2^20", 1 << 20),
        (1e6, 10**6),
        (" 7 ", 7),
        ("-3", -3),
        (str((1 << 56) + 1), (1 << 56) + 1),  # through a float it would lose its last digit
        (0, 0),
    ],
)
def test_counts_as_people_write_them(value, expected):
    found = parse_count(value, "here")
    assert found == expected
    assert isinstance(found, int)


@pytest.mark.parametrize(
    "value",
    ["", "many", "1.5", 1.5, True, None, [1], "1e400", "nan", "2^-1", "2^", "^2", float("inf"), float("nan"), "0x10"],
)
def test_what_is_no_count_is_refused(value):
    with pytest.raises(StudyError, match="^here: expected a whole number such as 16384, 1e6 or 2\\^20, got "):
        parse_count(value, "here")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1, float, 1.0),
        ("0.5", float, 0.5),
        ("1e-3", float, 1e-3),
        ("true", bool, True),
        (False, bool, False),
        ("text", str, "text"),
        ([1, 2.5], tuple[float, ...], (1.0, 2.5)),
        ("1,2.5", tuple[float, ...], (1.0, 2.5)),
        (("a",), tuple[str, ...], ("a",)),
        (None, int | None, None),
        ("2^3", int | None, 8),
    ],
)
def test_values_become_the_fields_type(value, kind, expected):
    found = convert(value, kind, "here")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("wide", float, "expected a number, got 'wide'"),
        (True, float, "expected a number, got True"),
        ([1.0], float, r"expected a number, got \[1.0\]"),
        (1, bool, "expected true or false, got 1"),
        ("yes", bool, "expected true or false, got 'yes'"),
        (3, str, "expected a string, got 3"),
        (3, tuple[float, ...], "expected a list, got 3"),
        (["a"], tuple[float, ...], "expected a number, got 'a'"),
        ("1.5", int | None, "expected a whole number"),
    ],
)
def test_values_of_another_type_are_refused(value, kind, message):
    with pytest.raises(StudyError, match=f"^here: {message}"):
        convert(value, kind, "here")


def test_an_object_is_built_from_its_kind_and_fields():
    built = build(KINDS, {"kind": "shape", "size": "2^4", "scale": 2, "values": [1, 2]}, "there")
    assert built == Shape(16, 2.0, "a", False, (1.0, 2.0), None)  # noqa: FBT003
    assert build(KINDS, {"kind": "shape", **field_values(built)}, "there") == built


def test_a_class_of_the_users_own():
    assert build(KINDS, {"kind": "own_kinds:Cycle", "num_x": 3}, "there") == Cycle(3, 0.25, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "shape"}, r"there \(shape\): `size` is missing: give size = …"),
        (
            {"kind": "shape", "size": 1, "scal": 2},
            r"unknown key `scal` \(did you mean `scale`\?\): valid keys are size, ",
        ),
        ({"kind": "shape", "size": 1, "zzz": 2}, "unknown key `zzz`: valid keys are size, scale, label, wide, values"),
        ({"kind": "shape", "size": 0}, r"there \(shape\): size must be at least 1, got 0: give a positive number"),
        ({"kind": "shape", "size": "big"}, r"there \(shape\), `size`: expected a whole number"),
        ({"kind": "shap"}, r"unknown kind 'shap' \(did you mean `shape`\?\): valid kinds are shape, or \"package"),
        ({"kind": "other"}, "unknown kind 'other': valid kinds are shape, or \"package.module:Class\" for one of your"),
        ({"kind": ["shape"]}, r"unknown kind \['shape'\]"),
        ({"kind": 3}, "unknown kind 3"),
        ({"size": 3}, "there: `kind` is missing: choose one of shape"),
        (3, r'there: expected a table such as \{ kind = "shape" \}, got 3'),
        ({"kind": "absent_module:Shape"}, r"cannot import 'absent_module:Shape' \(.*\): check the name"),
        ({"kind": "own_kinds:Absent"}, r"cannot import 'own_kinds:Absent' \(.*\): check the name"),
        ({"kind": ":Shape"}, r"cannot import ':Shape' \(.*\): check the name"),
        ({"kind": ".own_kinds:Cycle"}, r"cannot import '.own_kinds:Cycle' \(.*\): check the name"),
        (
            {"kind": "own_kinds:Plain"},
            "'own_kinds:Plain' must be a frozen dataclass, so that its fields are its options",
        ),
        ({"kind": "own_kinds:Thawed"}, "'own_kinds:Thawed' must be a frozen dataclass"),
        ({"kind": "own_kinds:np"}, "'own_kinds:np' must be a frozen dataclass"),
    ],
)
def test_options_that_describe_nothing_are_refused_in_one_line(options, message):
    with pytest.raises(StudyError, match=message) as caught:
        build(KINDS, options, "there")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("there")


def test_fields_and_what_is_a_scalar():
    types = field_types(Shape)
    assert list(types) == ["size", "scale", "label", "wide", "values", "limit"]
    assert [name for name, kind in types.items() if is_scalar(kind)] == ["size", "scale", "label", "wide", "limit"]
    assert construct(Shape, {"size": 2}, "there") == Shape(2)
    assert np.isfinite(field_values(Shape(2))["scale"])
