"""Transposes rows of samples to frames and back: a vector of a frame holds one moment of eight signals."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stemfield.renderer.simd.vectors import DOUBLES, numbered


def _square(context: Any, builder: Any, kind: Any, array: Any, row: Any, column: Any) -> list[Any]:
    """Pointers to the rows of a square of `DOUBLES` in a contiguous array of two dimensions."""
    found = context.make_array(kind)(context, builder, array)
    width = builder.extract_value(found.shape, 1)
    vector = ir.VectorType(context.get_data_type(kind.dtype), DOUBLES)
    places = [builder.add(builder.mul(width, builder.add(row, row.type(k))), column) for k in range(DOUBLES)]
    return [builder.bitcast(builder.gep(found.data, [place]), vector.as_pointer()) for place in places]


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square."""
    rows, half = list(rows), 1
    while half < DOUBLES:
        # Of every square of twice `half`, swap the quarters off the diagonal.
        low = [k - half + DOUBLES if k & half else k for k in range(DOUBLES)]
        orders = numbered(low), numbered([k + half for k in low])
        for i in (k for k in range(DOUBLES) if not k & half):
            pair = rows[i], rows[i + half]
            rows[i], rows[i + half] = (builder.shuffle_vector(*pair, order) for order in orders)
        half *= 2
    return rows


@intrinsic
def turn_to_frames(_context: Any, rows: Any, index: Any, frames: Any) -> Any:
    """Transposes a square of `DOUBLES` rows, from `index` on, to as many frames.

    Args:
        rows: float32, shape (DOUBLES or more, n).
        index: index of the first frame.
        frames: to be filled, float64, shape (n, DOUBLES).
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = args[1].type(0)
        wide = ir.VectorType(ir.DoubleType(), DOUBLES)
        sources = _square(context, builder, sig.args[0], args[0], zero, args[1])
        targets = _square(context, builder, sig.args[2], args[2], args[1], zero)
        loaded = [builder.fpext(builder.load(source, align=4), wide) for source in sources]
        for column, target in zip(_transposed(builder, loaded), targets, strict=True):
            builder.store(column, target, align=8)
        return context.get_dummy_value()

    return types.none(rows, types.intp, frames), codegen


@intrinsic
def turn_to_rows(_context: Any, frames: Any, index: Any, rows: Any) -> Any:
    """The inverse, rounded to float32."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = args[1].type(0)
        narrow = ir.VectorType(ir.FloatType(), DOUBLES)
        sources = _square(context, builder, sig.args[0], args[0], args[1], zero)
        targets = _square(context, builder, sig.args[2], args[2], zero, args[1])
        loaded = [builder.load(source, align=8) for source in sources]
        for row, target in zip(_transposed(builder, loaded), targets, strict=True):
            builder.store(builder.fptrunc(row, narrow), target, align=4)
        return context.get_dummy_value()

    return types.none(frames, types.intp, rows), codegen
