"""Reads layout files of any kind, recognised by their content: stemfield, EAR, VISR, IEM, SpatGRIS and SSR."""

from __future__ import annotations

from stemfield.layouts.foreign import ForeignFileError, Imported, xml_root
from stemfield.layouts.import_ear import import_ear, is_ear
from stemfield.layouts.import_iem import import_iem, is_iem
from stemfield.layouts.import_spatgris import import_old_spatgris, import_spatgris
from stemfield.layouts.import_ssr import import_ssr
from stemfield.layouts.import_visr import import_visr
from stemfield.layouts.strict_yaml import parse_yaml

__all__ = ["ForeignFileError", "read_data"]

_XML = {
    "panningConfiguration": import_visr,
    "SPEAKER_SETUP": import_spatgris,
    "SpeakerSetup": import_old_spatgris,
    "asdf": import_ssr,
}


def read_data(text: str, name: str) -> tuple[object, tuple[str, ...] | None]:
    """The plain data of a layout, not yet checked, and the notes of its import; None for a file of stemfield.

    Args:
        text: text of a layout file of any kind.
        name: name for a layout whose file has none.

    Raises:
        StrictYamlError: neither YAML of plain data nor another known format.
        ForeignFileError: a file of another renderer that cannot be read.
    """
    if text.lstrip().startswith("<"):
        root = xml_root(text)
        if root.tag not in _XML:
            raise ForeignFileError(f"unknown kind of XML: expected {', '.join(_XML)}, got <{root.tag}>")
        return _plain(_XML[root.tag](root, name))
    if is_iem(text):
        return _plain(import_iem(text, name))
    data = parse_yaml(text)
    return _plain(import_ear(data, name)) if is_ear(data) else (data, None)


def _plain(imported: Imported) -> tuple[object, tuple[str, ...]]:
    imported.finish()
    return imported.data, tuple(imported.notes)
