"""Whatever a document holds, reading gives a document or a ConfigError with places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wire_documents
from hypothesis import given
from hypothesis import strategies as st

from romana.model.errors import ConfigError
from romana.wire.document import read, write
from romana.wire.document_devices import DEVICE_KEYS, ROUTER_KEYS
from romana.wire.document_groups import KEYS, OLD_KEYS, TOPOLOGY_KEYS
from romana.wire.document_hosts import KEYS as HOST_KEYS
from romana.wire.document_networks import KEYS as NETWORK_KEYS

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").iterdir())
TOP = ["version", "networks", "topologies", "devices", "links", "budgets", "map", "id", "gateway"]
known = sorted(
    {*TOP, *NETWORK_KEYS, *KEYS, *OLD_KEYS, *TOPOLOGY_KEYS, *HOST_KEYS, *ROUTER_KEYS, *DEVICE_KEYS}
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["10.0.0.0/8", "10.0.0.0/24", "fd00::/48", "a", "1.1.1.1", "fd00::1", "spine", "30s", "*", 2, 3, 24]
    )
)
structures = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(known) | st.text(max_size=4), inner)
    ),
    max_leaves=20,
)
shaped = st.fixed_dictionaries(
    {"networks": st.lists(st.dictionaries(st.sampled_from(NETWORK_KEYS), structures), max_size=3)},
    optional={
        "version": st.sampled_from([2, 3]) | leaves,
        "topologies": st.lists(st.dictionaries(st.sampled_from(TOPOLOGY_KEYS), structures), max_size=3)
        | structures,
        "devices": structures,
        "links": structures,
        "budgets": structures,
    },
)


def sound_or_refused(data: bytes) -> None:
    """Either the document reads back equal, or every problem is a sentence."""
    refused = None
    try:
        document = read(data).document
    except ConfigError as error:
        refused = error
    if refused is None:
        assert read(write(document, "v3").encode()).document == document
    else:
        assert refused.code in ("bad-document", "bad-syntax")
        assert refused.problems
        assert all(problem.what and "\n" not in str(problem) for problem in refused.problems)


@given(structures | shaped)
def test_structures_of_any_kind(value):
    sound_or_refused(json.dumps(value).encode())


@given(structures | shaped)
def test_structures_of_any_kind_as_yaml(value):
    """JSON is YAML: a comment keeps the reader from taking it for JSON."""
    sound_or_refused(b"--- # yaml\n" + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(EXAMPLES)).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        piece = draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\n", b"\t", b" ", b"{", b"]", b",", b": ", b'"', b"0", b"- "])
        )
        data[at : at + draw(st.integers(0, 8))] = piece
    return bytes(data)


@given(mutated())
def test_damaged_examples(data):
    sound_or_refused(data)


@given(wire_documents.documents(), st.data())
def test_damaged_documents(document, data):
    text = write(document, "v3")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    sound_or_refused((text[:start] + text[end:]).encode())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_cut_short_anywhere(path):
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        sound_or_refused(data[:end])
