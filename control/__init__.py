"""Everything around the engine: configuration, the current scene, dialects, network, files and command line.

Rooms, from the top: `cli` (the commands); `doctor` (what is wrong with this machine); `daemon` (puts everything
together) and `sources` (sound of other programs, in a process of its own); `http` (OSCQuery, WebSocket, the page);
`network` (UDP, admission, mirrors, DNS-SD); `hub` (the current scene) and `offline` (files); `dialects` (bytes to
commands) and `scenes` (scenes as files); `audio` (the running engine) and `parameters` (the table of addresses);
`config`. The modules `status`, `faults` and `command_errors` are for all of them. `web` is the page itself, in
TypeScript.
"""
