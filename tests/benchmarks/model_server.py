"""A model service for benchmarks, in a process of its own: says when it was asked and when it spoke.

The last word of the user's text chooses the answer: `chunks:N` is N chunks of text, `read:N`
N turns that each read a file, anything else one short text. Run as a script it prints its
port; `GET /records` gives what it has seen and forgets it.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

Record = dict[str, Any]


class ModelServer:
    def __init__(self) -> None:
        self.records: list[Record] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                arrived = time.monotonic()
                length = next(
                    (int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                if head.startswith(b"GET"):
                    found, self.records = json.dumps(self.records).encode(), []
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(found), found))
                else:
                    await self._answer(
                        writer, json.loads(body), {"arrived": arrived, "bytes": length, "sent": []}
                    )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, body: dict[str, Any], record: Record) -> None:
        self.records.append(record)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for delta in deltas(body["messages"]):
            record["sent"].append(time.monotonic())
            write_event(writer, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            await writer.drain()
            await asyncio.sleep(0)
        write_event(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        write_chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        record["done"] = time.monotonic()


def deltas(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the model says to a conversation, piece by piece."""
    last_user = max(at for at, message in enumerate(messages) if message["role"] == "user")
    what, _, count = messages[last_user]["content"].split()[-1].partition(":")
    results = sum(message["role"] == "tool" for message in messages[last_user:])
    if what == "chunks":
        return [{"content": f"{number % 1000:03d} "} for number in range(int(count))]
    if what == "read" and results < int(count):
        path = messages[last_user]["content"].split()[0]
        function = {"name": "read", "arguments": json.dumps({"path": path})}
        return [{"tool_calls": [{"index": 0, "id": f"c{results}", "function": function}]}]
    return [{"content": "Hello."}]


def write_event(writer: asyncio.StreamWriter, data: dict[str, Any]) -> None:
    write_chunk(writer, b"data: " + json.dumps(data).encode() + b"\n\n")


def write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


async def main() -> None:
    server = await asyncio.start_server(ModelServer().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
