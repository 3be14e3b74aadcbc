"""`rampart doctor`: what an installation looks like (`installation`), and what is wrong with it (`checks`)."""
