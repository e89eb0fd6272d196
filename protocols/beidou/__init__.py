"""Beidou (北斗) short-message terminals: sentences 2.1, frames 4.0, sentences of Beidou-3, handset text."""
