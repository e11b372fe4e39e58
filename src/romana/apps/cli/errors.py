"""Errors as a reader sees them: a sentence with its code, every problem on a line; or one JSON object.

    Error: the document has 2 problems [bad-document]
      networks[0].cidr: 10.0.0.1/8 has host bits set; the prefix is 10.0.0.0/8
      topologies[0].map: …

With `-o json` the same as `{"error": {"code", "message", "problems": [{"where", "what"}]}}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence

import click

from romana.apps.cli.output import listed
from romana.model.errors import ConfigError, Problem, RefusedError, RomanaError


def report(error: Exception, args: Sequence[str]) -> int:
    """Write the error to stderr as `args` ask for it and return the exit status of its class."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not _wants_json(args):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    known = _translated(error)
    if os.environ.get("ROMANA_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    text = _json(known) if _wants_json(args) else _text(known)
    click.echo(text, err=True)
    return known.exit_status


def _translated(error: Exception) -> RomanaError:
    """Return the error in our own classes; what belongs to none of them is our bug, exit 1."""
    match error:
        case RomanaError():
            return error
        case click.exceptions.NoArgsIsHelpError():
            return ConfigError("a command is missing", code="usage")
        case click.UsageError():
            return ConfigError(_sentence(error), code="usage")
        case click.ClickException():
            return ConfigError(error.format_message(), code="usage")
        case OSError() if error.errno is not None:
            where = f"{error.filename}: " if error.filename else ""
            return RefusedError(f"the system refused: {where}{error.strerror}", code="system-error")
    kind = type(error).__name__
    message = f"this is a bug in Romana: {kind}: {error}. ROMANA_DEBUG=1 shows the details to report"
    return RomanaError(" ".join(message.split()), code="bug")


def _sentence(error: click.UsageError) -> str:
    """Return click's sentence with the command whose help says more."""
    command = error.ctx.command_path if error.ctx else "romana"
    return f"{error.format_message().rstrip('.')} (see {command} --help)"


def _text(error: RomanaError) -> str:
    """Return the sentence, then the problems, each said once."""
    head, problems = _headline(error), [str(problem) for problem in error.problems]
    if problems and problems[0] in head:
        if len(problems) == 1:
            problems = []
        else:
            head = head[: head.index(problems[0])].removesuffix(", the first: ").rstrip(": ")
    lines = (f"  {line}" for line in listed(problems, "problems"))
    return "\n".join([f"Error: {head} [{error.code}]", *lines])


def _json(error: RomanaError) -> str:
    problems = [{"where": problem.where, "what": problem.what} for problem in error.problems]
    body = {"code": error.code, "message": _headline(error), "problems": problems}
    return json.dumps({"error": body}, ensure_ascii=False)


def _headline(error: RomanaError) -> str:
    return error.message or _count(error.problems)


def _count(problems: Sequence[Problem]) -> str:
    return str(problems[0]) if len(problems) == 1 else f"{len(problems)} problems"


def _wants_json(args: Sequence[str]) -> bool:
    """Whether the last `-o` before `--` says json: known even where the rest could not be parsed."""
    wanted = ""
    words = iter(args)
    for word in words:
        if word == "--":
            break
        if word in ("-o", "--output"):
            wanted = next(words, "")
        elif word.startswith("--output="):
            wanted = word.removeprefix("--output=")
        elif word.startswith("-o"):
            wanted = word.removeprefix("-o")
    return wanted == "json"
