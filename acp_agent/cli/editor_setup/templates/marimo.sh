#!/bin/sh
# Serves acp-agent to marimo's page. 3023 is where marimo looks for the agent that it calls Opencode.
exec @argv@ serve --websocket 127.0.0.1:3023 --allow-origin http://localhost:2718
