"""Model cards: strict YAML files that describe a model's inputs, outputs and requirements.

`card` finds and loads cards; `card_schema`, `card_chunks` and `card_parts` define their schema; `presets` maps purposes
to the shipped models; `axes` parses axis patterns of tensors; `onnx_file` detects external data in ONNX files.
"""

__all__ = ["axes", "card", "card_chunks", "card_parts", "card_schema", "onnx_file", "presets"]
