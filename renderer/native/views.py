"""Views of arrays by the word of a table that holds their address."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


def _view(kind: Any, table: Any, _word: Any, *shape: Any) -> Any:
    """An array of `kind` that owns nothing; compiled functions in place of these intrinsics took seconds to compile."""
    array = types.Array(kind, len(shape), "C")

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        words = context.make_array(sig.args[0])(context, builder, args[0])
        address = builder.load(builder.gep(words.data, [args[1]]))
        found = context.make_array(array)(context, builder)
        itemsize = context.get_abi_sizeof(context.get_data_type(kind))
        strides: list[Any] = []
        step = context.get_constant(types.intp, itemsize)
        for length in reversed(args[2:]):
            strides.insert(0, step)
            step = builder.mul(step, length)
        data = builder.inttoptr(address, context.get_data_type(kind).as_pointer())
        populate_array(found, data, list(args[2:]), strides, itemsize, None)
        return found._getvalue()  # noqa: SLF001 (as Numba does for its own arrays)

    return array(table, types.intp, *(types.intp for _ in shape)), codegen


@intrinsic
def words(_context: Any, table: Any, word: Any, rows: Any) -> Any:
    """Int64, shape (rows,)."""
    return _view(types.int64, table, word, rows)


@intrinsic
def words2(_context: Any, table: Any, word: Any, rows: Any, columns: Any) -> Any:
    """Int64, shape (rows, columns)."""
    return _view(types.int64, table, word, rows, columns)


@intrinsic
def words3(_context: Any, table: Any, word: Any, pages: Any, rows: Any, columns: Any) -> Any:
    """Int64, shape (pages, rows, columns)."""
    return _view(types.int64, table, word, pages, rows, columns)


@intrinsic
def floats(_context: Any, table: Any, word: Any, rows: Any) -> Any:
    """Float32, shape (rows,)."""
    return _view(types.float32, table, word, rows)


@intrinsic
def floats2(_context: Any, table: Any, word: Any, rows: Any, columns: Any) -> Any:
    """Float32, shape (rows, columns)."""
    return _view(types.float32, table, word, rows, columns)


@intrinsic
def floats3(_context: Any, table: Any, word: Any, pages: Any, rows: Any, columns: Any) -> Any:
    """Float32, shape (pages, rows, columns)."""
    return _view(types.float32, table, word, pages, rows, columns)


@intrinsic
def floats4(_context: Any, table: Any, word: Any, books: Any, pages: Any, rows: Any, columns: Any) -> Any:
    """Float32, shape (books, pages, rows, columns)."""
    return _view(types.float32, table, word, books, pages, rows, columns)


@intrinsic
def doubles(_context: Any, table: Any, word: Any, rows: Any) -> Any:
    """Float64, shape (rows,)."""
    return _view(types.float64, table, word, rows)


@intrinsic
def doubles2(_context: Any, table: Any, word: Any, rows: Any, columns: Any) -> Any:
    """Float64, shape (rows, columns)."""
    return _view(types.float64, table, word, rows, columns)


@intrinsic
def doubles3(_context: Any, table: Any, word: Any, pages: Any, rows: Any, columns: Any) -> Any:
    """Float64, shape (pages, rows, columns)."""
    return _view(types.float64, table, word, pages, rows, columns)


@intrinsic
def doubles4(_context: Any, table: Any, word: Any, books: Any, pages: Any, rows: Any, columns: Any) -> Any:
    """Float64, shape (books, pages, rows, columns)."""
    return _view(types.float64, table, word, books, pages, rows, columns)


@intrinsic
def doubles5(
    _context: Any, table: Any, word: Any, shelves: Any, books: Any, pages: Any, rows: Any, columns: Any
) -> Any:
    """Float64, shape (shelves, books, pages, rows, columns)."""
    return _view(types.float64, table, word, shelves, books, pages, rows, columns)
