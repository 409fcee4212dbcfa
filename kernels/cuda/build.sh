#!/usr/bin/env bash
# Builds Moult's GPU library and its check into .build/cuda.
#
#   kernels/cuda/build.sh               with nvcc, and prints the resource report
#   kernels/cuda/build.sh --emulated    with clang++ or g++ and the emulated device, no CUDA at all
#   kernels/cuda/build.sh --sanitized   the emulated check with AddressSanitizer and UndefinedBehaviorSanitizer
#
# nvcc is taken from PATH, from CUDA_HOME, or installed from PyPI into .build/cuda-venv. CXX chooses the C++ compiler
# of the emulated build, MOULT_CUDA_TARGETS the targets ("80 90a ptx"), MOULT_CUDA_OUT another place, MOULT_CUDA_ONLY
# families with those they build on ("hamming encode encode_u8 map_rows").
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mode=${1:-}
out=${MOULT_CUDA_OUT:-$root/.build/cuda}
sources=("$here"/*.cu)
only=()
if [ -n "${MOULT_CUDA_ONLY:-}" ]; then
  sources=()
  for name in runtime library describe absent check $MOULT_CUDA_ONLY; do sources+=("$here/$name.cu"); done
  # The check leaves out parts whose families are not there.
  only=(-DMOULT_CHECK_ONLY)
  for name in $MOULT_CUDA_ONLY; do only+=("-DMOULT_CHECK_$name"); done
fi

# The library shows its one symbol, and nothing of the C++ library.
mkdir -p "$out"
echo '{ global: moult_device_library; local: *; };' >"$out/symbols.map"

# Objects are compiled again when a source or any header is newer.
newest_header=$(ls -t "$here"/*.h "$here"/emulated/*.h "$here"/build.sh | head -1)
is_stale() { [ ! -e "$2" ] || [ "$1" -nt "$2" ] || [ "$newest_header" -nt "$2" ]; }

# compile COMMAND... : of the sources in "$@" after "--", two at a time.
compile_all() {
  local objects=$1; shift
  local -a running=()
  local source object failed=0
  mkdir -p "$objects"
  for source in "${compiled[@]}"; do
    object=$objects/$(basename "$source").o
    is_stale "$source" "$object" || continue
    "$@" -c "$source" -o "$object.new" >"$object.log" 2>&1 && mv "$object.new" "$object" &
    running+=($!)
    if [ "${#running[@]}" -ge 2 ]; then wait "${running[0]}" || failed=1; running=("${running[@]:1}"); fi
  done
  for process in "${running[@]}"; do wait "$process" || failed=1; done
  for source in "${compiled[@]}"; do
    object=$objects/$(basename "$source").o
    # ptxas says with C75.. (C7510) that it made products of wgmma wait for each other, which costs most of their speed.
    if [ -s "$object.log" ] && grep -qE "error|warning|C75[0-9][0-9]" "$object.log"; then cat "$object.log" >&2; fi
  done
  return $failed
}

case $mode in
--emulated | --sanitized)
  compiler=${CXX:-$(command -v clang++ || command -v g++)}
  # Relaxed alignment checks are not: the device wants natural alignment, so does this.
  flags=(-std=c++17 -O2 -g -fPIC -fvisibility=hidden -ffp-contract=off -fno-strict-aliasing -DMOULT_EMULATED
    -I"$here/emulated" -I"$here" -Wall -Wextra -Wno-unused-function -Wno-unused-variable -Wno-unknown-pragmas ${only[@]+"${only[@]}"})
  objects=$out/emulated
  if [ "$mode" = --sanitized ]; then
    objects=$out/sanitized
    flags+=(-fsanitize=address,undefined -fno-sanitize-recover=all)
    if "$compiler" --version | grep -q clang; then flags+=(-fsanitize-address-use-after-return=never); fi
  fi
  compiled=("${sources[@]}" "$here"/emulated/*.cpp)
  compile_all "$objects" nice "$compiler" "${flags[@]}" -x c++
  library=()
  for source in "${compiled[@]}"; do
    [ "$(basename "$source")" = check.cu ] || library+=("$objects/$(basename "$source").o")
  done
  # The CPU's own kernels, which the check holds its references against.
  compiled=()
  for name in distance_f64 distance_i8 encode encode_levels encode_rows map_rows rotate vector_f32; do
    compiled+=("$here/../scalar/$name.c")
  done
  compile_all "$objects" nice "$compiler" -x c -std=gnu11 -O2 -g -fPIC -ffp-contract=off -I"$here/.." \
    -I"$here/../include"
  scalar=()
  for source in "${compiled[@]}"; do scalar+=("$objects/$(basename "$source").o"); done
  if [ "$mode" = --emulated ]; then
    "$compiler" "${flags[@]}" -shared -Wl,-z,defs "-Wl,--version-script=$out/symbols.map" \
      "${library[@]}" -o "$out/libmoult_cuda_emulated.so" -lpthread -lm
    echo "$out/libmoult_cuda_emulated.so"
  fi
  "$compiler" "${flags[@]}" "${library[@]}" "${scalar[@]}" "$objects/check.cu.o" -o "$objects/check" -lpthread -lm
  echo "$objects/check"
  ;;
"")
  library_flags=()
  if ! nvcc=$(command -v nvcc); then
    nvcc=${CUDA_HOME:-/usr/local/cuda}/bin/nvcc
  fi
  if [ ! -x "$nvcc" ]; then
    venv=$root/.build/cuda-venv
    if ! compgen -G "$venv/lib/python3*/site-packages/nvidia/cu*/bin/nvcc" >/dev/null; then
      python3 -m venv "$venv"
      # Versions are pinned together: crt and nvvm come with nvcc.
      "$venv/bin/pip" install --quiet --disable-pip-version-check "nvidia-cuda-nvcc==13.*" "nvidia-cuda-runtime==13.*" \
        "nvidia-cuda-cccl==13.*" "nvidia-cuda-cuobjdump==13.*" "nvidia-cuda-nvdisasm==13.*"
    fi
    nvcc=$(compgen -G "$venv/lib/python3*/site-packages/nvidia/cu*/bin/nvcc" | head -1)
    library_flags=(-L"$(dirname "$nvcc")/../lib")
  fi
  targets=()
  for target in ${MOULT_CUDA_TARGETS:-80 90a ptx}; do
    case $target in
    ptx) targets+=(-gencode=arch=compute_80,code=compute_80) ;;
    *) targets+=("-gencode=arch=compute_$target,code=sm_$target") ;;
    esac
  done
  # -fmad=false: nothing is fused that does not say so, and the bits are those of the CPU.
  flags=(-std=c++17 -O3 -fmad=false -lineinfo "${targets[@]}" -I"$here" -Xcompiler -fPIC,-fvisibility=hidden,-O2
    -Xptxas -v -diag-suppress 177 ${only[@]+"${only[@]}"})
  objects=$out/nvcc
  compiled=("${sources[@]}")
  compile_all "$objects" nice "$nvcc" "${flags[@]}"
  library=()
  for source in "${compiled[@]}"; do
    [ "$(basename "$source")" = check.cu ] || library+=("$objects/$(basename "$source").o")
  done
  "$nvcc" -shared -cudart static -Xlinker "--version-script=$out/symbols.map" "${targets[@]}" \
    ${library_flags[@]+"${library_flags[@]}"} "${library[@]}" \
    -o "$out/libmoult_cuda.so"
  "$nvcc" -cudart static "${targets[@]}" ${library_flags[@]+"${library_flags[@]}"} "${library[@]}" \
    "$objects/check.cu.o" -o "$out/check"
  echo "$out/libmoult_cuda.so"
  echo "$out/check"
  python3 "$here/report.py" "$nvcc" "$objects" | tee "$out/report.md"
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
