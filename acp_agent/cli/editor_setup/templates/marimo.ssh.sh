#!/bin/sh
# Serves the acp-agent of another machine to marimo's page; Ctrl-C ends both.
# 3023 is where marimo looks for the agent that it calls Opencode.
exec ssh -t -o ExitOnForwardFailure=yes -L 127.0.0.1:3023:127.0.0.1:3023 @host@ @remote@ serve --websocket 127.0.0.1:3023 --allow-origin http://localhost:2718
