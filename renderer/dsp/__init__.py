"""Signal processing: one filter, meter or stage per module, with its design (NumPy), its state and its compiled loop.

`chain` designs the loudspeaker chain of a layout; `shared` says what a stage is.
"""
