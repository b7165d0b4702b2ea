"""What plays in the programs of this machine: title, artist, album and the program, for people and for other programs.

`follower` tells the track that plays, from `mpris` (any desktop player, by D-Bus) and `mpd` (a Music Player Daemon);
`scenes` loads the scene that belongs to it.
"""

__all__ = ["follower", "scenes"]
