"""Adapters: the ports of `rampart.ports`, done with real technology."""
