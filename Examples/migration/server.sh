# Sourced by the examples: starts a Moult of its own with an empty data directory on a free port, and stops it at the end.
# MOULT names the binary; `moult` is then the command of a user. SAMPLE holds 10,000 WordNet senses with MiniLM's vectors.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${MOULT:=$root/.build/release/moult}"
SAMPLE=$root/Examples/data/wordnet-10k
"$root/scripts/setup" tests
[ -x "$MOULT" ] || { echo "there is no $MOULT: run 'make build' first, or say MOULT=…" >&2; exit 1; }

directory=$(mktemp -d)
children=()
stop() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null && wait "$child" 2>/dev/null || true; done
  rm -rf "$directory"
}
trap stop EXIT

# start NAME COMMAND…: runs a server in the background until the end; its address is in $address.
start() {
  local name=$1
  shift
  "$@" >"$directory/$name.out" 2>"$directory/$name.log" &
  children+=($!)
  # Installing models takes minutes on a slow line; nothing else takes long.
  local patience=$((SECONDS + 600))
  until address=$(cat "$directory/$name.out" "$directory/$name.log" | sed -n 's/^listening on \(http[^ ]*\)$/\1/p' | head -n 1) \
    && [ -n "$address" ]; do
    kill -0 "${children[-1]}" 2>/dev/null && [ $SECONDS -lt $patience ] || { cat "$directory/$name.log" >&2; exit 1; }
    sleep 0.1
  done
}

# Prints a command as it is typed, and runs it.
moult() {
  { echo && echo "\$ moult $*"; } >&2
  "$MOULT" "$@"
}

# refused TEXT COMMAND…: the command must fail and say TEXT.
refused() {
  local text=$1 said
  shift
  if said=$("$@" 2>&1); then echo "should have been refused: $*" >&2; exit 1; fi
  # Without the command itself, which `moult` prints.
  said=$(grep -v '^\$ moult ' <<<"$said" || true)
  grep -qF -- "$text" <<<"$said" || { echo "expected '$text', got: $said" >&2; exit 1; }
  echo "refused, as it should be: $(grep -m1 -F -- "$text" <<<"$said")"
}

# json PATH: a member of the JSON on stdin, such as generation.specification.
json() {
  python3 -c 'import functools, json, sys
print(functools.reduce(lambda value, key: value[int(key) if key.isdigit() else key], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"
}

# api PATH [BODY [OPTION…]]: a request to the server, as an application makes it.
api() {
  local path=$1 body=${2:-}
  shift $(($# < 2 ? $# : 2))
  curl -sS --fail-with-body -H 'Authorization: Bearer root:Milvus' -H 'Content-Type: application/json' "$MOULT_URL/moult/v1/$path" ${body:+-d "$body"} "$@"
}

# equals WHAT EXPECTED ACTUAL
equals() {
  [ "$2" = "$3" ] || { echo "$1 should be $2, is $3" >&2; exit 1; }
}

# serve [OPTION…]: the server of Moult.
serve() {
  start moult "$MOULT" serve --data "$directory/data" --port 0 "$@"
  export MOULT_URL=$address
}

# models: starts the example embedding server ($endpoint), and makes base.npy, payload.jsonl and queries.jsonl of the
# sample's first $ROWS senses (1,000): queries whose own sense is among them, with that as the right answer.
models() {
  start embeddings "$root/Examples/embedding-server/run" --port 0
  endpoint=$address
  "$root/.build/embedding-server/bin/python" - "$SAMPLE" "$directory" "${ROWS:-1000}" <<'PYTHON'
import gzip, json, sys
import numpy as np
sample, directory, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
np.save(f"{directory}/base.npy", np.load(f"{sample}/base.npy")[:rows])
with gzip.open(f"{sample}/payload.jsonl.gz", "rt") as source, open(f"{directory}/payload.jsonl", "w") as target:
    target.writelines(line for line, _ in zip(source, range(rows)))
with gzip.open(f"{sample}/queries.jsonl.gz", "rt") as source, open(f"{directory}/queries.jsonl", "w") as target:
    for query in map(json.loads, source):
        if query["row"] < rows:
            target.write(json.dumps({"text": query["text"], "relevant": [query["row"]]}) + "\n")
PYTHON
  # The server of Moult may call this host and no other.
  local host=${endpoint#http://}
  serve --embedder-host "${host%%/*}"
}
