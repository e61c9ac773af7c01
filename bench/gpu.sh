#!/usr/bin/env bash
# Measure Longcap on a machine with GPUs, from installation to a table of figures. One command:
#
#   bench/gpu.sh [--videos FOLDER] [--out FOLDER] [--vlm MODEL] [--small MODEL] [--llm MODEL] [--random-weights]
#                [--segments N] [--rounds N] [--skip-install] [--only STEP,STEP] [--dry-run]
#
#   --videos FOLDER   real clips; without it stories are rendered
#   --out FOLDER      logs, reports and summary.txt go here  [gpu-figures]
#   --vlm MODEL       hub name or folder  [Qwen/Qwen3-VL-8B-Instruct]
#   --small MODEL     for the rows with two models on one GPU  [Qwen/Qwen3-VL-2B-Instruct]
#   --llm MODEL       of the narrator  [Qwen/Qwen3-8B]
#   --random-weights  random weights in the models' shapes, which are as fast: only configs and tokenizers are downloaded.
#                     Nothing is captioned then: gates send noise back
#   --only STEP,STEP  of: machine install decode throughput caches phased streaming shared summary
#   --dry-run         print what would be run, and run nothing
#
# A step that fails is named in summary.txt with its log; those after it run all the same. Exit code: how many failed.
set -uo pipefail

videos="" out=gpu-figures vlm=Qwen/Qwen3-VL-8B-Instruct small=Qwen/Qwen3-VL-2B-Instruct llm=Qwen/Qwen3-8B
dummy="" segments=32 rounds=2 install=1 only="" dry=0

usage() { sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//'; }
die() { echo "bench/gpu.sh: $1" >&2; exit 2; }
value() { [ $# -ge 2 ] && [ -n "$2" ] || die "$1 needs a value; --help lists the options"; printf '%s' "$2"; }

while [ $# -gt 0 ]; do
  case "$1" in
    --videos) videos=$(value "$@") || exit 2; shift 2 ;;
    --out) out=$(value "$@") || exit 2; shift 2 ;;
    --vlm) vlm=$(value "$@") || exit 2; shift 2 ;;
    --small) small=$(value "$@") || exit 2; shift 2 ;;
    --llm) llm=$(value "$@") || exit 2; shift 2 ;;
    --segments) segments=$(value "$@") || exit 2; shift 2 ;;
    --rounds) rounds=$(value "$@") || exit 2; shift 2 ;;
    --only) only=$(value "$@") || exit 2; shift 2 ;;
    --random-weights) dummy=--dummy; shift ;;
    --skip-install) install=0; shift ;;
    --dry-run) dry=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option $1; --help lists them" ;;
  esac
done
for number in "$segments" "$rounds"; do
  case "$number" in "" | *[!0-9]* | 0) die "--segments and --rounds are whole numbers above 0, not '$number'" ;; esac
done
[ -z "$videos" ] || [ -d "$videos" ] || die "--videos is $videos, which is no folder"
case "$videos" in "" | /*) ;; *) videos=$PWD/$videos ;; esac
case "$out" in /*) ;; *) out=$PWD/$out ;; esac
all="machine install decode throughput caches phased streaming shared summary"
for step in ${only//,/ }; do
  case " $all " in *" $step "*) ;; *) die "--only names $step; there are: $all" ;; esac
done

cd "$(dirname "$0")/.." || exit 2
python=.venv/bin/python longcap=.venv/bin/longcap
failed=0

wanted() { [ -z "$only" ] && return 0; case ",$only," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

# run NAME COMMAND …: one step, its output in OUT/NAME.log, GPU use beside it in OUT/NAME.gpu.csv
run() {
  local name=$1; shift
  if [ "$dry" = 1 ]; then printf '%s:' "$name"; printf ' %q' "$@"; printf '\n'; return 0; fi
  echo "== $name"
  local watcher=""
  nvidia-smi --query-gpu=timestamp,index,utilization.gpu,memory.used,utilization.decoder --format=csv,noheader,nounits \
    -l 1 > "$out/$name.gpu.csv" 2> /dev/null & watcher=$!
  if ! "$@" > "$out/$name.log" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED $name: see $out/$name.log" | tee -a "$out/summary.txt"
  fi
  kill "$watcher" 2> /dev/null; wait "$watcher" 2> /dev/null
  return 0
}

caption() { # caption NAME VLM LLM SET …: the recipe longcaption into OUT/captions-NAME
  local name=$1 see=$2 tell=$3; shift 3
  [ -z "$dummy" ] || return 0
  run "$name" "$longcap" run "$videos" -o "$out/captions-$name" -c longcaption \
    --set "caption.engine.model=$see" --set "narrate.engine.model=$tell" \
    --set caption.engine.max_model_len=8192 --set narrate.engine.max_model_len=16384 "$@"
}

if [ "$dry" = 0 ]; then
  command -v nvidia-smi > /dev/null || die "there is no nvidia-smi here: this measures GPUs; --dry-run only prints"
  mkdir -p "$out" && : > "$out/summary.txt" || exit 2
fi
gpus=1; [ "$dry" = 1 ] || gpus=$(nvidia-smi -L | wc -l)

wanted machine && run machine nvidia-smi
if wanted install && [ "$install" = 1 ]; then
  run venv python3.11 -m venv .venv
  run install "$python" -m pip install -e '.[vllm,grounding,torchcodec]' numpy psutil
fi
if [ -z "$videos" ]; then
  videos=$out/stories
  run stories "$longcap" demo "$videos"
fi

# a frame a second, decoded on the CPU and on the GPU: the same frames, at what cost
wanted decode && run decode "$python" -m bench.gpu_decode "$videos"

# our way into vLLM against vLLM by itself, images included; what its caches spare
sizes=(--segments "$segments" --side 588 336 --context 8192 --max-num-seqs 64)
wanted throughput && run throughput "$python" -m bench.engine throughput "$vlm" "${sizes[@]}" --tokens 128 \
  --rounds "$rounds" --against async llm ${dummy:+"$dummy"}
wanted caches && run caches "$python" -m bench.engine caches "$vlm" "${sizes[@]}" --tokens 16 ${dummy:+"$dummy"}

# the rows of the table "Give it GPUs" in docs/vllm.md that this machine has GPUs for
wanted phased && caption phased "$vlm" "$llm" --set run.schedule=phased
if wanted streaming; then
  if [ "$gpus" -ge 2 ] || [ "$dry" = 1 ]; then
    caption streaming "$vlm" "$llm" --set run.schedule=streaming
  else
    echo "streaming needs two GPUs; there is one" | tee -a "$out/summary.txt"
  fi
fi
wanted shared && caption shared "$small" "$small" --set run.schedule=streaming \
  --set resources.caption.num_gpus=0.5 --set resources.narrate.num_gpus=0.5 \
  --set caption.engine.gpu_memory_utilization=0.45 --set narrate.engine.gpu_memory_utilization=0.45

wanted summary && run summary "$python" -m bench.gpu_summary "$out"
if [ "$dry" = 0 ]; then
  cat "$out/summary.log" >> "$out/summary.txt" 2> /dev/null
  cat "$out/summary.txt"
fi
exit "$failed"
