"""The `tminus` command line and what it shows."""
