"""Groups and commands with the options that every command takes, loaded only when they are run.

`Group` and `Command` stand in for click's own: both know `-o/--output` and `--store`, wherever they
stand after `romana`; the innermost wins. A group's table names its commands by module, with the line
that help shows, so that help and completion import nothing. Before: `main`; after: one module per noun.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

DEFAULT_STORE = "sqlite:///var/lib/romana/store.db"
OUTPUTS = ("table", "json", "yaml")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Settings:
    """What the options common to all commands said; one object per invocation."""

    def __init__(self) -> None:
        self.output = "table"
        self.store_given: str | None = None
        """--store as written; None where it was not."""

    @property
    def store(self) -> str:
        """The store's URL: --store, else ROMANA_STORE, else the file under /var/lib/romana."""
        if self.store_given is not None:
            return self.store_given  # "" too, which is refused: a script's empty variable is no default
        return os.environ.get("ROMANA_STORE") or DEFAULT_STORE


def settings() -> Settings:
    """Return the settings of the command that is running."""
    return click.get_current_context().find_root().ensure_object(Settings)


class Lazy(NamedTuple):
    """A command that is imported when it is run."""

    target: str
    """`package.module:attribute`."""
    summary: str
    """The line that the group's help shows."""

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), self.target
        return command


class Command(click.Command):
    """A command with `-o` and, unless `store=False`, `--store`."""

    def __init__(self, *args: Any, store: bool = True, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**CONTEXT, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.params += _common(store=store)


class Group(click.Group):
    """A group with the common options, whose commands may be `Lazy`."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy] | None = None, **kwargs: Any) -> None:
        kwargs["context_settings"] = {**CONTEXT, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})
        self.params += _common(store=True)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names in the order of definition: the order in which they are needed."""
        return [*self.lazy, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            return self.lazy[cmd_name].load()
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's own, but a mistyped name is compared with the lazy ones too, which are not imported."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or name in self.list_commands(ctx):
            return super().resolve_command(ctx, args)
        raise click.exceptions.NoSuchCommand(name, possibilities=self.list_commands(ctx), ctx=ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        rows = [*self._summaries()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        rows = self._summaries()
        return [CompletionItem(name, help=text) for name, text in rows if name.startswith(incomplete)]

    def _summaries(self) -> list[tuple[str, str]]:
        """Return every command with its line, in order, importing none."""
        own = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        return [*((name, entry.summary) for name, entry in self.lazy.items()), *own]


def _common(*, store: bool) -> list[click.Parameter]:
    """Return the common options; they write into `Settings` and reach no function."""
    options: list[click.Parameter] = [
        click.Option(
            ["-o", "--output"],
            type=click.Choice(OUTPUTS),
            expose_value=False,
            callback=_set_output,
            help="How to print: table (default), json or yaml.",
        )
    ]
    if store:
        text = f"The store, e.g. {DEFAULT_STORE} (the default). Environment: ROMANA_STORE."
        options.append(
            click.Option(["--store"], metavar="URL", expose_value=False, callback=_set_store, help=text)
        )
    return options


def _set_output(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().ensure_object(Settings).output = value


def _set_store(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().ensure_object(Settings).store_given = value
