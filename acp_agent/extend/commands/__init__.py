"""Slash commands: what a person may type to the agent itself."""
