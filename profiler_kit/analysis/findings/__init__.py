"""What stands out, in plain statements, and what a check in CI measures."""
