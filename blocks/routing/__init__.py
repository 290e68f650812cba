"""Routers: what shares traffic out between the release and what ran before, each read and written with its own API."""
