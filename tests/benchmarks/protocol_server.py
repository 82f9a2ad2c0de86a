"""A model service for benchmarks that speaks every wire protocol, in a process of its own.

The request's address says which. Run as a script with a number of chunks it prints its port; each
request is answered with so many chunks of text, with the pause between two that `X-Pause-Ms` says.
`GET /sent` gives when each chunk of the last answer was sent, in seconds, monotonic.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from acp_agent.models.stream import Finished, TextPiece, Usage
from tests.support.services import SERVICES

PLACES = {
    "openai": "/chat/completions",
    "openai-responses": "/responses",
    "anthropic": "/messages",
    "gemini": ":streamGenerateContent",
    "bedrock": "/converse-stream",
    "ollama": "/api/chat",
}
"""What an address ends with."""


class ProtocolServer:
    def __init__(self, chunks: int) -> None:
        events = [
            *(TextPiece(f"{at % 1000:03d} ") for at in range(chunks)),
            Finished("end", Usage(1, chunks)),
        ]
        self._answers = {
            PLACES[each.protocol]: (each.content_type, list(each.speak(events))) for each in SERVICES
        }
        self._sent: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
                headers = {name.lower(): value for name, _, value in lines}
                await reader.readexactly(int(headers.get("content-length", "0")))
                path = head.split(" ")[1].partition("?")[0]
                if path == "/sent":
                    found = json.dumps(self._sent).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(found), found))
                else:
                    await self._answer(writer, path, float(headers.get("x-pause-ms", "0")) / 1000)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, pause_s: float) -> None:
        kind, pieces = next(answer for end, answer in self._answers.items() if path.endswith(end))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        self._sent = []
        for piece in pieces:
            self._sent.append(time.monotonic())
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write(b"0\r\n\r\n")


async def main() -> None:
    server = await asyncio.start_server(ProtocolServer(int(sys.argv[1])).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
