"""The current scene and everything that changes it or follows it.

The hub carries out commands of peers in order, decides who controls an object, schedules bundles with time tags, and
notifies listeners once per turn of the loop. The recorder records what happens and plays it back. It offers the hub and
its builder, peers, rate limits, the recorder, and watches of changing values.
"""

__all__ = [
    "build",
    "hub",
    "peers",
    "rate_limit",
    "recorder",
    "watch",
]
