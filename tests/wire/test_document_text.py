"""Bytes to values: the syntax errors say where, and no input takes long or ends the program."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from romana.model.errors import ConfigError
from romana.wire.document_text import LONGEST, parse

MILLION = 1_000_000


def refusal(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(data, "dc.yaml")
    assert caught.value.code == "bad-syntax"
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "dc.yaml: it is empty"),
        (b"  \n\t\n", "dc.yaml: it is empty"),
        (b"# only\n# comments", "dc.yaml: it is empty"),
        (b'{"networks": [\n {"name": "a",\n', "line 3: the document ends too early"),
        (b'{"networks": [\n {"name": "a}\n]}', "line 2: a string does not end on its line"),
        (b'{"a": 1,}', "line 1: "),
        (b'{"a": 1} x', "line 1: extra data"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number exceeds"),
        (b"networks: [\n{name: a,\n", "line 3: the document ends too early"),
        (b"networks:\n- name: 'a\n", "line 3: the document ends too early"),
        (b"networks:\n  - name: a\n\tcidr: 1\n", "line 3: a tab stands"),
        (b"-\ta\n", "line 1: a tab stands"),
        (b"\tnetworks: []\n", "line 1: a tab stands"),
        (b"networks: []\n\xff\xfe\n", "line 2: byte 0xff is not UTF-8"),
        (b"n\x00etworks: []", "dc.yaml: unacceptable character"),
        (b"a: 1\n---\nb: 2\n", "holds 2 YAML documents"),
        (b"--- \n...\n---\n", "holds 2 YAML documents"),
        (b"a: !!python/object/apply:os.system [id]", "line 1: the tag tag:yaml.org,2002:python"),
        (b"a: !!int 3", "line 1: the tag"),
        (b"a: 1\n<<: {b: 2}", "line 2: merge keys"),
        (b"[a]: 1", "line 1: a key is a text"),
        (b"a: &x [*x]", "line 1: *x stands for nothing"),
        (b"a: *x", "line 1: "),
        (b"a: b: c", "line 1: mapping values are not allowed"),
        (b"%", "line 1: "),
        (b" " * (LONGEST + 1), "bytes, and a document has at most"),
    ],
)
def test_a_text_that_is_no_document_is_refused_with_its_line(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b"\xef\xbb\xbf{}", {}),
        (b"# a comment\n\n # another\n{} # more", {}),
        (b'{"a": "b # no comment", # one\n"c": "\\"#", "d": 1}', {"a": "b # no comment", "c": '"#', "d": 1}),
        (b'{"a#b": "x"}#', {"a#b": "x"}),
        (b'{"a": [1, -2, 1.5, true, null]}', {"a": [1, -2, 1.5, True, None]}),
        (b"a: b", {"a": "b"}),
        (b"a: 012\nb: on\nc: 65000:10\nd: 1e3\n", {"a": "012", "b": "on", "c": "65000:10", "d": "1e3"}),
        (b"a: &x {b: c}\nd: *x", {"a": {"b": "c"}, "d": {"b": "c"}}),
        (b'"<<": a', {"<<": "a"}),
        (b"- a\n-  b", ["a", "b"]),
    ],
)
def test_what_is_read(data, value):
    assert parse(data, "x").value == value


BOMB = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 12)
)


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        b"[" * 5 * MILLION,
        b"- " * MILLION,
        b"? " * MILLION,
        b'{"a":' * MILLION,
        b"{" * 5 * MILLION,
        b'{"' + b'\\"' * 2 * MILLION,
        b'{"a' + b'"b' * 2 * MILLION,
        b'"' * 5 * MILLION,
        b"a: " * MILLION,
        b"&a " * MILLION,
        b"!" * 5 * MILLION,
        b"#" * 5 * MILLION,
        b"%" * 5 * MILLION,
        bytes(range(256)) * 20_000,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_garbage_is_refused_soon(data):
    start = time.process_time()
    refusal(data)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "data", [b"a: 1\n" * MILLION, b"- a\n" * MILLION, b"a" * 5 * MILLION], ids=["keys", "list", "word"]
)
@pytest.mark.slow
def test_much_of_little_is_read_in_bounded_time(data):
    start = time.process_time()
    parse(data, "x")
    assert time.process_time() - start < 10


@given(st.binary() | st.text().map(str.encode) | st.text("{}[]:,-#&*'\"\n\t ab1!|>%@?").map(str.encode))
def test_no_bytes_bring_anything_but_a_value_or_a_refusal(data):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(data, "x").json, bool)
