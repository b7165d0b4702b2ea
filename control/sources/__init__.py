"""Other programs' sound as the music: `stemfield source pcm` plays raw PCM of a FIFO or a TCP port into JACK.

A source is a process of its own, a JACK client whose two ports the daemon takes as its music (`jack.connect_inputs`).
The sender has its own clock, which `follower` follows by resampling. The daemon knows nothing of this room.
"""

__all__ = ["formats", "pcm"]
