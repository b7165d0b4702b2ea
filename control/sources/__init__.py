"""Other programs' sound as the music. The daemon knows nothing of this room.

`stemfield source pcm` (`pcm`) is a process of its own, a JACK client that plays raw PCM of a FIFO or a TCP port. The
sender has its own clock, which `follower` follows by resampling.

`stemfield source enable` installs other programs as services of systemd, which play into the device of the desktop or
into such a FIFO: `recipes` has what they need, `units` the files, `presence` what there is of them.
"""

__all__ = ["formats", "pcm", "presence", "quoting", "recipes", "units"]
