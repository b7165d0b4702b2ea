"""Music made for training, and the training of separators on it; needs the extra `train`."""
