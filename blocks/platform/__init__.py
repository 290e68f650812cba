"""The platform a product runs on: its cluster and mesh, its image registry, the network around it, its scripts."""
