"""The configuration: one strict YAML file, its defaults, and how it is written.

`configuration` loads and checks it, `audio`, `device`, `network` and `playing` have its blocks, and `edit` writes it.
`schema` has the error and the mark of live keys; how problems become text is in `layouts.schema`, which all YAML files
share. `host_names`, `object_names` and `free_ports` check and choose names and ports.
"""

__all__ = [
    "audio", "configuration", "device", "edit", "free_ports", "host_names", "network", "object_names", "playing",
    "schema",
]  # fmt: skip
