"""Values of a document with their places, and the questions a reader asks them.

A question that gets a wrong answer leaves a note and returns None, so that reading
goes on and every problem is found in one pass. Comes after `document_text`; before
`document_networks` and `document_groups`, which know what the keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar

from romana.model.errors import ConfigError, Problem
from romana.net.prefix import Address, Prefix, PrefixError
from romana.wire.document_text import Plain, Twice, Value

LISTED: Final = 100
"""Problems that are kept; of further ones only the number."""
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_FLAGS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
T = TypeVar("T")
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(slots=True)
class Notes:
    """What is wrong with a document, and what deserves a word."""

    version: int
    """Whose defaults and old keys hold: 2 or 3."""
    problems: dict[Problem, None] = field(default_factory=dict)
    """A set in order: a large document may be wrong in the same way at every line."""
    warnings: list[Problem] = field(default_factory=list)
    more: int = 0
    keys: set[str] = field(default_factory=set)
    """Every key met in a mapping whose keys the format chooses."""

    def refuse(self, where: str, what: str) -> None:
        problem = Problem(where, what)
        if problem in self.problems:
            return
        if len(self.problems) < LISTED:
            self.problems[problem] = None
        else:
            self.more += 1

    def mention(self, where: str, what: str) -> None:
        self.warnings.append(Problem(where, what))

    def spoiled(self, where: str) -> bool:
        """Whether something inside that place is wrong, or may be among the problems that were not kept."""
        return self.more > 0 or any(problem.where.startswith(where) for problem in self.problems)

    def raise_problems(self, name: str) -> None:
        """Raise ConfigError `bad-document` with every problem, if there are any."""
        if not self.problems:
            return
        problems = list(self.problems)
        if self.more:
            problems.append(Problem(name, f"and {self.more} more problems"))
        count = len(self.problems) + self.more
        first = str(problems[0])
        message = f"{name}: {first}" if count == 1 else f"{name} has {count} problems, the first: {first}"
        raise ConfigError(message, code="bad-document", problems=problems)


class Node:
    """A value and its place in the operator's words: `topologies[0].map[1].groups`."""

    __slots__ = ("notes", "value", "where")

    def __init__(self, value: Value, where: str, notes: Notes) -> None:
        self.value, self.where, self.notes = value, where, notes

    def refuse(self, what: str) -> None:
        self.notes.refuse(self.where, what)

    def text(self) -> str | None:
        """Return a text of one line, not empty; a YAML scalar without quotes counts as it is written."""
        value = self.value
        if not isinstance(value, str):
            self._wrong("a text")
            return None
        if not value.isprintable():
            self.refuse(f"{shown(value)} holds characters that cannot be printed; remove them")
            return None
        if not value:
            self.refuse("is empty; give it a value or leave it out")
            return None
        return str(value)

    def label(self) -> str | None:
        """Return a text that may be empty."""
        return "" if not self.value and isinstance(self.value, str) else self.text()

    def name(self) -> str | None:
        """Return a text that can be part of a path."""
        text = self.text()
        if text and "/" in text:
            self.refuse(f"{shown(text)} holds a /, which separates names in paths; use another character")
            return None
        return text

    def integer(self, lowest: int, highest: int) -> int | None:
        value = self.value
        if isinstance(value, Plain) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong("a whole number")
            return None
        if not lowest <= value <= highest:
            self.refuse(f"is {shown(value)}; it must be {lowest} to {highest}")
            return None
        return value

    def flag(self) -> bool | None:
        value = _FLAGS.get(self.value) if isinstance(self.value, Plain) else self.value
        if not isinstance(value, bool):
            self._wrong("true or false")
            return None
        return value

    def choice(self, kind: type[ChoiceT]) -> ChoiceT | None:
        words = [str(member) for member in kind]
        if isinstance(self.value, str) and self.value in words:
            return kind(str(self.value))
        self._wrong(f"one of {', '.join(words)}" + nearest(self.value, words))
        return None

    def prefix(self) -> Prefix | None:
        """Return the prefix. One with host bits is a problem, and still compared with others as it was meant."""
        found = self._parsed(Prefix.parse, "a prefix such as 10.0.0.0/8")
        if found is None and isinstance(self.value, str) and "/" in self.value:
            with suppress(PrefixError):
                return Prefix.tolerant(self.value)
        return found

    def address(self) -> Address | None:
        return self._parsed(Address.parse, "an address such as 192.0.2.1")

    def _parsed(self, parse: Callable[[str], T], kind: str) -> T | None:
        if not isinstance(self.value, str):
            self._wrong(kind)
            return None
        try:
            return parse(self.value)
        except PrefixError as error:
            self.refuse(clipped(str(error)))
            return None

    def items(self) -> list[Node]:
        """Return the members of a list; none if it is no list."""
        if not isinstance(self.value, list):
            self._wrong("a list")
            return []
        return [Node(value, f"{self.where}[{i}]", self.notes) for i, value in enumerate(self.value)]

    def pairs(self) -> dict[str, Node]:
        """Return the members of a mapping whose keys the operator chooses; none if it is no mapping."""
        if not isinstance(self.value, dict):
            self._wrong("a mapping from key to value")
            return {}
        self._refuse_twice(self.value)
        nodes = {}
        for key, value in self.value.items():
            if key and key.isprintable():
                nodes[key] = Node(value, f"{self.where}.{clipped(key)}", self.notes)
            else:
                self.refuse(f"the key {shown(key)} is empty or cannot be printed; write another")
        return nodes

    def labels(self) -> dict[str, str]:
        """Return a mapping from text to text."""
        texts = {key: node.label() for key, node in self.pairs().items()}
        return {key: text for key, text in texts.items() if text is not None}

    def fields(self, known: Collection[str], instead: Mapping[str, str] | None = None) -> Fields | None:
        """Return a mapping with these keys only, None if it is none. `instead` hints at the right key."""
        if not isinstance(self.value, dict):
            self._wrong("a mapping of keys and values")
            return None
        self._refuse_twice(self.value)
        self.notes.keys.update(self.value)
        for key in self.value:
            if key not in known:
                hint = (instead or {}).get(key)
                advice = f"; write {hint}" if hint else nearest(key, known)
                self.refuse(f"unknown key {shown(key)}{advice}")
        return Fields(self.value, self)

    def _refuse_twice(self, value: dict[str, Value]) -> None:
        for key in value.keys_twice if isinstance(value, Twice) else ():
            self.refuse(f"the key {shown(key)} stands here more than once; remove all but one")

    def _wrong(self, wanted: str) -> None:
        self.refuse(f"must be {wanted}, not {_described(self.value)}")


