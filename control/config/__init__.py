"""The configuration: one strict YAML file, its defaults, its problems in words, and how it is written.

`configuration` loads and checks it, `network` has its network blocks, `errors` turns problems into text, and `edit`
writes it. `strict` is the base of such blocks, also for other files, and marks the keys that are live. `host_names`,
`object_names` and `free_ports` check and choose names and ports.
"""

__all__ = ["configuration", "edit", "errors", "free_ports", "host_names", "network", "object_names", "strict"]
