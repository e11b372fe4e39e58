"""Which store a URL names."""

from __future__ import annotations

from typing import Final

from romana.edges.sqlite import open_sqlite
from romana.model.errors import ConfigError
from romana.ports.store import Store

_FORM: Final = "write sqlite:///PATH, for example sqlite:///var/lib/romana/store.db"
_LATER: Final = {"etcd": "etcd", "kube": "the Kubernetes API"}


def open_store(url: str) -> Store:
    """Return the store that `url` names: `sqlite:///a/b` is the file /a/b, taken as written.

    ConfigError for anything but a URL of this form; `open_sqlite` says what a file may be refused for.
    """
    scheme, colon, rest = url.partition("://")
    if scheme in _LATER and colon:
        raise ConfigError(
            f"{url!r}: this version keeps its store in an SQLite file and does not speak to {_LATER[scheme]} "
            f"yet; {_FORM}",
            code="store-unsupported",
        )
    if scheme != "sqlite" or not rest.startswith("/") or rest.endswith("/") or "\0" in rest:
        raise ConfigError(f"{url!r} names no store: {_FORM}", code="store-url")
    return open_sqlite(rest)
