"""The running audio: one engine with its JACK or clock driver, its separation worker and a music player.

`service` is what the daemon starts, tends and closes; it takes a `model_worker`, a `player` and the `headphones` stream
of the web page. `roles` says what one of two machines does, and `scene_delay` delays scenes for mirrors. The rest is
private: the link to a driver and its port connections, the supervisor of the worker, executors, status and log lines.
"""

__all__ = ["headphones", "model_worker", "player", "roles", "scene_delay", "service"]
