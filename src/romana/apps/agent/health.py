"""`/metrics`, `/healthz` and `/readyz`, served by one thread; what they show is collected in the loop.

GET ─► thread ─► loop: status() ─► thread: text        healthz fails if the loop does not answer
"""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.metrics import Counter, Histogram
from prometheus_client.registry import Collector, CollectorRegistry

from romana.apps.agent.status import Status
from romana.model.errors import RefusedError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATIENCE: Final = 2.0
"""Seconds that the loop may take to answer before the agent counts as ill."""
POLL: Final = 0.5
"""Seconds after which the serving thread notices that it should stop."""
COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)


class JournalMetrics:
    """What the committing thread tells after each commit."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "romana_agent_journal_commit_seconds",
            "Time of one commit, sync included.",
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self._writes = Counter(
            "romana_agent_journal_writes", "Writes that commits carried.", registry=registry
        )

    def committed(self, seconds: float, writes: int) -> None:
        self._seconds.observe(seconds)
        self._writes.inc(writes)


class CniMetrics:
    """How long CNI calls take, and which part of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "romana_agent_cni_seconds",
            "Time of one CNI call, in all and in its phases.",
            ["command", "phase"],
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )

    def observe(self, command: str, phase: str, seconds: float) -> None:
        self._seconds.labels(command, phase).observe(seconds)


class Health:
    """The agent's HTTP endpoint."""

    def __init__(self, status: Callable[[], Status], loop: asyncio.AbstractEventLoop) -> None:
        self.registry = CollectorRegistry()
        self.journal = JournalMetrics(self.registry)
        self.cni = CniMetrics(self.registry)
        self._status, self._loop = status, loop
        self.registry.register(_Agent(self._ask))
        self._metrics = make_wsgi_app(self.registry)
        self._server: WSGIServer | None = None

    def start(self, host: str, port: int) -> int:
        """Serve until the process ends; return the port. RefusedError `http-refused` if it cannot listen."""
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = kind((host, port), _Handler)
        except OSError as error:
            raise RefusedError(
                f"cannot serve metrics on {host}:{port}: {error.strerror or error}; --http names another place",
                code="http-refused",
            ) from error
        self._server.set_app(self._answer)
        threading.Thread(target=self._server.serve_forever, args=(POLL,), name="health", daemon=True).start()
        return self._server.server_port

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                text: Iterable[bytes] = self._metrics(environ, start_response)
                return text
            case "/healthz":
                reasons: tuple[str, ...] = () if self._ask() else ("the event loop does not answer",)
            case "/readyz":
                status = self._ask()
                reasons = status.unready if status else ("the event loop does not answer",)
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics, /healthz, /readyz\n"]
        start_response(
            "503 Service Unavailable" if reasons else "200 OK",
            [("Content-Type", "text/plain; charset=utf-8")],
        )
        return ["\n".join(reasons or ("ok",)).encode(), b"\n"]

    def _ask(self) -> Status | None:
        """Return the status, taken in the loop; None if the loop does not answer in time, or has ended."""
        answer: Future[Status] = Future()

        def take() -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_result(self._status())

        try:
            self._loop.call_soon_threadsafe(take)
            return answer.result(PATIENCE)
        except (TimeoutError, RuntimeError):
            answer.cancel()
            return None


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Bind without asking for the address's name: `http.server` does, which takes seconds without DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE
    """Seconds that a client may take; there is one thread for all."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
        """Say nothing: a scrape is no event."""


class _Agent(Collector):
    """The status as metric families, taken afresh at every scrape."""

    def __init__(self, ask: Callable[[], Status | None]) -> None:
        self._ask = ask

    def collect(self) -> Iterable[Metric]:
        status = self._ask()
        if status is None:
            return
        for name, text, value in status.gauges():
            yield GaugeMetricFamily(f"romana_agent_{name}", text, value=value)
        for name, text, value in status.counters():
            yield CounterMetricFamily(f"romana_agent_{name}", text, value=value)
        blocks = GaugeMetricFamily("romana_agent_blocks", "Blocks of this node.", labels=["network"])
        addresses = GaugeMetricFamily(
            "romana_agent_addresses", "Addresses of this node's blocks.", labels=["network", "state"]
        )
        for space in status.spaces:
            blocks.add_metric([space.network], space.blocks)
            addresses.add_metric([space.network, "held"], space.held)
            addresses.add_metric([space.network, "resting"], space.resting)
            addresses.add_metric([space.network, "free"], space.free)
        yield blocks
        yield addresses
        yield from self._reconcilers(status)

    def _reconcilers(self, status: Status) -> Iterable[Metric]:
        age = GaugeMetricFamily(
            "romana_agent_reconciler_age_seconds", "Time since the last good pass.", labels=["name"]
        )
        changes = CounterMetricFamily(
            "romana_agent_reconciler_changes", "What passes changed.", labels=["name"]
        )
        error = GaugeMetricFamily(
            "romana_agent_reconciler_error", "1 where the last pass failed.", labels=["name", "code"]
        )
        for row in status.reconcilers:
            if row.age is not None:
                age.add_metric([row.name], row.age)
            changes.add_metric([row.name], row.changes)
            if row.code:
                error.add_metric([row.name, row.code], 1)
        yield from (age, changes, error)
