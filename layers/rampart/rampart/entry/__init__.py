"""Where an event comes in: what called, who may, and the parts that do the work."""
