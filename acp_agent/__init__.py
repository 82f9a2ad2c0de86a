"""acp-agent: a coding agent that lives in other people's editors."""

__version__ = "0.1.0"
