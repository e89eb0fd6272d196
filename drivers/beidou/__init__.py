"""Beidou terminals and command terminals (指挥机) on a serial port or TCP."""
