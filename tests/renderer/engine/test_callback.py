"""The audio callback neither allocates nor enters the interpreter: read from its code, and measured."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

ALLOWED = {
    "jack_port_get_buffer",
    "clock_gettime",
    # reference counting of array views whose count is a null pointer: the two functions test it and return
    "NRT_incref",
    "NRT_decref",
}
OF_LATENCIES = {"jack_port_get_latency_range", "jack_port_set_latency_range"}
"""Called in a thread of libjack's that may wait."""
DESCRIBE = """
import json, re, sys
import numpy as np
from numba import carray, cfunc, types
from stemfield.renderer.engine import processor
from stemfield.renderer.drivers import jack_callback

def planted(frames, argument):
    words = carray(argument, (4,), np.int64)
    if words[0] > 5:
        raise ValueError("planted")
    return np.int32(0)

kinds = types.int32(types.uint32, types.voidptr)
def blocks():
    processor.compile_ahead()
    return processor.process

compiled = {
    "process": lambda: jack_callback.compile_callbacks().process,
    "blocks": blocks,
    "freewheel": lambda: jack_callback.compile_callbacks().freewheel,
    "latency": lambda: jack_callback.compile_callbacks().latency,
    "latency asked": lambda: jack_callback.compile_callbacks().latency_asked,
    "planted": lambda: cfunc(kinds, cache=False)(planted),
}[sys.argv[1]]()

def statuses(value, body, seen=()):
    # what a function may return: 0 is success, a name is followed to its definition
    if not value.startswith("%"):
        return {value}
    if value in seen:
        return set()
    line = re.search(r"(?m)^ *" + re.escape(value) + r" = (.*)$", body).group(1)
    if " call " in " " + line:
        return set()  # the status of another function, which is looked at by itself
    if line.startswith("phi"):
        incoming = re.findall(r"\\[ *([^,]+), ", line)
        return set().union(*(statuses(v, body, (*seen, value)) for v in incoming))
    return {line}

calls, returned = {}, {}
text = compiled.inspect_llvm()
text = text if isinstance(text, str) else "".join(text.values())
for part in re.split(r"(?m)^define ", text)[1:]:
    body = part[: part.index("\\n}")]
    name = re.search(r'@"?([\\w.$]+)', part).group(1)
    if name.startswith(("cfunc.", "_ZN7cpython", "NRT_")):
        continue  # Numba's wrappers, which enter the interpreter where the status is not 0, and empty counting
    calls[name] = re.findall(r'call [^@\\n]*@"?([\\w.$]+)', body)
    returned[name] = sorted(set().union(*(statuses(v, body) for v in re.findall(r"ret i32 (\\S+)", body))))
print(json.dumps([calls, returned]))
"""


def describe(which, folder):
    """Every function of a freshly compiled callback: the functions it calls, and the statuses it can return."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, which],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=["process", "blocks", "freewheel", "latency", "latency asked"])
def callback(request, tmp_path_factory):
    return describe(request.param, tmp_path_factory.mktemp("cache"))


def test_the_compiled_callback_calls_nothing_that_could_wait_or_allocate(callback):
    calls, _ = callback
    for name, called in calls.items():
        foreign = {c for c in called if c not in calls and not c.startswith("llvm.")}
        assert foreign <= ALLOWED | OF_LATENCIES, name


def test_no_function_of_the_callback_can_raise(callback):
    _, returned = callback
    assert returned
    for name, statuses in returned.items():
        assert statuses in ([], ["0"]), name


def test_a_function_that_can_raise_would_be_found(tmp_path):
    _, returned = describe("planted", tmp_path)
    assert any(statuses not in ([], ["0"]) for statuses in returned.values())


COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
static __thread long calls;
#define REAL(name, kind) static kind real; if (!real) real = (kind)dlsym(RTLD_NEXT, name)
typedef void *(*malloc_t)(size_t); typedef void (*free_t)(void *); typedef void *(*realloc_t)(void *, size_t);
void *malloc(size_t n) { REAL("malloc", malloc_t); calls++; return real(n); }
void free(void *p) { REAL("free", free_t); calls++; real(p); }
void *realloc(void *p, size_t n) { REAL("realloc", realloc_t); calls++; return real(p, n); }
long heap_calls(void) { return calls; }
"""
MEASURE = """
import ctypes, numpy as np
from dataclasses import replace
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement, Compensation, EqBand
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.dsp.fir import partition
from stemfield.renderer.dsp.identify import NOISE
from numba import njit
from stemfield.renderer.engine.memory import Word
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.processor import process

heap_calls = ctypes.CDLL(None).heap_calls
heap_calls.restype = ctypes.c_long
layout = load_layout("22.2")
speakers = tuple(replace(s, eq=(EqBand("peak", 1000.0),), radius_m=2 + s.channel / 100) for s in layout.speakers)
everything = {"compensate": Compensation(True, True), "bass_management": BassManagement(), "dual_band": True}
chain = design_chain(replace(layout, speakers=speakers, **everything), 48_000).monitored(96)
taps = partition(np.ones(2000))
chain = replace(chain, corrections=(taps, *chain.corrections[1:]))
engine = Engine(48_000, 2, 2, 24, 4, 2304, chain)
equalisers = [np.array([[1.0, 0, 0, 0, 0]])] * 12
engine.publish(np.ones((12, 24), np.float32), np.ones(12, np.int64), np.ones(24, np.float32), 1,
               diffuse_gains=np.ones((12, 24), np.float32), equalisers=equalisers)
engine.publish_head(np.ones((24, 2, 96), np.float32))
engine.identify.request(3, NOISE, 0.1)
engine.timeline.restart_stems(0)
engine.timeline.write_stems(np.ones((4, 2, 60_000), np.float32))
inputs, outputs = np.ones((4, 64), np.float32), np.ones((26, 64), np.float32)
into, out = np.array([r.ctypes.data for r in inputs]), np.array([r.ctypes.data for r in outputs])

@njit
def blocks(table, into, out, count, target_gains, middle):
    for i in range(count):
        if i % 10 == 0:  # new gains arrive, so that ramps are on the way too
            for row in range(len(target_gains)):
                target_gains[row, 3, i % 24] += np.float32(0.01)
            middle[0] |= 4
        process(table, into, out, 64)

def counted(count):
    before = heap_calls()
    blocks(engine.memory.address, into.ctypes.data, out.ctypes.data, count,
           engine.memory[Word.TARGET_GAINS], engine.memory[Word.MIDDLE])
    return heap_calls() - before

counted(10)
few, many = counted(100), counted(1100)
print(few, many, engine.counters().calls)
"""


def test_rendering_blocks_never_touches_the_heap(tmp_path, tool):
    """A counting malloc stands before the C library's: a thousand more blocks make not one more call of it."""
    library = tmp_path / "counter.so"
    source = tmp_path / "counter.c"
    source.write_text(COUNTER)
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE)],
        env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
    )
    few, many, calls = (int(word) for word in done.stdout.split())
    assert calls == 1210
    assert few > 0  # the counter counts: calling in from Python does allocate
    assert many == few
