"""What all tests share: those that need the local stack run in one worker, where it is deployed once."""

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads the groups in this hook too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/e2e/") or item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("local stack"))
    items.sort(key=lambda item: "test_secrets_stay_secret" in item.nodeid)  # it looks at what all others wrote
