"""The programs: rooms wired together; each reads like a table of contents."""
