"""MCP servers, spoken to with the official library."""
