"""Romana: topology-aware IP address management and native routing."""
