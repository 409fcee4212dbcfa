# Moult's tasks. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build cuda demo demo-migration test soak soak-controls lint format bench bench-peers bench-peers-milvus \
	bench-peers-qdrant bench-migration clean

MOULT := .build/release/moult
# For GPUs, built by `make cuda`; `moult` finds it beside itself.
CUDA_LIBRARY := .build/cuda/libmoult_cuda.so
# The same on an emulated device, for tests.
export MOULT_TEST_DEVICE_LIBRARY = $(CURDIR)/.build/cuda/libmoult_cuda_emulated.so
# Of the soak: times are judged in a release build only.
CONFIGURATION ?= debug
SOURCES := Sources Tests Package.swift
SAMPLE := Examples/data/wordnet-10k

help: ## List the tasks.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## Install what building needs and this machine lacks (apt-get).
	@scripts/setup

build: setup ## Build the release binary .build/release/moult.
	swift build -c release --product moult
	@if [ -e $(CUDA_LIBRARY) ]; then cp -p $(CUDA_LIBRARY) $(dir $(MOULT)); fi

cuda: ## Build the library for NVIDIA GPUs (nvcc from PATH, CUDA_HOME or PyPI) and print what its kernels take.
	kernels/cuda/build.sh
	@# `moult` takes no library that others could have written.
	@chmod go-w $(CUDA_LIBRARY)
	@if [ -e $(MOULT) ]; then cp -p $(CUDA_LIBRARY) $(dir $(MOULT)); fi

demo: build ## Import the sample, switch its quantization under load, verify, roll back, reindex.
	@$(MOULT) demo

demo-migration: build ## MiniLM → bge on ROWS=2000 senses with real models: embedded, proven, cut over, rolled back, under load.
	@scripts/setup tests
	@Examples/embedding-server/run --install
	@.build/embedding-server/bin/python -B Examples/migration/story.py --rows $(or $(ROWS),2000) $(if $(OUT),--out $(OUT))

test: ## Run every check and test; .ci/run calls this.
	@scripts/setup tests
	swift format lint --strict --recursive $(SOURCES)
	kernels/cuda/build.sh --emulated
	swift build --build-tests --explicit-target-dependency-import-check error
	@# Apart: long sums on every thread would keep the tests that talk to servers waiting.
	@# Sixteen at a time: hundreds of engines at once starve each other, and Foundation's Process reads beyond its
	@# buffer where a process has more than some 1,300 open files.
	swift test --skip-build --parallel --experimental-maximum-parallelization-width 16 --skip '^(KernelTests|MoultComputeTests)\.'
	swift test --skip-build --parallel --filter '^(KernelTests|MoultComputeTests)\.'
	for level in $$(scripts/kernel-levels); do \
	  MOULT_ISA=$$level swift test --skip-build --parallel --filter '^(KernelTests|MoultComputeTests)\.' || exit 1; \
	done
	Tests/Clients/run
	MOULT="$$(swift build --show-bin-path)/moult" Examples/migration/run
	kernels/check-neon
	kernels/check-emulated
	kernels/cuda/check --emulated
	@# For one kind of device: three take three times as long.
	MOULT_CUDA_TARGETS=90a MOULT_CUDA_OUT=$(CURDIR)/.build/cuda/90a kernels/cuda/build.sh

soak: ## The reliability tests for SOAK minutes (default 5); table into Benchmarks/Results and RELIABILITY.md.
	@scripts/setup tests
	swift build --build-tests -c $(CONFIGURATION) $(if $(filter release,$(CONFIGURATION)),-Xswiftc -enable-testing)
	CONFIGURATION=$(CONFIGURATION) scripts/soak $(or $(SOAK),5)

soak-controls: ## Broken twins that each reliability test must catch; fails if one goes unnoticed.
	@scripts/setup tests
	swift build --build-tests -c $(CONFIGURATION) $(if $(filter release,$(CONFIGURATION)),-Xswiftc -enable-testing)
	CONFIGURATION=$(CONFIGURATION) scripts/soak controls

lint: ## Check the formatting.
	swift format lint --strict --recursive $(SOURCES)

format: ## Format the sources in place.
	swift format --in-place --recursive $(SOURCES)

bench: build ## A few throughput figures on the sample, as JSON lines.
	@$(MOULT) doctor
	@$(MOULT) bench exact --vectors $(SAMPLE)/base.npy --queries $(SAMPLE)/queries.npy --truth $(SAMPLE)/gt.npy --json
	@for quantization in none int8 int4 binary lloyd4 segmented; do \
	  $(MOULT) bench encode --vectors $(SAMPLE)/base.npy --quantization $$quantization --json; \
	  $(MOULT) bench scan --vectors $(SAMPLE)/base.npy --queries $(SAMPLE)/queries.npy --truth $(SAMPLE)/gt.npy \
	    --quantization $$quantization --json; \
	done
	@$(MOULT) bench graph --vectors $(SAMPLE)/base.npy --queries $(SAMPLE)/queries.npy --truth $(SAMPLE)/gt.npy --json
	@$(MOULT) bench switch --vectors $(SAMPLE)/base.npy --queries $(SAMPLE)/queries.npy --quantization int8 --json
	@$(MOULT) bench import --vectors $(SAMPLE)/base.npy --json
	@$(MOULT) bench serve --vectors $(SAMPLE)/base.npy --queries $(SAMPLE)/queries.npy --swaps 50 --seconds 10 --json

bench-peers: build ## Peers and Moult in turn on DATA=directory; SETS=… and ONLY=… choose. Writes Benchmarks/Results.
	@DATA="$(DATA)" SETS="$(SETS)" ONLY="$(ONLY)" PEERS="$(PEERS)" ROWS="$(ROWS)" ROUNDS="$(ROUNDS)" \
		GROWTH_ROWS="$(GROWTH_ROWS)" Benchmarks/Peers/run

bench-peers-milvus: build ## Moult, milvus-lite and Milvus 2.3.5 in turn through pymilvus, DATA=directory. Writes Benchmarks/Results.
	@DATA="$(DATA)" SETS="$(SETS)" ONLY="$(ONLY)" ROWS="$(ROWS)" SWAPS="$(SWAPS)" Benchmarks/Milvus/run

bench-peers-qdrant: build ## Moult through qdrant-client beside qdrant-edge-py, DATA=directory. Writes Benchmarks/Results.
	@DATA="$(DATA)" SETS="$(SETS)" ROWS="$(ROWS)" Benchmarks/Qdrant/run

bench-migration: build ## MiniLM → bge over 40,000 points under load, DATA=directory. Writes Benchmarks/Results.
	@DATA="$(DATA)" ROWS="$(ROWS)" Benchmarks/Migration/run

clean: ## Remove what was built.
	rm -rf .build
