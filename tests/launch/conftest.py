"""How many examples the properties of the domain are tried on: `HYPOTHESIS_PROFILE=quick|ci|thorough` (ci by default)."""

import os

from hypothesis import HealthCheck, settings

# A shared machine is slow at times; which examples are tried depends on nothing but the code, except when searching.
_SLOW = (HealthCheck.too_slow,)
settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("thorough", max_examples=500, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
