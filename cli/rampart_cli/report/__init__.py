"""The report of a rollout: made of what is stored, for people as a page, for a team's own page, and for machines."""
