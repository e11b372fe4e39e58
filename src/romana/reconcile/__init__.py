"""Desired against actual: one loop, one module for each thing that is kept in sync."""
