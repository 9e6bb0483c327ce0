"""Mutants that no test can catch, by their keys, and why: what they change is the same thing written differently, or only costs time."""

EQUIVALENT: dict[str, str] = {}
