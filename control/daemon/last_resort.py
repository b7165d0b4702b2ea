"""Ends a process whose interpreter is stuck.

Python handles a signal when the interpreter next runs. A thread that holds the interpreter lock, or has vanished with
it, delays SIGTERM forever. So a compiled handler runs before Python's: it sets the kernel's alarm and passes the signal
on. If the process still runs when the alarm expires, the kernel ends it (SIGALRM).
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterable
from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite import ir

TIMEOUT_S: Final = 10
"""Same as systemd's timeout (TimeoutStopSec)."""
_NO_FUNCTIONS: Final = (0, 1)
"""SIG_DFL, which ends a process at once, and SIG_IGN."""
_kept: list[Any] = []
"""Installed handlers, which must never be freed."""


def end_in_time(signals: Iterable[signal.Signals], timeout_s: int = TIMEOUT_S) -> None:
    """Let the kernel end this process if one of these signals has not ended it within the timeout.

    Call it once Python's own handlers are installed. A handler that does not end the process cancels the alarm with
    `signal.alarm(0)`.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    c = ctypes.CDLL(None)
    c.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    handlers = {number: _handler(c, number) for number in signals}
    before = {number: address for number, address in handlers.items() if address not in _NO_FUNCTIONS}
    compiled = _compiled(before, timeout_s)
    _kept.append(compiled)
    for number in before:
        c.signal(number, compiled.get_function_address(_name(number)))


def _handler(c: Any, number: int) -> int:
    """Address of the handler of a signal."""
    action = ctypes.create_string_buffer(256)  # `struct sigaction`, which begins with the handler
    c.sigaction(number, None, action)
    return int(ctypes.c_uint64.from_buffer(action).value)


def _name(number: int) -> str:
    return f"end_{number}"


def _compiled(before: dict[signal.Signals, int], timeout_s: int) -> Any:
    """Compile a `void (int)` for each signal: it sets the alarm, then calls the previous handler."""
    number, word, nothing = ir.IntType(32), ir.IntType(64), ir.VoidType()
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    alarm = ir.Function(module, ir.FunctionType(number, [number]), "alarm")
    for which, address in before.items():
        function = ir.Function(module, ir.FunctionType(nothing, [number]), _name(which))
        builder = ir.IRBuilder(function.append_basic_block())
        builder.call(alarm, [ir.Constant(number, timeout_s)])
        pointer = ir.FunctionType(nothing, [number]).as_pointer()
        builder.call(builder.inttoptr(ir.Constant(word, address), pointer), function.args)
        builder.ret_void()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    return engine
