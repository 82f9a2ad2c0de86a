"""Serving clients over the network: one process, one agent, many connections."""
