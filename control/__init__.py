"""The daemon around the engine: configuration, scene state, dialects, network and command line."""
