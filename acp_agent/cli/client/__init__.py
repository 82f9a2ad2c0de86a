"""A plain ACP client for a terminal: what `acp-agent chat` and `acp-agent demo` are made of."""
