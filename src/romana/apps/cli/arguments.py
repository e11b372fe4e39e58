"""What is written on the command line, as values; every problem at once, each with what was written."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from romana.model.errors import ConfigError, Problem
from romana.net.prefix import Address, Prefix, PrefixError

T = TypeVar("T")


def addresses(texts: Iterable[str]) -> tuple[Address, ...]:
    """Return the addresses in the order written; commas separate as well. ConfigError `bad-address`."""
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    return _all(parts, Address.parse, code="bad-address")


def prefix(text: str) -> Prefix:
    """Return the prefix. ConfigError `bad-prefix`."""
    return _all([text], Prefix.parse, code="bad-prefix")[0]


def address(text: str) -> Address | None:
    """Return the address that the text is, None where it is something else: a name."""
    try:
        return Address.parse(text)
    except PrefixError:
        return None


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """Return `K=V…` as a mapping. ConfigError `bad-label`."""
    return dict(_all(pairs, _label, code="bad-label"))


def label_changes(words: Iterable[str]) -> dict[str, str | None]:
    """Return what `K=V… K-…` sets (a text) and removes (None). ConfigError `bad-label`."""
    return dict(_all(words, _label_change, code="bad-label"))


def read_input(path: str) -> bytes:
    """Return the bytes of the file, of stdin for `-`. ConfigError `unreadable-file`."""
    try:
        if path != "-":
            return Path(path).read_bytes()
        stdin = getattr(sys.stdin, "buffer", None)
        if stdin is None:  # Python has no sys.stdin where the file descriptor is closed
            raise OSError(errno.EBADF, "it is closed")
        return bytes(stdin.read())
    except OSError as error:
        name = "stdin" if path == "-" else path
        raise ConfigError(f"cannot read {name}: {error.strerror}", code="unreadable-file") from error


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError("a label is written KEY=VALUE")
    return key, value


def _label_change(text: str) -> tuple[str, str | None]:
    if "=" not in text and text.endswith("-") and len(text) > 1:
        return text[:-1], None
    try:
        return _label(text)
    except ValueError:
        raise ValueError("write KEY=VALUE to set a label, KEY- to remove it") from None


def _all(texts: Iterable[str], read: Callable[[str], T], *, code: str) -> tuple[T, ...]:
    values, problems = [], []
    for text in texts:
        try:
            values.append(read(text))
        except ValueError as error:
            sentence = str(error)
            problems.append(Problem("" if text and repr(text) in sentence else repr(text), sentence))
    if problems:
        raise ConfigError(code=code, problems=problems)
    return tuple(values)
