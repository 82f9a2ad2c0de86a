"""Secrets in text: what they look like, and taking them out of whatever leaves the agent."""
