"""Import of models made elsewhere.

`families` writes cards for ONNX files of well-known model families, `export_openunmix` converts checkpoints to graphs,
`join` combines single-instrument networks into one model.
"""

__all__ = ["export_openunmix", "families", "join"]
