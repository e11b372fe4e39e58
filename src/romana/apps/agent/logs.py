"""Logs as one JSON object a line: a short fact in the past tense, and fields to search by."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

FIELDS: Final = ("event", "node", "prefix", "revision", "code")


class JsonLines(logging.Formatter):
    """Writes time, level, message and the FIELDS that a record bears; `node` is the same for all."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "node": self._node,
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, default=str)


def start(node: str, level: int) -> None:
    """Send everything from now on to stderr, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(node))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
