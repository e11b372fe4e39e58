"""A document's bytes as plain values: JSON with `#` comments, or YAML 1.2.

Comes before `document_node`, which asks each value what it is. So that nothing is guessed, a YAML
scalar without quotes stays the text it was written as (`Plain`): PyYAML alone would read the
community `65000:10` as 3900010, the AS number `65000.10` as a float, `on` as true and `012` as 10.
The field that the scalar stands in decides what it means.

The tree is built from the parser's events, not by its own composer: that one recurses in C, and a
megabyte of `[` would end the program.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from romana.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    import yaml

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a document. 10,000 groups with 16 hosts each take a fifth of it."""
DEEPEST: Final = 100
"""Lists and mappings inside each other."""
MOST_ALIASED: Final = 500_000
"""Values that the aliases of a YAML document may add together: a few short lines could mean billions."""

Value = object
"""A dict, list, str, int, float, bool or None; in YAML `Plain` stands for every scalar without quotes."""


class Plain(str):
    """A YAML scalar without quotes, not yet anything."""

    __slots__ = ()


class Twice(dict[str, Value]):
    """A mapping in which keys stand more than once; it keeps the last value of each."""

    def __init__(self, pairs: list[tuple[str, Value]]) -> None:
        super().__init__(pairs)
        self.keys_twice = tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)


@dataclass(frozen=True, slots=True)
class Text:
    """What a text holds, before anybody asked what it means."""

    value: Value
    json: bool


def parse(data: bytes, name: str) -> Text:
    """Return the values of a document. ConfigError `bad-syntax` says where reading stopped."""
    if len(data) > LONGEST:
        _refuse(name, f"it has {len(data)} bytes, and a document has at most {LONGEST}")
    text = _decoded(data, name)
    first = _first_significant(text)
    if first is None:
        _refuse(name, "it is empty; a document has at least `networks`")
    return Text(_json(text, name), True) if first == "{" else Text(_yaml(text, name), False)


def _refuse(name: str, what: str, line: int = 0) -> NoReturn:
    clipped = what if len(what) <= 200 else f"{what[:200]}…"
    problem = Problem(f"{name}, line {line}" if line else name, clipped)
    raise ConfigError(str(problem), code="bad-syntax", problems=[problem])


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(name, f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8", line)


def _first_significant(text: str) -> str | None:
    pieces = (match[0] for match in _COMMENT_OR_SIGN.finditer(text))
    return next((piece for piece in pieces if piece[0] != "#"), None)


_COMMENT_OR_SIGN: Final = re.compile(r"#[^\n]*|\S")
_STRING_OR_COMMENT: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"?|#[^\n]*')
"""The closing quote may be missing, lest a text full of quotes be searched once for each of them."""


def _json(text: str, name: str) -> Value:
    """Comments end with the line and stand outside strings; lines keep their numbers."""
    bare = _STRING_OR_COMMENT.sub(lambda m: m[0] if m[0][0] == '"' else "", text)
    try:
        return json.loads(bare, object_pairs_hook=_mapping, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        what = (error.msg[:1].lower() + error.msg[1:]).removesuffix(" at")
        if what in ("invalid control character", "unterminated string starting"):
            what = "a string does not end on its line, or holds a control character"
        if not bare[error.pos :].strip():
            what = f"the document ends too early ({what})"
        _refuse(name, what, error.lineno)
    except RecursionError:
        _refuse(name, "lists and objects are nested too deeply to be read")
    except ValueError as error:  # NaN, Infinity, or more digits than Python converts
        _refuse(name, str(error).partition(";")[0].replace("Exceeds", "a number exceeds"))


def _mapping(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    mapping = dict(pairs)
    return mapping if len(mapping) == len(pairs) else Twice(pairs)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _yaml(text: str, name: str) -> Value:
    """The whole stream: one document, core tags only, aliases within bounds."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Tree(name).built(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        _refuse(name, _yaml_words(error, text, line), line)
    except yaml.YAMLError as error:
        _refuse(name, str(error).partition("\n")[0])


def _yaml_words(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    lines = text.split("\n")
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written and any(word in str(error.problem) for word in ("cannot start any token", "tab")):
        return "a tab stands where YAML wants spaces"
    what = error.problem or error.context or "it is not YAML"
    if not "\n".join(lines[line - 1 :]).strip():
        return f"the document ends too early ({what})"
    return what


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "items", "key", "mapping", "size")

    def __init__(self, *, mapping: bool, anchor: str | None) -> None:
        self.mapping, self.anchor = mapping, anchor
        self.items: list[Any] = []
        self.key: str | None = None
        self.size = 1


class _Tree:
    """Builds the values from the parser's events, one at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Value, int]] = {}
        """Finished values by anchor, and how many values each consists of."""
        self.aliased = 0
        self.documents: list[Value] = []

    def built(self, events: Iterator[Any]) -> Value:
        from yaml import events as kinds

        for event in events:
            match event:
                case kinds.ScalarEvent():
                    self._scalar(event)
                case kinds.SequenceStartEvent() | kinds.MappingStartEvent():
                    self._begin(event, mapping=isinstance(event, kinds.MappingStartEvent))
                case kinds.SequenceEndEvent() | kinds.MappingEndEvent():
                    self._end(event)
                case kinds.AliasEvent():
                    self._alias(event)
        if len(self.documents) != 1:
            _refuse(self.name, f"it holds {len(self.documents)} YAML documents, and one is read")
        return self.documents[0]

    def _scalar(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            self._refuse(event, f"the tag {event.tag} is not supported; leave it out")
        plain = event.implicit[0] and event.style in (None, "")
        value = Plain(event.value) if plain else cast(str, event.value)
        self._keep(event.anchor, value, 1)
        self._add(event, value, 1)

    def _begin(self, event: Any, *, mapping: bool) -> None:
        if event.tag is not None:
            self._refuse(event, f"the tag {event.tag} is not supported; leave it out")
        if len(self.stack) == DEEPEST:
            self._refuse(event, f"lists and mappings are nested more than {DEEPEST} deep")
        self.stack.append(_Open(mapping=mapping, anchor=event.anchor))

    def _end(self, event: Any) -> None:
        done = self.stack.pop()
        value = _mapping(done.items) if done.mapping else done.items
        self._keep(done.anchor, value, done.size)
        self._add(event, value, done.size)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            self._refuse(event, f"*{event.anchor} stands for nothing that was finished before")
        value, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            self._refuse(event, f"the aliases add more than {MOST_ALIASED} values; write them out")
        self._add(event, value, size)

    def _keep(self, anchor: str | None, value: Value, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = value, size

    def _add(self, event: Any, value: Value, size: int) -> None:
        """Put a finished value where it belongs: the document, a list, or a mapping's key or value."""
        if not self.stack:
            self.documents.append(value)
            return
        into = self.stack[-1]
        into.size += size
        if not into.mapping:
            into.items.append(value)
        elif into.key is None:
            into.key = self._key(event, value)
        else:
            into.items.append((into.key, value))
            into.key = None

    def _key(self, event: Any, value: Value) -> str:
        if not isinstance(value, str):
            self._refuse(
                event, "a key is a text, not a list or mapping; quote a text that starts with { or ["
            )
        if isinstance(value, Plain) and value == "<<":
            self._refuse(event, "merge keys (<<) are not supported; write the keys out")
        return str(value)

    def _refuse(self, event: Any, what: str) -> NoReturn:
        _refuse(self.name, what, event.start_mark.line + 1)
