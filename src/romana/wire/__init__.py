"""How things are written down: topology documents, store records, CNI messages. msgspec lives here only."""
