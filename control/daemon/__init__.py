"""The daemon: builds all parts, runs them and stops them; and what a process needs around that.

`daemon` is the composition root. `last_run` tells how earlier runs ended; `log` and `standard_streams` serve every
command. The rest is private: network services, reload on SIGHUP, the model switch, the watchdog, and the last resort of
a process that does not end.
"""

__all__ = ["daemon", "last_run", "log", "standard_streams"]
