"""The resource report: per kernel and target registers, spills, shared memory (from ptxas), and in the machine code
the matrix instructions, local memory accesses and 16-byte loads (from cuobjdump or nvdisasm, where they are there)."""

import pathlib
import re
import shutil
import subprocess
import sys


def demangled(names):
    tool = shutil.which("c++filt")
    if not tool or not names:
        return {name: name for name in names}
    lines = subprocess.run([tool], input="\n".join(names), capture_output=True, text=True).stdout.splitlines()
    short = [re.sub(r"\(anonymous namespace\)::|moult::|^void ", "", line) for line in lines]
    return {name: re.sub(r"\(.*$", "", line).replace("|", "/") for name, line in zip(names, short)}


def resources(log):
    """ptxas' words on one file: {(kernel, target): [registers, spill bytes, stack bytes, shared bytes]}"""
    found, key = {}, None
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '(\S+)' for '(\S+)'", line):
            key = match.groups()
            found[key] = [0, 0, 0, 0]
        elif key and (match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)):
            found[key][1] = int(match[2]) + int(match[3])
            found[key][2] = int(match[1])
        elif key and (match := re.search(r"Used (\d+) registers", line)):
            found[key][0] = int(match[1])
            shared = re.search(r"(\d+) bytes smem", line)
            found[key][3] = int(shared[1]) if shared else 0
            key = None
    return found


INSTRUCTIONS = {
    "HGMMA": r"\bHGMMA\.", "IGMMA": r"\bIGMMA\.", "HMMA": r"\bHMMA\.", "IMMA": r"\bIMMA\.",
    "LDL/STL": r"\b(LDL|STL)\b", "LDG.128": r"\bLDG\.E\.[A-Z0-9.]*128", "UBLKCP": r"\bUBLKCP\b",
}


def instructions(tool, objects):
    counts = {}
    for path in objects:
        text = subprocess.run([tool, "--dump-sass", str(path)], capture_output=True, text=True).stdout
        target = kernel = None
        for line in text.splitlines():
            if match := re.search(r"(?:code for|arch =) (sm_\w+)", line):
                target = match[1]
            elif match := re.search(r"Function : (\S+)", line):
                kernel = match[1]
                counts[(kernel, target)] = dict.fromkeys(INSTRUCTIONS, 0)
            elif kernel and "/*" in line:
                for name, pattern in INSTRUCTIONS.items():
                    if re.search(pattern, line):
                        counts[(kernel, target)][name] += 1
    return counts


def main():
    nvcc, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    logs = sorted(folder.glob("*.cu.o.log"))
    # The tools say the target by its number; PTX for other cards has no machine code.
    found = {}
    for log in logs:
        if log.name != "check.cu.o.log":
            found.update(resources(log.read_text()))
    tool = nvcc.with_name("cuobjdump")
    tool = str(tool) if tool.exists() else shutil.which("cuobjdump")
    counted = instructions(tool, sorted(p for p in folder.glob("*.cu.o") if p.name != "check.cu.o")) if tool else {}
    names = demangled(sorted({kernel for kernel, _ in found}))
    columns = list(INSTRUCTIONS) if counted else []
    print("| kernel | target | registers | spills | stack | shared | " + "".join(f"{c} | " for c in columns))
    print("|---|---|---|---|---|---|" + "---|" * len(columns))
    spilled = 0
    for (kernel, target), (registers, spills, stack, shared) in sorted(found.items(), key=lambda f: (names[f[0][0]], f[0][1])):
        row = counted.get((kernel, target), {})
        print(f"| {names[kernel]} | {target} | {registers} | {spills} | {stack} | {shared} | "
              + "".join(f"{row.get(c, 0) or ''} | " for c in columns))
        spilled += spills > 0
    print(f"\n{len(found)} kernels, {spilled} with spills" + ("" if counted else "; no cuobjdump: machine code was not read"))


main()
