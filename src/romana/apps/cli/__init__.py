"""The `romana` program: lazily loaded commands, one vocabulary of output, one place for errors."""
