"""The story of each phase, readable aloud. No I/O of its own and no arithmetic."""
