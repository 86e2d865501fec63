"""How many cases each fuzz test tries: 40 in the test suite, 2,500 with `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

ALLOWED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
# A deadline that a busy machine cannot miss by chance; `make fuzz` runs alone.
settings.register_profile(
    "quick", max_examples=40, deadline=20_000, derandomize=True, suppress_health_check=ALLOWED
)
settings.register_profile(
    "long", max_examples=2_500, deadline=2_000, suppress_health_check=ALLOWED, print_blob=True
)
settings.load_profile(os.environ.get("BNNLIB_FUZZ", "quick"))
