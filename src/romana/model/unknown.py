"""The one sentence for a name that nothing bears, whoever looks it up."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from romana.model.errors import ConfigError

SHOWN: Final = 5
"""Names that an error lists where none comes near."""


def unknown(kind: str, name: str, known: Iterable[str], *, code: str) -> ConfigError:
    """Return the error for a name that no `kind` bears, with the nearest that one does."""
    hint = _hint(name, [*known], f"there is no {kind} yet")
    return ConfigError(f"there is no {kind} {name!r}{hint}", code=code)


def unheld(name_or_ip: str, known: Iterable[str]) -> ConfigError:
    """Return the error for a name that holds nothing, or an address that nobody holds."""
    hint = _hint(name_or_ip, [*known], "no address is held yet")
    return ConfigError(f"nobody holds {name_or_ip!r}{hint}", code="unknown-address")


def _hint(name: str, known: list[str], none: str) -> str:
    match get_close_matches(name, known, n=3, cutoff=0.5):
        case [] if len(known) > SHOWN:
            return f"; known: {', '.join(known[:SHOWN])} and {len(known) - SHOWN} more"
        case []:
            return f"; known: {', '.join(known)}" if known else f"; {none}"
        case near:
            return f"; did you mean {' or '.join(map(repr, near))}?"
