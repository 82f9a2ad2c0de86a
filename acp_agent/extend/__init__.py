"""What is added to a session from outside of a turn: slash commands, and servers that bring tools."""
