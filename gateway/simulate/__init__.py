"""Whole gateways on virtual time; the only composition root beside the daemon's."""
