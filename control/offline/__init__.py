"""Files: upmix, separate, remix and ADM export with the live code, catalogues (`batch`) and `evaluation` of models.

`inputs` and `scenes` load and check what a command or a job names; `render` and `adm_export` process a recording.
"""

__all__ = ["adm_export", "batch", "demo", "evaluation", "inputs", "positions", "progress", "render", "scenes"]
