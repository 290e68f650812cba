"""Databases, caches, queues, stores and content delivery as blocks."""
