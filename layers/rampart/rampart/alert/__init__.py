"""Alerts: what a Datadog monitor's webhook says, and what is answered."""
