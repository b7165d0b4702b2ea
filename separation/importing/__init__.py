"""Models made elsewhere.

`families` writes cards for ONNX files of well-known families, `export_openunmix` turns checkpoints into graphs, `join`
makes one model of networks that each know one instrument.
"""

__all__ = ["export_openunmix", "families", "join"]
