"""How many examples the properties of the domain are tried on: `HYPOTHESIS_PROFILE=quick|ci|thorough` (ci by default)."""

import os

from hypothesis import settings

# A shared machine is slow at times; which examples are tried depends on nothing but the code, except when searching.
settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
