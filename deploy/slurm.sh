#!/usr/bin/env bash
# Written by `longcap files`, which replaces it.
# A Ray on the nodes of a Slurm job, and a run on it.   sbatch slurm.sh
# Needs, the same on all nodes: an environment with Longcap (PATH below), OUT that all of them reach, and storage keys in
# the environment that sbatch hands on, or in a profile.
#SBATCH --job-name=longcap
#SBATCH --partition=gpu
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

CONFIG=${CONFIG:-longcaption}
INPUT=${INPUT:-s3://bucket/videos}
OUT=${OUT:-s3://bucket/captions}
PORT=$((20000 + SLURM_JOB_ID % 20000))  # two jobs may share a head's node
export RAY_TMPDIR=${RAY_TMPDIR:-/tmp/ray-$SLURM_JOB_ID}  # and its disk; sockets need a short path
export RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
# not hostname --ip-address: on many machines that is 127.0.1.1
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" python -c 'import ray; print(ray.util.get_node_ip_address())')

# --block: the step ends with its Ray, and Slurm ends the step; nothing is left on the nodes
srun --nodes=1 --ntasks=1 --overlap --nodelist="$head" \
  ray start --head --block --node-ip-address="$address" --port="$PORT" --include-dashboard=false \
  --temp-dir="$RAY_TMPDIR" &
steps=($!)
until (: > "/dev/tcp/$address/$PORT") 2> /dev/null; do
  kill -0 "${steps[0]}" || { echo "Ray's head did not start on $head" >&2; exit 1; }
  sleep 1
done
for node in "${nodes[@]:1}"; do
  srun --nodes=1 --ntasks=1 --overlap --nodelist="$node" ray start --block --address="$address:$PORT" &
  steps+=($!)
done

# A run sizes itself by what is there when it begins
RAY_ADDRESS=$address:$PORT python - "${#nodes[@]}" << 'PY'
import sys, time
import ray
ray.init(log_to_driver=False)
until = time.monotonic() + 120
while (alive := sum(node["Alive"] for node in ray.nodes())) < int(sys.argv[1]) and time.monotonic() < until:
    time.sleep(1)
print(f"{alive} of {sys.argv[1]} nodes are there", flush=True)
PY

RAY_ADDRESS=$address:$PORT longcap run -c "$CONFIG" "$INPUT" -o "$OUT" &
run=$!
# Slurm's warning before the time limit, and scancel: what is under way is finished; --requeue goes on from there
trap 'kill -TERM "$run" 2> /dev/null' TERM INT
code=0
wait "$run" || code=$?
while kill -0 "$run" 2> /dev/null; do
  code=0
  wait "$run" || code=$?  # a trapped signal ends the first wait, not the run
done
kill "${steps[@]}" 2> /dev/null || true
wait || true
exit "$code"