class Fields:
    """The keys of a mapping that is there."""

    __slots__ = ("node", "values")

    def __init__(self, values: Mapping[str, Value], node: Node) -> None:
        self.values, self.node = values, node

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> Node | None:
        """Return the value of `key`, None if it is absent. An empty one is absent in version 2 (Go's null)."""
        if key not in self.values:
            return None
        value, notes = self.values[key], self.node.notes
        node = Node(value, f"{self.node.where}.{key}".lstrip("."), notes)
        if value is None or (isinstance(value, Plain) and value in _NULLS):
            if notes.version != 2:
                node.refuse("is empty; give it a value or leave it out")
            return None
        return node

    def get(self, key: str, read: Callable[[Node], T | None]) -> T | None:
        """Return what `read` makes of the key's value, None if it is absent or wrong."""
        node = self.at(key)
        return None if node is None else read(node)

    def required(self, key: str, read: Callable[[Node], T | None]) -> T | None:
        """As `get`; absence is a problem."""
        if key not in self.values:
            self.node.refuse(f"{key} is missing")
        elif self.node.notes.version == 2 and self.values[key] is None:
            self.node.refuse(f"{key} is empty")
        return self.get(key, read)

    def integer(self, key: str, lowest: int, highest: int) -> int | None:
        return self.get(key, lambda node: node.integer(lowest, highest))

    def choice(self, key: str, kind: type[ChoiceT], default: ChoiceT) -> ChoiceT:
        return self.get(key, lambda node: node.choice(kind)) or default

    def items(self, key: str) -> list[Node]:
        """Return the members of a list, none if it is absent."""
        return self.get(key, Node.items) or []


def nearest(word: object, known: Collection[str]) -> str:
    """Return advice that names the known word nearest to a wrong one, or all of a few; "" if none is near."""
    near = get_close_matches(clipped(word), known, n=1) if isinstance(word, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def clipped(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def shown(value: Value) -> str:
    """Return a value as a message quotes it: short, on one line, printable."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"a number of {value.bit_length() * 30103 // 100000 + 1} digits"
    return repr(clipped(str(value))) if isinstance(value, str) else str(value)


def _described(value: Value) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return shown(value)
        case list():
            return "a list"
        case _:
            return "a mapping"
