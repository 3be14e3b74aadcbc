"""Rampart: guarded, phased rollouts of feature flags."""
