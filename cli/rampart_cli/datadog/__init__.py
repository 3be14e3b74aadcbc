"""What a plan needs in Datadog: what it should be, what is there, and the way from one to the other."""
