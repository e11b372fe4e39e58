"""The page docs/cli.md, written from the commands themselves.

python -m romana.apps.cli.reference > docs/cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from romana.apps.cli.framework import CONTEXT, Group
from romana.apps.cli.main import romana

WIDTH = 90

HEAD = """\
# Command line

Written by `python -m romana.apps.cli.reference > docs/cli.md` from the commands themselves.

Every command takes `-o table|json|yaml`, `-h`, and `--store URL` where it reads or writes a store (else the
environment's `ROMANA_STORE`, else `sqlite:///var/lib/romana/store.db`). They may stand anywhere after `romana`; the
last one counts. Data goes to stdout. Warnings go to stderr as `Warning: …`, errors as `Error: sentence [code]`, with
`-o json` as `{"error": {"code", "message", "problems": [{"where", "what"}]}}`; the codes stand in
[errors.md](errors.md).

| exit status | means |
|---|---|
| 0 | done |
| 1 | our bug; `ROMANA_DEBUG=1` shows its details |
| 2 | the input must change: usage, document, unknown name |
| 3 | valid, but impossible now: no free address, live addresses would be stranded |
| 4 | conflict: it exists already, or another writer was first |
| 5 | something outside did not answer or refused: store, agent, daemon, system |
| 6 | verification found a fault |
| 130 | interrupted |

Completion: `source <(romana completion bash)`; also for zsh and fish.

## JSON

These keys are an interface. A list prints an array.

| thing | keys |
|---|---|
"""

KEYS = {
    "address": "name address addresses host tenant segment network block group",
    "block": "prefix network group host tenant segment size allocated",
    "host": "name addresses labels groups state",
    "route": "prefix via dev kind hops",
    "network": "name prefixes block_mask block_mask6 tenants owner placement reuse_delay reserved hosts blocks"
    " allocated size state",
    "group": "path name network prefixes assignment hosts blocks allocated size state",
    "topology": "networks",
    "a network in it": "name prefixes block_mask block_mask6 tenants groups",
    "a group in it": "path name prefixes assignment hosts groups",
    "topology plan, apply": "changes refusals warnings",
    "a change in it": "kind subject name before after",
    "topology validate": "valid networks groups hosts",
    "verify": "devices routes prefixes addresses",
}

NOTES = """
`address` is the IPv4 one where a name holds two, `addresses` lists both. `groups` of a host maps networks to paths.
`via` and `dev` are null where there is none; `hops` lists the next hops of a route that has several.
`size` counts addresses. `block_mask6` is there where a network has both families.
"""


def reference() -> str:
    """Return the whole page."""
    rows = (f"| {thing} | {' '.join(f'`{key}`' for key in keys.split())} |\n" for thing, keys in KEYS.items())
    return "\n".join([f"{HEAD}{''.join(rows)}{NOTES}", *(_section(context) for context in commands())])


def commands(command: click.Command = romana, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a context of every command, groups before what is in them."""
    name = command.name if parent else "romana"
    settings = {**CONTEXT, "terminal_width": WIDTH, "max_content_width": WIDTH}
    with click.Context(command, parent=parent, info_name=name, **settings) as context:  # type: ignore[arg-type]
        yield context
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None, child
                yield from commands(found, context)


def _section(context: click.Context) -> str:
    depth = "##" if isinstance(context.command, Group) else "###"
    text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
    return f"{depth} {context.command_path}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
