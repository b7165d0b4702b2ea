"""Sockets and discovery."""
