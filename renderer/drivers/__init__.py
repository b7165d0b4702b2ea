"""What calls the block processor: a JACK server, a clock, or a file."""
