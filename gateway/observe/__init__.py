"""Logs that a machine can read and an attacker cannot forge."""
