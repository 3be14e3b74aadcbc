"""Pictures of evidence and of what a plan can decide; matplotlib is imported only when one is drawn."""
