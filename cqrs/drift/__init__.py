"""Drift: whether read models say what the log says, where they do not, and putting it right."""
