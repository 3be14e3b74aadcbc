"""Reads the rollout plan that a team keeps as a Markdown page, and says what it lacks."""
