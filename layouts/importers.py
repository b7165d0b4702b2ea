"""Layout files of any kind, recognised by what they hold: our own YAML, and those of EAR, VISR, IEM, SpatGRIS, SSR."""

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
    """The plain data of a layout in our words, not yet checked, and the notes of its import; None for our own.

    Args:
        text: of a layout file of any kind.
        name: for a layout whose file holds none.

    Raises:
        StrictYamlError: neither YAML of plain data nor anything else that is known.
        ForeignFileError: another renderer's file that cannot be read.
    """
    if text.lstrip().startswith("<"):
        root = xml_root(text)
        if root.tag not in _XML:
            raise ForeignFileError(f"XML of an unknown kind: <{root.tag}>; known are {', '.join(_XML)}")
        return _plain(_XML[root.tag](root, name))
    if is_iem(text):
        return _plain(import_iem(text, name))
    data = parse_yaml(text)
    return _plain(import_ear(data, name)) if is_ear(data) else (data, None)


def _plain(imported: Imported) -> tuple[object, tuple[str, ...]]:
    imported.finish()
    return imported.data, tuple(imported.notes)
