"""What all tests share: those that need the local stack run in one worker, where it is deployed once."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine isn't a finding; where CI is set, what is drawn is the same every time (Hypothesis's own profile).
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads the groups in this hook too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/e2e/") or item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("local stack"))
    # This one needs no other, but the later it runs the more it finds to look through: all that the others wrote.
    items.sort(key=lambda item: "test_secrets_stay_secret" in item.nodeid)
