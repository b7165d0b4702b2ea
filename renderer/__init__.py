"""Scene values, panning gains and the one block processor that live and file rendering share."""
