"""Build: the Python of the scan → machine code, ahead of time: ``python -m worker.fast.compiled.build``.

Needs numba; whoever runs the code does not. numba types the functions, LLVM makes one function of them, and of that
only the instructions are kept: they refer to nothing outside of themselves. Where there is nothing to do, or
nothing can be compiled, it ends before it imports numba.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

os.environ.setdefault("NUMBA_CPU_NAME", "generic")  # the code is to run on other processors than this one
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "0")
os.environ.setdefault("NUMBA_SLP_VECTORIZE", "0")

from worker.fast.compiled import ids, letters, records, tally, texts, values, vocabulary
from worker.fast.compiled.code import CODE, KIND, code_path

MODULES = (letters, values, texts, records, ids, tally, vocabulary)
ENTRIES = {"scan": records, "remember": ids, "doubt": tally, "tally": tally, "recode": vocabulary, "refill": vocabulary}
"""The functions that are called from outside, and where they are."""
_CPUS = {"x86_64": "x86-64", "aarch64": "generic"}


class NotBuilt(Exception):
    """The code cannot be built here."""


def main() -> int:
    """Build what is not there already, and remove what was built of other sources."""
    missing = [name for name in ENTRIES if not code_path(name).exists()]
    if missing and (sys.platform != "linux" or platform.machine() not in _CPUS):
        print(f"nothing is compiled for {sys.platform} on {platform.machine()}: files are decoded in pieces")
        return 0
    if missing:
        compile_functions(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    for name in missing:
        _write(code_path(name), instructions(intermediate_code(name)))
    for path in outdated():
        path.unlink(missing_ok=True)
    return 0


def outdated() -> list[Path]:
    """The code of this kind that no one will load any more."""
    current = {code_path(name) for name in ENTRIES}
    folders = {path.parent for path in current}
    found = {path for folder in folders for path in folder.glob(f"*-{KIND}-*.bin")}
    return sorted(found - current)


def _write(path: Path, code: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(code)
    draft.replace(path)


def signature(function: Callable[..., object], memory: Callable[[Any], Any]) -> Any:
    """The types of a function; `memory` makes the type of memory of one of its elements."""
    from numba import types

    elements = {"Bytes": types.uint8, "Integers": types.int64, "Words": types.uint64, "Halves": types.uint32}
    kinds = [kind for name, kind in function.__annotations__.items() if name != "return"]
    return types.int64(*[memory(elements[kind]) if kind in elements else types.int64 for kind in kinds])


def compile_functions(**options: Any) -> None:
    """Put compiled functions into the places of the modules' own, which see each other there."""
    import numba

    own = [f for m in MODULES for f in vars(m).values() if isinstance(f, FunctionType) and f.__module__ == m.__name__]
    compiled = {function: numba.njit(error_model="numpy", **options)(function) for function in own}
    for module in MODULES:
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType) and value in compiled:
                setattr(module, name, compiled[value])


def intermediate_code(name: str) -> tuple[str, str]:
    """A compiled function as LLVM's intermediate code, and what it is called there."""
    from numba import types

    function = getattr(ENTRIES[name], name)
    kinds = signature(function.py_func, types.CPointer)
    function.compile(kinds)
    compiled = function.overloads[kinds.args]
    return compiled.library.get_llvm_str(), compiled.fndesc.llvm_func_name


def instructions(compiled: tuple[str, str]) -> bytes:
    """The machine code of a function; it begins with the first instruction.

    Raises
    ------
    NotBuilt
        When the code refers to something outside of itself.
    """
    import llvmlite.binding as llvm

    text, entry = compiled
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = text.replace("define linkonce_odr", "define internal")
    text = re.sub(r"^(attributes #\d+ = \{)", r'\1 "no-jump-tables"="true" "no-builtins"', text, flags=re.MULTILINE)
    module = llvm.parse_assembly(text)
    cpu = _CPUS[platform.machine()]
    machine = llvm.Target.from_default_triple().create_target_machine(cpu, opt=3, reloc="pic", codemodel="small")
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    first = next(function for function in module.functions if not function.is_declaration)
    if first.name != entry:
        raise NotBuilt(f"the code begins with {first.name}")
    return _only_section(machine.emit_object(module))


def _only_section(compiled: bytes) -> bytes:
    import llvmlite.binding as llvm

    code, more = b"", []
    for section in llvm.ObjectFileRef.from_data(compiled).sections():
        name = (section.name() or b"").decode()
        if name == CODE:
            code = bytes(section.data())
        elif section.size() and name.startswith((".rel", ".rodata", ".data", ".bss")):
            more.append(name)
    if more or not code:
        raise NotBuilt(f"the code refers to {', '.join(more) or 'nothing'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
