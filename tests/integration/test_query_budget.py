"""What is left of Datadog's limits, as its answers tell."""

from rampart.adapters.datadog_api import QueryBudget


def test_of_several_limits_the_nearest_counts_for_as_long_as_its_period_lasts() -> None:
    now = [0.0]
    budget = QueryBudget(clock=lambda: now[0])
    budget.note({"X-RateLimit-Name": "query", "x-ratelimit-remaining": "40", "X-RateLimit-Reset": "60"})
    budget.note({"X-RateLimit-Name": "monitors", "X-RateLimit-Remaining": "2990"})
    budget.note({"Content-Type": "application/json"})
    assert budget.left == 40
    now[0] = 60
    assert budget.left == 2990
    now[0] = 3600
    assert budget.left is None
