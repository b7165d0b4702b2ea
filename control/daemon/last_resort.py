"""An end for a process that does not end: what still works when the interpreter does not.

Python attends to a signal when it next runs. A thread that keeps the interpreter lock, or has vanished with it, keeps
SIGTERM waiting for ever. So a compiled handler comes before Python's: it sets the kernel's alarm and passes the signal
on. A process that is still there when the alarm goes off is ended by the kernel (SIGALRM).
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterable
from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite import ir

PATIENCE_S: Final = 10
"""As long as systemd waits (TimeoutStopSec)."""
_NO_FUNCTIONS: Final = (0, 1)
"""SIG_DFL, which ends a process without further ado, and SIG_IGN."""
_kept: list[Any] = []
"""A handler that is installed must never be freed."""


def end_in_time(signals: Iterable[signal.Signals], patience_s: int = PATIENCE_S) -> None:
    """Has the kernel end this process if one of these signals has not ended it in time.

    To be called when Python's own handlers are installed. A handler that does not mean to end takes the alarm back:
    `signal.alarm(0)`.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    c = ctypes.CDLL(None)
    c.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    handlers = {number: _handler(c, number) for number in signals}
    before = {number: address for number, address in handlers.items() if address not in _NO_FUNCTIONS}
    compiled = _compiled(before, patience_s)
    _kept.append(compiled)
    for number in before:
        c.signal(number, compiled.get_function_address(_name(number)))


def _handler(c: Any, number: int) -> int:
    """The address of the handler of a signal."""
    action = ctypes.create_string_buffer(256)  # `struct sigaction`, which begins with the handler
    c.sigaction(number, None, action)
    return int(ctypes.c_uint64.from_buffer(action).value)


def _name(number: int) -> str:
    return f"end_{number}"


def _compiled(before: dict[signal.Signals, int], patience_s: int) -> Any:
    """A `void (int)` for each signal: sets the alarm, then calls the handler before it."""
    number, word, nothing = ir.IntType(32), ir.IntType(64), ir.VoidType()
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    alarm = ir.Function(module, ir.FunctionType(number, [number]), "alarm")
    for which, address in before.items():
        function = ir.Function(module, ir.FunctionType(nothing, [number]), _name(which))
        builder = ir.IRBuilder(function.append_basic_block())
        builder.call(alarm, [ir.Constant(number, patience_s)])
        pointer = ir.FunctionType(nothing, [number]).as_pointer()
        builder.call(builder.inttoptr(ir.Constant(word, address), pointer), function.args)
        builder.ret_void()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    return engine
