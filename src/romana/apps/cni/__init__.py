"""The CNI plugin: two interchangeable shims that forward to the agent, their installation, the configuration list."""
