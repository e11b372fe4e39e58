"""Prefixes and addresses as values, exact aggregation, longest match, free-space arithmetic. No I/O."""
