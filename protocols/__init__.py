"""Bytes to values and back, and state machines. No input or output, clock, logging or randomness."""
