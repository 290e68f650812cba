"""The sandbox's journey runner: the HTTP steps of each journey, really taken against the simulated product."""
