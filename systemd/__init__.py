"""systemd: the shipped units (as package data), installing them, the state of the service, and sd_notify.

`files` gives the unit files with their paths, `install` puts them in place, `state` reads what systemd knows about the
service and what it needs, and `notify` sends messages to the service manager.
"""

__all__ = ["files", "install", "notify", "state"]
