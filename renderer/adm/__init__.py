"""Files of the Audio Definition Model (ITU-R BS.2076): scenes that other programs open, and theirs opened here."""
