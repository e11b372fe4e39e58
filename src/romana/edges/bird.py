"""BIRD 2 as the node's speaker: one file, its own parser's consent, one word on its control socket.

    Speaking ─► text ─► differs from bird.conf? ─► `bird -p -c` ─► renamed into place ─► `configure`

Reconfiguring keeps every session whose own parameters did not change. Nothing a person wrote gets into
the text: identifiers are generated, the rest are addresses and numbers.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from romana.model.errors import RefusedError, TransientError
from romana.model.speaker import HOST_ASN, Session, Speaking

TIMEOUT: Final = 5.0
IMPORT_LIMIT: Final = 1000
EXPORT_SPARE: Final = 64
"""Routes beyond those announced now: the limit counts only routes that come after it was set."""
_CHANNEL: Final = {4: "ipv4", 6: "ipv6"}
_DEFAULT: Final = {4: "0.0.0.0/0", 6: "::/0"}
_NOBODY: Final = (
    "# Written by the Romana agent of this node: it has nobody to speak to.\n\nprotocol device { }\n"
)


class BirdSpeaker:
    """A `ports.speaker.Speaker` over `<run>/bird.conf` and `<run>/bird.ctl`."""

    def __init__(self, run_dir: Path, program: str = "bird") -> None:
        self._file, self._control = run_dir / "bird.conf", run_dir / "bird.ctl"
        self._program = program
        # What an agent before this one wrote, the daemon may not have been told.
        self._untold = True

    async def apply(self, wanted: Speaking | None) -> bool:
        there = self._file.read_text() if self._file.exists() else None
        if wanted is None and there is None:
            return False
        text = render(wanted) if wanted is not None else _NOBODY
        if changed := text != there:
            await asyncio.to_thread(self._replace, text)
            self._untold = True
        if self._untold and self._control.exists():
            await configure(self._control)
        self._untold = False
        return changed

    def _replace(self, text: str) -> None:
        """Put the text in place if BIRD's parser takes it. Without the program here, the daemon judges alone."""
        new = self._file.with_suffix(".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text)
        program = shutil.which(self._program)
        if program is not None:
            told = subprocess.run(
                [program, "-p", "-c", new], capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
            if told.returncode:
                raise RefusedError(
                    f"BIRD does not take {new}: {(told.stderr or told.stdout).strip()}", code="speaker-config"
                )
        new.rename(self._file)


def render(wanted: Speaking) -> str:
    """Return bird.conf. The same plan gives the same text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # 60 ms, for nodes with a router only

    environment = Environment(  # noqa: S701 — no HTML; every value is an address, a number or generated
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("bird.conf.j2").render(
        router_id=wanted.router_id,
        host_asn=HOST_ASN,
        import_limit=IMPORT_LIMIT,
        families=list(_families(wanted)),
        sessions=list(_sessions(wanted)),
    )


def _families(wanted: Speaking) -> Iterator[dict[str, object]]:
    for version in (4, 6):
        local = next((s.local for s in wanted.sessions if s.version == version), None)
        if local is not None:
            yield {
                "version": version,
                "channel": _CHANNEL[version],
                "announced": wanted.announced(version),
                "source": local,
            }


def _sessions(wanted: Speaking) -> Iterator[dict[str, object]]:
    for number, session in enumerate(wanted.sessions, 1):
        yield {
            "name": f"router{number}",
            "local": session.local,
            "remote": session.remote,
            "peer": "external" if session.asn is None else f"as {int(session.asn)}",
            "channel": _CHANNEL[session.version],
            "default": _DEFAULT[session.version],
            "announced": session.announced,
            "own": [f"{prefix}+" for prefix in session.announced],
            "accepted": list(_accepted(session)),
            "export_limit": len(session.announced) + EXPORT_SPARE,
        }


def _accepted(session: Session) -> Iterator[str]:
    for entry in session.accepted:
        yield f"{entry.prefix}{{{entry.prefix.length},{max(entry.longest, entry.prefix.length)}}}"


async def configure(control: Path) -> str:
    """Tell the running daemon to read its file again; return its answer.

    RefusedError `speaker-config` if it does not take the file (the old configuration stays in force),
    TransientError `speaker-silent` if it does not answer.
    """
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _ask(control, "configure")
    except (OSError, TimeoutError, EOFError) as error:
        raise TransientError(f"BIRD does not answer on {control}: {error}", code="speaker-silent") from error


async def _ask(control: Path, command: str) -> str:
    reader, writer = await asyncio.open_unix_connection(control)
    try:
        await _answer(reader)  # 0001 BIRD … ready.
        writer.write(f"{command}\n".encode())
        code, text = await _answer(reader)
    finally:
        writer.close()
        with suppress(OSError):  # it hung up: its answer counts
            await writer.wait_closed()
    # 0003 reconfigured, 0004 in progress, 0018 confirmed; 8xxx failed, 9xxx not understood
    # (BIRD, doc/reply_codes).
    if code >= 8000:
        raise RefusedError(f"BIRD did not take its configuration: {text} ({code})", code="speaker-config")
    return text


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Read one reply: lines `NNNN-text` and ` text`, the last one `NNNN text`."""
    said = []
    while line := (await reader.readline()).decode(errors="replace").rstrip("\n"):
        if line[:4].isdigit():
            said.append(line[5:])
            if line[4:5] == " ":
                return int(line[:4]), "; ".join(said)
        else:
            said.append(line.strip())
    raise EOFError("it hung up")
