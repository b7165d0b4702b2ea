"""The HTTP server: OSCQuery with its WebSocket, the panner page (`page_*`), and metrics for Prometheus.

`server` is what the daemon starts, with the `Doors` of `session`; `page_facts` describes the loudspeakers of a layout
to the page. Rights, rate limits and scheduling are those of `control.network`, which is below.
"""

__all__ = ["page_facts", "server", "session"]
