"""Whoever owns a file descriptor to a device. Imports protocols, gateway.link and gateway.model."""
