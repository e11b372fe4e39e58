"""What should be: pure functions from what exists to what is wanted, and the proof that it is right."""
