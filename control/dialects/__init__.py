"""Bytes to commands and back, one module a dialect; pure functions."""
