"""UDP ports, admission and scheduling of their senders, mirrors to other renderers, and discovery (DNS-SD).

`listeners` opens the UDP ports of all dialects; `admission` decides for UDP and HTTP alike which hosts may send and how
much; `scheduler` carries out their messages in fair turns. `mirror` sends the scene to other machines, `client` sends
OSC requests to a daemon, and `discovery` announces a daemon and finds others. HTTP, WebSockets and the web page are in
the room above, `control.http`.
"""

__all__ = ["addresses", "admission", "client", "discovery", "listeners", "mirror", "scheduler", "udp"]
