"""Deploying Rampart into an account, taking it down, and taking over the table that it leaves: behind `make`."""
