"""Audio files: WAV, RF64, BW64, FLAC, OGG and MP3 to read; WAV, FLAC and BW64 to write, complete or not at all.

`audiofile` reads stereo and writes any number of channels; `bw64` and `bw64_writer` are for tracks with descriptions.
"""

__all__ = ["audiofile", "bw64", "bw64_writer", "part_file", "paths"]
