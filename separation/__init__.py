"""Mixture in, stems out: model cards, streaming separators and the worker process."""
