"""Views of arrays, of any number of dimensions, by the word of a table that holds their address."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


def _view(kind: Any, table: Any, shape: Any) -> Any:
    """An array of `kind` that owns nothing; compiled functions in place of these intrinsics took seconds to compile."""
    array = types.Array(kind, len(shape), "C")

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        words = context.make_array(sig.args[0])(context, builder, args[0])
        address = builder.load(builder.gep(words.data, [args[1]]))
        found = context.make_array(array)(context, builder)
        itemsize = context.get_abi_sizeof(context.get_data_type(kind))
        lengths = cgutils.unpack_tuple(builder, args[2])
        strides: list[Any] = []
        step = context.get_constant(types.intp, itemsize)
        for length in reversed(lengths):
            strides.insert(0, step)
            step = builder.mul(step, length)
        data = builder.inttoptr(address, context.get_data_type(kind).as_pointer())
        populate_array(found, data, lengths, strides, itemsize, None)
        return found._getvalue()  # noqa: SLF001 (as Numba does for its own arrays)

    return array(table, types.intp, types.StarArgUniTuple(types.intp, len(shape))), codegen


@intrinsic
def words(_context: Any, table: Any, _word: Any, *shape: Any) -> Any:
    """Int64, of this shape."""
    return _view(types.int64, table, shape)


@intrinsic
def floats(_context: Any, table: Any, _word: Any, *shape: Any) -> Any:
    """Float32, of this shape."""
    return _view(types.float32, table, shape)


@intrinsic
def doubles(_context: Any, table: Any, _word: Any, *shape: Any) -> Any:
    """Float64, of this shape."""
    return _view(types.float64, table, shape)
