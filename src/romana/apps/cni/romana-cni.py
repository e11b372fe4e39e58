#!/usr/bin/python3 -IS
"""Hand a CNI call to the node agent, print its answer: `romana-cni.c` in Python, held by the same tests.

Starting the interpreter is nearly all it costs (6 ms), so only what is built into it is imported:
no site, no json, no socket.py.
"""
# ruff: noqa: N999 (it is installed as `romana-cni`)

import _socket
import posix
import sys
from posix import _exit

INPUT = 1 << 20  # most bytes of standard input
HEAD = 1 << 16  # most bytes of environment
LONGEST = (1 << 63) - 1  # seconds of a struct timeval, where atol() ends too
VERSIONS = b'"0.3.1","0.4.0","1.0.0","1.1.0"'
ABOUT = b'{"cniVersion":"1.1.0","supportedVersions":[' + VERSIONS + b"]}"
HELLO = b"CNI plugin romana-cni\nCNI protocol versions supported: 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"
RELEVANT = (b"CNI_", b"TRACEPARENT=", b"TRACESTATE=", b"BAGGAGE=")

environment = posix.environ
command = environment.get(b"CNI_COMMAND", b"")
path = environment.get(b"ROMANA_SOCKET", b"/run/romana/agent.sock")
patience = environment.get(b"ROMANA_TIMEOUT", b"").lstrip(b"0")
seconds = min(int(patience[:20]), LONGEST) if patience.isdigit() else 60


def put(text: bytes) -> None:
    while text:
        text = text[posix.write(1, text) :]


def fail(code: int, what: str, why: str = "") -> None:
    """End with a CNI error object on standard output, which is where libcni reads it."""
    error = f'{{"cniVersion":"1.1.0","code":{code},"msg":"{what}","details":"{why}"}}'
    put(error.encode("utf-8", "replace"))
    _exit(1)


def unreachable(why: str) -> None:
    """The agent is not there: STATUS says 50 (not available), the rest 11 (try again later)."""
    shown = "".join("?" if c in '"\\' or c < " " else c for c in path[:120].decode("utf-8", "replace"))
    fail(50 if command == b"STATUS" else 11, f"the Romana agent does not answer at {shown}", why)


def call() -> bytes:
    pairs = [name + b"=" + value + b"\0" for name, value in environment.items()]
    head = b"".join(pair for pair in pairs if pair.startswith(RELEVANT))
    if len(head) >= HEAD:
        fail(4, f"the environment is longer than {HEAD} bytes")
    stdin = []
    length = 0
    try:
        while length <= INPUT and (piece := posix.read(0, INPUT)):
            stdin.append(piece)
            length += len(piece)
    except OSError as error:
        fail(5, "cannot read standard input", str(error.strerror))
    if length > INPUT:
        fail(6, f"standard input is longer than {INPUT} bytes")
    return head + b"\0" + b"".join(stdin)


def asked(request: bytes) -> bytes:
    agent = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    limit = seconds.to_bytes(8, sys.byteorder) + bytes(8)  # struct timeval
    agent.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, limit)
    agent.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, limit)
    answer = []
    try:
        agent.connect(path)
        agent.sendall(request)
        agent.shutdown(_socket.SHUT_WR)
        while piece := agent.recv(1 << 16):
            answer.append(piece)
    except BlockingIOError:
        unreachable(f"no answer within {seconds} s")
    except OSError as error:
        unreachable(error.strerror or str(error))
    return b"".join(answer)


def main() -> int:
    if not command:
        posix.write(2, HELLO)
        return 0
    if command == b"VERSION":
        put(ABOUT)
        return 0
    head, _, output = asked(call()).partition(b"\n")
    status, _, length = head.partition(b" ")
    if not (status.isdigit() and length.isdigit() and int(length) == len(output)):
        unreachable("it ended in the middle of the call")
    put(output)
    return int(status)


_exit(main())
