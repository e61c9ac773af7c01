# The head and CPU nodes: no model runs here. In a checkout:
# Written by `longcap files`, which replaces it.
#   docker build -f deploy/cpu.Dockerfile -t longcap:cpu .
# Both images have the same Python and the same Ray: a cluster refuses nodes that differ.
FROM python:3.11-slim-bookworm

# wget: KubeRay's probes
RUN apt-get update \
 && apt-get install -y --no-install-recommends procps wget \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/longcap
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY operators operators
COPY cluster cluster
COPY configs configs
# the user is not root, and has a home for the caches of models
RUN pip install --no-cache-dir "ray[data,default]==2.60.0" ".[openai]" \
 && useradd --create-home --uid 1000 ray
USER 1000
WORKDIR /home/ray
ENV PYTHONUNBUFFERED=1
