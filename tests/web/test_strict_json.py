import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.web.request_errors import MalformedJson
from service.web.strict_json import MAX_DELIMITERS, MAX_LEVELS, parse_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


BAD = {
    "nothing": b"",
    "white space": b"  ",
    "half an object": b'{"a": 1',
    "two objects": b"{}{}",
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1} // yes',
    "a list": b"[]",
    "a text": b'"a"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b'{"a": -Infinity}',
    "infinity by overflow": b'{"a": 1e999}',
    "a huge integer": b'{"a": ' + b"9" * 21 + b"}",
    "an integer beyond Python's own limit": b'{"a": ' + b"9" * 5000 + b"}",
    "a name twice": b'{"a": 1, "a": 1}',
    "a name twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "a name twice, deep inside": b'{"a": [{"b": {"c": 1, "c": 2}}]}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without mark": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": b'{"a": "\xe9"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "an overlong form": b'{"a": "\xc0\xaf"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a surrogate pair in a name": b'{"\\udfff": 1}',
    "half a surrogate pair in a list": b'{"a": [1, ["x\\ud83d"]]}',
    "a raw control character": b'{"a": "x\ny"}',
    "a NUL": b'{"a": "\x00"}',
    "one level too many": nested(MAX_LEVELS + 1),
    "levels of lists": b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    "levels beyond the recursion limit": b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "levels never closed": b"[" * 9000,
    "too many values": b'{"a":[' + b"[]," * MAX_DELIMITERS + b"1]}",
    "too many values among texts": b'{"a":[' + b'"\\\\","\\"",' * MAX_DELIMITERS + b"1]}",
    "too many values before a text that never ends": b'{"a":[' + b"1," * MAX_DELIMITERS + b'"',
    "too many names": json.dumps({str(number): 1 for number in range(MAX_DELIMITERS + 1)}).encode(),
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_what_is_not_a_modest_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_object(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' \r\n\t{"a" : [1, -2.5, true, null] } ', {"a": [1, -2.5, True, None]}),
        (b'{"a": 9223372036854775807, "b": -9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        (b'{"a": "\\ud83d\\ude80 \xf0\x9f\x9a\x80"}', {"a": "🚀 🚀"}),
        (b'{"": "", "A": 1, "a": 2}', {"": "", "A": 1, "a": 2}),
        (b'{"a": "\\u0000"}', {"a": "\0"}),
    ],
)
def test_good_json_is_read_as_it_stands(raw: bytes, value: object) -> None:
    assert parse_object(raw) == value


def test_as_many_texts_as_values_allow_are_read() -> None:
    value = {str(number): f",{number}" for number in range(MAX_DELIMITERS)}
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize("escaped", ["", '"', "\\", '\\"', "\\\\", '[{"'])
def test_a_text_may_hold_any_number_of_commas_and_brackets(escaped: str) -> None:
    value = {"a": f",[{{{escaped}" * MAX_DELIMITERS, "é,": [escaped, ","]}
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert parse_object(nested(MAX_LEVELS))


def test_a_refusal_does_not_repeat_the_body() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_object(b'{"password": hunter2}')
    assert "hunter2" not in caught.value.message
    assert caught.value.__suppress_context__


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES, max_size=4))
def test_any_modest_object_survives_the_trip(value: dict[str, Any]) -> None:
    assert parse_object(json.dumps(value).encode()) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(MalformedJson):
        assert isinstance(parse_object(raw), dict)


@given(st.text('{}[]",:0123456789eE+-.truefalsn\\u ', max_size=40))
def test_nearly_json_is_read_only_if_it_is_json(text: str) -> None:
    try:
        value = parse_object(text.encode())
    except MalformedJson:
        return
    assert json.loads(text) == value
