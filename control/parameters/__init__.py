"""The one table of everything that can be controlled or queried, by OSC address.

Rows say what a value is, how it is read, checked and written; routes lead from an address or pattern to rows.
`commands` are what messages mean in any dialect; `actions` are those with an address of their own. Messages, scene
files, OSCQuery and the manual all follow from the table.
"""

__all__ = [
    "actions",
    "adm_rows",
    "argument",
    "commands",
    "context",
    "names",
    "object_rows",
    "patterns",
    "recall",
    "routes",
    "rows",
    "speaker_outputs",
    "table",
]
