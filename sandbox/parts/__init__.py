"""The components of the sandbox, one module each."""
