"""Settings of the whole node without which it does not forward."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from romana.model.errors import RefusedError

_ROOT: Final = Path("/proc/sys/net")


def prepare() -> list[str]:
    """Let the node forward both families; return the settings that were changed (`net/ipv4/ip_forward`).

    Nothing is switched on that makes the node answer for others (proxy_arp). A node that forwards
    IPv6 ignores router advertisements unless `accept_ra` is 2 (Documentation/networking/ip-sysctl):
    interfaces that listen to them go on doing so, else the node would lose its own default route.
    """
    changed = [_set(_ROOT / "ipv4/ip_forward", "1"), *_send_no_redirects()]
    forwarding = _ROOT / "ipv6/conf/all/forwarding"
    if forwarding.exists() and _value(forwarding) != "1":
        changed += [
            _set(setting, "2")
            for setting in sorted((_ROOT / "ipv6/conf").glob("*/accept_ra"))
            if _value(setting) == "1" and setting.parent.name not in ("all", "default", "lo")
        ]
        changed.append(_set(forwarding, "1"))
    return [name for name in changed if name]


def _send_no_redirects() -> list[str]:
    """The kernel sends where `all` or the interface says so (IN_DEV_TX_REDIRECTS, linux/inetdevice.h).

    `default` first: interfaces made from then on, every endpoint's among them, begin with it.
    """
    interfaces = _ROOT / "ipv4/conf"
    settings = [interfaces / "default/send_redirects", *sorted(interfaces.glob("*/send_redirects"))]
    return [_set(setting, "0") for setting in settings]


def _value(setting: Path) -> str:
    try:
        return setting.read_text().strip()
    except OSError:
        return ""  # the interface went away


def _set(setting: Path, value: str) -> str:
    """Write where it differs; return the setting's name if it did. RefusedError `setting-refused`."""
    name = str(setting.relative_to("/proc/sys"))
    if _value(setting) == value:
        return ""
    try:
        setting.write_text(value)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RefusedError(
            f"cannot set {name.replace('/', '.')} to {value}: {error.strerror};"
            " set it before the agent starts, or give the agent a writable /proc/sys",
            code="setting-refused",
        ) from error
    return name
