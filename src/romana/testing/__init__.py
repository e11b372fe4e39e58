"""Invariants, models and fakes that the tests share; verified against the real edges."""
