"""What other people's programs add to a session: servers that bring tools."""
