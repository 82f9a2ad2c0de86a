"""A client to be killed: has an agent do one thing, passes its lines on, and waits for its end.

Usage: doomed_client.py PROJECT PROMPT COMMAND...
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import IO


def ask(agent: tuple[IO[bytes], IO[bytes]], method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Send a request and return its result; what the agent writes until then goes to our output."""
    inputs, outputs = agent
    message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
    inputs.write(json.dumps(message).encode() + b"\n")
    inputs.flush()
    for line in outputs:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        if (answer := json.loads(line)).get("id") == method:
            return answer["result"]
    sys.exit("the agent has gone")


def main() -> None:
    project, prompt, *command = sys.argv[1:]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    agent = (process.stdin, process.stdout)
    ask(agent, "initialize", {"protocolVersion": 1})
    session = ask(agent, "session/new", {"cwd": project, "mcpServers": []})["sessionId"]
    ask(agent, "session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": prompt}]})


if __name__ == "__main__":
    main()
