# Every target makes what it needs; .venv is made once and added to, never remade.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPING := .cache/typing

# Training and the benchmarks import such packages themselves; photoseek switches their telemetry off on its own.
export ORT_DISABLE_TELEMETRY ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: help demo test coverage check axe lint-js docs format bench crash-test fault-test serve-test quality-test \
        mutation-test train-mini

help:
	@echo "make demo        sample photographs, a throw-away library, some questions"
	@echo "make test        the test suite (the first time installs torch: several GB)"
	@echo "make coverage    the same suite, and how much of the package it runs"
	@echo "make docs        the documentation site, in .cache/site"
	@echo "make axe         axe-core, with which the tests examine the pages (needs npm)"
	@echo "make lint-js     eslint over the scripts of the pages (needs npm)"
	@echo "make check       ruff, mypy --strict, the layering of imports"
	@echo "make format      let ruff rewrite what it can"
	@echo "make bench       every headline figure in docs/, measured again"
	@echo "make crash-test  fifty kill -9 at random moments of an indexing run"
	@echo "make serve-test  a small model behind \`transformers serve\`, judging over HTTP"
	@echo "make train-mini CAPTIONS=DIR  the built-in model, made again from public packages and captioned photographs of"
	@echo "                 yours (about half an hour on 2 cores; without CAPTIONS it understands no sentences)"
	@echo "make quality-test LABELLED=DIR CAPTIONS=DIR  the built-in model against floors, on labelled photographs of yours"
	@echo "make mutation-test  changes the product in 60 small ways, one at a time, and says which no test notices"
	@echo "make fault-test  the long versions of what can go wrong: thousands of fuzzed files, and the fifty kills"

demo: $(VENV)/.demo
	$(BIN)/photoseek demo

# Files share fixtures that are dear to make, a server or a library, and so stay on one worker.
WORKERS ?= 2
TESTS := -m "not slow and not labelled" -n $(WORKERS) --dist loadfile

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS) --cov --cov-report=term:skip-covered --cov-report=xml:.cache/coverage.xml

# Links and names that lead nowhere are warnings, and --strict makes them errors.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# axe-core examines every page in tests/ui/test_accessibility.py, which is skipped without it.
AXE := .cache/axe

axe: $(AXE)/node_modules

$(AXE)/node_modules:
	mkdir -p $(AXE)
	npm install --prefix $(AXE) --no-audit --no-fund --silent axe-core@4

# eslint finds its configuration and its rules beside it, so both go to one folder that git ignores.
ESLINT := .cache/eslint

lint-js: $(ESLINT)/node_modules
	cp eslint.config.js $(ESLINT)/eslint.config.mjs
	rm -rf $(ESLINT)/ui && mkdir $(ESLINT)/ui && cp -R ui/assets $(ESLINT)/ui/
	cd $(ESLINT) && node_modules/.bin/eslint ui/assets

$(ESLINT)/node_modules:
	mkdir -p $(ESLINT)
	npm install --prefix $(ESLINT) --no-audit --no-fund --silent eslint@9 @eslint/js@9

crash-test: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow tests/indexer/test_crash.py

fault-test: $(VENV)/.dev
	$(BIN)/python -m pytest -m "slow or not slow" tests/indexer/test_faults.py tests/indexer/test_isolation.py tests/indexer/test_crash.py

serve-test: $(VENV)/.dev
	$(BIN)/pip install 'transformers[serving]'
	$(BIN)/python -m pytest -m slow tests/rerank/test_endpoint_serve.py

# The folders are those of `make bench`: photos/ and queries.jsonl, and captioned photographs.
quality-test: $(VENV)/.dev
	PHOTOSEEK_LABELLED=$(abspath $(LABELLED)) PHOTOSEEK_CAPTIONS=$(abspath $(CAPTIONS)) \
		$(BIN)/python -m pytest -q -m labelled tests/search/test_labelled_photographs.py

MUTANTS ?= 60
SEED ?= 1

mutation-test: $(VENV)/.dev
	$(BIN)/python -m photoseek.tests.mutation --sample $(MUTANTS) --seed $(SEED)

# The root is the package, whatever the clone's folder is called: mypy sees it through a link of the right name.
check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	mkdir -p $(TYPING) && ln -sfn ../.. $(TYPING)/photoseek
	cd $(TYPING) && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../mypy -p photoseek
	$(BIN)/python -m pytest -q tests/test_layering.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

LABELLED ?= labelled

# A folder of yours that holds photos/ and queries.jsonl (see benchmarks/quality.py): make bench LABELLED=DIR
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/startup.py --photos $(LABELLED)/photos
	$(BIN)/python benchmarks/indexing.py --photos $(LABELLED)/photos
	$(BIN)/python benchmarks/quality.py $(LABELLED) $(if $(CAPTIONS),--captions $(CAPTIONS))

# A folder of captioned photographs (see training/captioned.py): make train-mini CAPTIONS=DIR
train-mini: $(VENV)/.dev
	$(BIN)/python -m photoseek.training.train_mini $(if $(CAPTIONS),--captions $(CAPTIONS))
	$(BIN)/python -m photoseek.training.multilingual $(if $(CAPTIONS),--captions $(CAPTIONS))

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable ".[docs]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable ".[dev]"
	@touch $@
