# GPU nodes: captions and narration with models in vLLM. In a checkout:
# Written by `longcap files`, which replaces it.
#   docker build -f deploy/gpu.Dockerfile -t longcap:gpu .
# Both images have the same Python and the same Ray: a cluster refuses nodes that differ.
FROM python:3.11-slim-bookworm

# gcc and the headers: vLLM compiles kernels when it boots. wget: KubeRay's probes. CUDA comes with the wheels.
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ gcc libc6-dev procps wget \
 && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video

WORKDIR /opt/longcap
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY operators operators
COPY cluster cluster
COPY configs configs
# the user is not root, and has a home for the caches of models
RUN pip install --no-cache-dir "ray[data,default]==2.60.0" ".[vllm,openai]" \
 && useradd --create-home --uid 1000 ray
USER 1000
WORKDIR /home/ray
ENV PYTHONUNBUFFERED=1
