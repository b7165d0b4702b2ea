"""Music of others as training songs: what it is, which of its stems are known, and what had to be left out.

`records` extracts recordings from Debian packages, `multitracks` reads songs with named stems, `modules` separates
tracker modules, `arranged` plays MIDI arrangements, `contents` measures what songs are made of; needs the extra
`train`.
"""

__all__ = ["arranged", "contents", "modules", "multitracks", "records"]
