"""The `relay-analytics` command."""
