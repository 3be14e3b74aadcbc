"""Adapters: the ports of `rampart.rollout.ports`, done with real technology."""
