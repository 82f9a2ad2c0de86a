"""What was spent on models: one record for all sessions, kept when they are deleted."""
