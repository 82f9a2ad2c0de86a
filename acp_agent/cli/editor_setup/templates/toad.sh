#!/bin/sh
# Opens Toad with acp-agent in a folder: toad-acp-agent [FOLDER]
exec toad acp --title acp-agent @line@ "${1:-.}"
