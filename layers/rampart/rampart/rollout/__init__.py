"""A rollout: one run of a plan, its state, its gates and what may happen to it."""
