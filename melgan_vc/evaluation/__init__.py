"""Held-out audio to figures."""
