"""Streams of text side by side in one web process, the container's own gunicorn: what they cost it,
and what it adds to the first word.

Table, vendor and clients have processes of their own, on this machine. A vendor's word is the
moment at which it was written: what passes until a client has it was added by the service."""

import asyncio
import json
import multiprocessing
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.bench.outside import ENVIRONMENT
from tests.bench.report import Table, percentile
from tests.bench.web import Web, web
from tests.bench.wire import LOOPBACK, Ended, Wire
from tests.faults.enumeration.tables import MemoryBehind

STREAMS, SECONDS, USERS = 1_000, 20.0, 200
QUICK_STREAMS, QUICK_SECONDS = 50, 2.0
# One user may have so many.
STREAMS_OF_USER = 5
# Fifty tokens a second, as a vendor groups them.
TOKENS_A_WRITE, WRITE_SECONDS = 5, 0.1
STARTED_A_SECOND = 100
OPEN_FILES = 8_192
CLIENT_SECONDS = 90.0
SHORT = 16
_SETTINGS = {
    "WEB_CONCURRENCY": "1",
    "WEB_CONNECTIONS": "2500",
    "TEXT_PLACES": "1200",
    "USER_TEXT_PLACES": str(STREAMS_OF_USER),
    "MAX_USERS": str(2 * USERS),
    "WELCOME_CREDITS": "1000",
    "OPENAI_API_KEY": "k",
}


