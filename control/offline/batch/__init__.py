"""Catalogues: the commands for one sound file, for thousands of them on many processes."""
