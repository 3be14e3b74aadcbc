"""What the stages of a plan can decide, before it starts; pure, as the domain is."""