def run(quick: bool) -> Iterator[Table]:
    count, seconds = (QUICK_STREAMS, QUICK_SECONDS) if quick else (STREAMS, SECONDS)
    _allow_open_files()
    with _process(_serve_table) as table, _process(_serve_vendor, seconds) as vendor:
        places = {
            "DYNAMODB_ENDPOINT_URL": f"http://{LOOPBACK}:{table}",
            "OPENAI_BASE_URL": f"http://{LOOPBACK}:{vendor}/v1",
        }
        with web(ENVIRONMENT | places, **_SETTINGS) as server:
            users = -(-count // STREAMS_OF_USER)
            # Everybody signs up, and has a data key.
            warm = _measured(server, users, 0.0, lambda number: (number, SHORT))
            full = _measured(
                server, count, seconds, lambda number: (number // STREAMS_OF_USER, 2000)
            )
    yield _table(count, seconds, warm, full)


@dataclass
class Figures:
    """What the clients saw, and what the web process used meanwhile."""

    added_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tokens: int = 0
    share: float = 0.0
    cpu_seconds: float = 0.0
    memory: float = 0.0


def _table(count: int, seconds: float, warm: Figures, full: Figures) -> Table:
    rows = [
        ("errors", str(len(full.errors) + len(warm.errors))),
        ("tokens received", f"{full.tokens:,}"),
        ("added to the first word, p50", f"{percentile(full.added_ms, 0.5):.1f} ms"),
        ("p90", f"{percentile(full.added_ms, 0.9):.1f} ms"),
        ("p99", f"{percentile(full.added_ms, 0.99):.1f} ms"),
        ("CPU of the web process", f"{full.share:.2f} of a core"),
        ("CPU of one stream", f"{full.cpu_seconds / count * 1000:.1f} ms"),
        ("RSS at its highest", f"{full.memory:.0f} MB"),
    ]
    note = "; ".join((full.errors + warm.errors)[:3]) or "Each stream ended with its whole text."
    title = (
        f"{count:,} streams of {seconds:.0f} s and {TOKENS_A_WRITE / WRITE_SECONDS:.0f} tokens a "
        f"second in one web process, {STARTED_A_SECOND} begun a second"
    )
    return Table(title, ("", ""), rows, note)


def _measured(
    server: Web, count: int, seconds: float, request: Callable[[int], tuple[int, int]]
) -> Figures:
    """`request` says of which user each is, and how many tokens it wants."""
    ours, theirs = multiprocessing.Pipe()
    wanted = [request(number) for number in range(count)]
    process = multiprocessing.Process(
        target=_read_all, args=(server.port, wanted, seconds, theirs), daemon=True
    )
    cpu, began_at, memory = server.cpu_seconds(), time.monotonic(), 0.0
    process.start()
    while not ours.poll(0.5) and process.is_alive():
        memory = max(memory, server.resident_megabytes())
    spent, took = server.cpu_seconds() - cpu, time.monotonic() - began_at
    figures: Figures = ours.recv()
    process.join()
    figures.share, figures.cpu_seconds, figures.memory = spent / took, spent, memory
    return figures


def _read_all(port: int, wanted: list[tuple[int, int]], seconds: float, report: Any) -> None:
    figures = Figures()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for user, tokens in wanted:
                group.create_task(_read(port, user, tokens, seconds, figures))
                await asyncio.sleep(1 / STARTED_A_SECOND)

    asyncio.run(all_of_them())
    report.send(figures)


async def _read(port: int, user: int, tokens: int, seconds: float, figures: Figures) -> None:
    try:
        async with asyncio.timeout(seconds + CLIENT_SECONDS):
            await _read_events(port, user, tokens, figures)
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
        figures.errors.append(repr(error)[:200])


async def _read_events(port: int, user: int, tokens: int, figures: Figures) -> None:
    """One stream to its end. Raises `ValueError` for one that is not whole."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(_request(user, tokens))
        status = await reader.readline()
        if b" 200 " not in status:
            raise ValueError(status + await reader.read(2000))
        words, name, is_done = 0, b"", False
        async for line in reader:
            if line.startswith(b"event: "):
                name = line.strip().removeprefix(b"event: ")
            elif line.startswith(b"data: ") and name == b"delta":
                text = json.loads(line.removeprefix(b"data: "))["text"].split()
                if not words:
                    figures.added_ms.append((time.monotonic() - float(text[0])) * 1000)
                words += len(text)
            is_done = is_done or (name == b"done" and line.startswith(b"data: "))
            if is_done:
                break
        if not is_done:
            raise ValueError(f"no end after {words} words: {name!r}")
        figures.tokens += words
    finally:
        writer.close()


def _request(user: int, tokens: int) -> bytes:
    body = json.dumps(
        {
            "prompt": "Describe a lighthouse.",
            "Fingerprint": f"phone-{user}",
            "maxTokens": tokens,
            "stream": True,
        }
    ).encode()
    lines = (
        "POST /ai/generate HTTP/1.1",
        f"Host: {LOOPBACK}",
        f"X-Google-ID: {10**20 + user}",
        f"X-Forwarded-For: 198.51.100.{user % 250}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


@contextmanager
def _process(serve: Callable[..., None], *arguments: object) -> Iterator[int]:
    """A server in a process of its own. Yields its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def _serve_vendor(port_out: Any, seconds: float) -> None:
    """Writes tokens at its pace, as typed events, and what they cost."""

    async def serve() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: _respond(reader, writer, seconds), LOOPBACK, 0, backlog=2048
        )
        port_out.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def _respond(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    wanted = json.loads(await reader.readexactly(length))["max_output_tokens"]
    writes = 1 if wanted == SHORT else round(seconds / WRITE_SECONDS)
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        + _event("response.created", response={"id": "resp_1", "status": "in_progress"})
    )
    began_at = time.monotonic()
    for number in range(writes):
        now = time.monotonic()
        words = [f"{now:.6f} ", *["word "] * (TOKENS_A_WRITE - 1)]
        writer.write(b"".join(_delta(word) for word in words))
        await writer.drain()
        await asyncio.sleep(max(0.0, began_at + (number + 1) * WRITE_SECONDS - time.monotonic()))
    written = writes * TOKENS_A_WRITE
    usage = {"input_tokens": 9, "output_tokens": written, "total_tokens": written + 9}
    writer.write(
        _event(
            "response.completed", response={"id": "resp_1", "status": "completed", "usage": usage}
        )
    )
    writer.close()


def _delta(text: str) -> bytes:
    place = {"item_id": "msg_00000000000000000000000001", "output_index": 0, "content_index": 0}
    return _event("response.output_text.delta", **place, delta=text, logprobs=[])


def _event(kind: str, **content: object) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": 1, **content})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _serve_table(port_out: Any) -> None:
    """The simulation's table behind HTTP."""
    with served_table() as (_, url):
        port_out.send(int(url.rpartition(":")[2]))
        threading.Event().wait()


@contextmanager
def served_table() -> Iterator[tuple[MemoryBehind, str]]:
    """A table in memory, and the address at which this process serves it."""
    behind = MemoryBehind()
    with socket.create_server((LOOPBACK, 0), backlog=512) as listener:
        threading.Thread(target=_accept, args=(listener, behind), daemon=True).start()
        yield behind, f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, behind: MemoryBehind) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, behind), daemon=True).start()


def _serve(connection: socket.socket, behind: MemoryBehind) -> None:
    try:
        wire = Wire.of(connection, 300.0)
        while True:
            head, body = wire.read()
            names = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            given = {name.decode().lower(): value.decode() for name, value in names.items()}
            reply: Any = behind.send(given, body)
            lines = [f"HTTP/1.1 {reply.status} OK", f"Content-Length: {len(reply.body)}"]
            lines += [f"{name}: {value}" for name, value in reply.headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + reply.body)
    except (OSError, Ended):
        return
    finally:
        connection.close()


def _allow_open_files() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, limit), limit))
