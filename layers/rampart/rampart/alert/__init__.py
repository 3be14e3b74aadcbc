"""Alerts: what a Datadog monitor's webhook says, and what it asks for."""
