# Belfry: `make` or `make help` lists what there is to do.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# Debian keeps servers where only root looks.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
# Static binaries: an agent runs on whatever host it is copied to.
export CGO_ENABLED := 0

GO ?= go
VERSION ?= 0.1.0-dev+$(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LINK := -trimpath -ldflags "-X main.version=$(VERSION)"
FOR ?=
ONLY ?=
BROKER ?= auto
SEED ?=
INDEX ?= embedded
AGGREGATORS ?= 1
# Of the Elasticsearch of make chaos.
NODES ?= 1
RUNS ?= 50
# Not ?=: a shell may export LINES as the height of its terminal.
LINES = 1000000
ROUNDS = 3
# How many packages are tested at once: most wait for servers, most of the time. Those that take longest begin.
PACKAGES ?= 3
LONGEST = ./shared/e2e/chaos ./packaging ./aggregator/index/elastic ./shared/e2e ./aggregator/app ./shared/e2e/torture ./shared/e2e/kill
# Of make bench-agent: MB of text in its files, and how many files rest.
MB ?= 500
RESUME_MB ?= 2000
IDLE ?= 1000
MANY ?= 10000
# Of make bench-relay: messages of one turn over TCP or TLS.
MESSAGES ?= 2000000
# Of make bench-zgrep: hosts and days with an archive each of LINES lines.
HOSTS ?= 1000
DAYS ?= 30
# Of make bench-index: events among which is searched, and documents of one turn.
EVENTS ?= 10000000
DOCS ?= 100000
# Of make package: its version, by default from the commit, and the architectures.
PACKAGE_VERSION ?=
ARCH ?= amd64,arm64
# Where make geoip puts its databases.
GEOIP ?= /var/lib/belfry/geoip

.DEFAULT_GOAL := help
# The linter, as a program of its own: nothing that is built depends on it.
LINTER ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
# As in .golangci.yml, without the SA4000 that tests may have.
CHECKS = all,-ST1000,-ST1003,-ST1005,-ST1008,-ST1020,-ST1021,-ST1022,-QF1001,-QF1003,-QF1008,-SA4000
FAIL_IN_CI := test "$$CI" != true

.PHONY: help build package package-test test corpus-check fuzz bench-parse cut chaos chaos-short kill torture torture-short demo lint lint-short bench bench-ship bench-agent bench-relay bench-index bench-zgrep geoip deps deps-test clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/belfry (aggregator and command line) and bin/belfry-agent
	$(GO) build $(LINK) -o bin/belfry ./aggregator
	$(GO) build $(LINK) -o bin/belfry-agent ./agent

package: ## deb and rpm of agent and aggregator into bin/packages; PACKAGE_VERSION=1.2.3, ARCH=amd64 for one architecture
	@packaging/build.sh --arch $(ARCH) $(if $(PACKAGE_VERSION),--version $(PACKAGE_VERSION)) bin/packages

package-test: deps-test ## packages of both architectures, judged, installed and run (4 minutes); all but one program of it is part of make test
	@BELFRY_PACKAGES=all $(GO) test -count=1 -v ./packaging

test: ## gofmt, staticcheck, 10 s of fuzzing, and all tests; the last line is their number; with CI=true a skip is a failure
	@mkdir -p bin; bad=0; \
	 $(MAKE) --no-print-directory -k -j2 -Otarget deps-test lint-short || bad=1; \
	 shared/e2e/fuzz.sh 10s FuzzDispatch >bin/fuzz.log 2>&1 & fuzz=$$!; \
	 $(GO) test -json -vet=off -count=1 -timeout 30m -p $(PACKAGES) $(LONGEST) ./... | $(GO) run ./shared/e2e/tally || bad=1; \
	 wait $$fuzz || { cat bin/fuzz.log; bad=1; }; exit $$bad

cut: deps ## break each link of the road in turn, and name the test that notices; ONLY=ledger for one (10 minutes for all)
	@$(GO) run ./shared/e2e/cut $(ONLY)

CHAOS = $(GO) build -o bin/chaos ./shared/e2e/chaos && \
	exec bin/chaos --bin=bin --index=$(INDEX) --nodes=$(NODES) --aggregators=$(AGGREGATORS) $(if $(SEED),--seed=$(SEED)) --for

chaos: deps build ## kill, stop, cut and block everything for 10 minutes: nothing lost, nothing repeated; SEED=N repeats one, FOR=1h, INDEX=elastic AGGREGATORS=2
	@$(CHAOS)=$(or $(FOR),10m)

chaos-short: deps build ## the same in one minute, every kind of fault at least once; part of make test
	@$(CHAOS)=60s

kill: INDEX = both
kill: deps build ## SIGKILL of the aggregator RUNS=50 times while 20,000 events a second are written; INDEX=embedded, elastic or both; SEED=N
	@$(GO) build -o bin/kill ./shared/e2e/kill
	@exec bin/kill --bin=bin --runs=$(RUNS) --index=$(INDEX) $(if $(SEED),--seed=$(SEED)) $(if $(KEEP),--keep)

TORTURE = $(GO) build -o bin/torture ./shared/e2e/torture && \
	exec bin/torture --bin=bin --jobs=$(JOBS) $(if $(ONLY),--only=$(ONLY)) $(if $(SEED),--seed=$(SEED))

torture: JOBS = 4
torture-short: JOBS = 12
torture: deps build ## what hosts do to log files, scenario by scenario, with real rotations (an hour); ONLY=1,16b for some
	@$(TORTURE)

torture-short: deps build ## the cheap ones of them, with smaller files, in 3 minutes; part of make test
	@$(TORTURE) --short

demo: deps build ## the whole road on this machine until Ctrl-C; FOR=60s ends and judges, BROKER=none does without RabbitMQ, INDEX=elastic with Elasticsearch
	@$(GO) build -o bin/demo ./shared/e2e/demo
	@exec bin/demo --bin=bin --broker=$(BROKER) --index=$(INDEX) $(if $(FOR),--for=$(FOR))

GOFMT = bad=$$(gofmt -l agent aggregator packaging shared systemd); test -z "$$bad" || { echo "gofmt -w $$bad"; exit 1; }

lint: ## gofmt and golangci-lint, with go vet in it
	@$(GOFMT)
	@if $(GO) run $(LINTER) version >/dev/null 2>&1; then $(GO) run $(LINTER) run ./...; \
	 else echo "lint: $(LINTER) cannot be fetched: gofmt and go vet only"; $(GO) vet ./... && $(FAIL_IN_CI); fi

lint-short: ## gofmt and staticcheck alone, which takes a third of the time; part of make test
	@$(GOFMT)
	@if $(GO) run $(STATICCHECK) -version >/dev/null 2>&1; then $(GO) run $(STATICCHECK) -checks $(CHECKS) ./...; \
	 else echo "lint: $(STATICCHECK) cannot be fetched: gofmt only"; $(FAIL_IN_CI); fi

corpus-check: build ## what the parsers find in the lines of shared/corpus against what is to be found; the last line is the sum
	@bin/belfry parse --test

fuzz: ## each fuzz target for a minute; FOR=5m, ONLY=FuzzSudo for one
	@shared/e2e/fuzz.sh $(or $(FOR),1m) $(ONLY)

bench-parse: ## lines a second of each parser, and of all of them mixed, on one core
	@$(GO) test ./aggregator/parse -run '^$$' -bench 'BenchmarkParse|BenchmarkMixed|BenchmarkJSON' -benchmem -cpu 1 -count $(ROUNDS) | \
	 $(GO) run ./shared/e2e/benchparse

bench: ## benchmarks of every package
	@$(GO) test -run '^$$' -bench . -benchmem ./...

bench-ship: deps build ## throughput of one agent on one core, against syslog-ng and a bare publisher; LINES=1000000 ROUNDS=3
	@$(GO) build -o bin/benchship ./shared/e2e/benchship
	@exec bin/benchship --bin=bin --lines=$(LINES) --rounds=$(ROUNDS)

bench-agent: build ## what following files costs: MB/s a core, memory with 1000 and 10000 files, archives (15 minutes); MB=500 ONLY=read,idle
	@$(GO) build -o bin/benchagent ./shared/e2e/benchagent
	@exec bin/benchagent --bin=bin --mb=$(MB) --resume-mb=$(RESUME_MB) --idle=$(IDLE) --many=$(MANY) --rounds=$(ROUNDS) $(if $(ONLY),--only=$(ONLY))

bench-relay: deps build ## syslog that a relay takes on one core over UDP, TCP and TLS, against rsyslog and syslog-ng; MESSAGES=2000000 ROUNDS=3
	@$(GO) build -o bin/benchrelay ./shared/e2e/benchrelay
	@exec bin/benchrelay --bin=bin --messages=$(MESSAGES) --rounds=$(ROUNDS)

bench-index: deps ## rows and bytes of the index against bare logstorage, searches among EVENTS=10000000, documents against a bare bulk loader; ONLY=write,search,elastic
	@$(GO) build -o bin/benchindex ./shared/e2e/benchindex
	@exec bin/benchindex --events=$(EVENTS) --docs=$(DOCS) --rounds=$(ROUNDS) $(if $(ONLY),--only=$(ONLY))

bench-zgrep: LINES = 400
bench-zgrep: build ## who ran su through sudo: belfry search against zgrep over gzipped logs; HOSTS=1000 DAYS=30 LINES=400 ROUNDS=3 KEEP=1
	@$(GO) build -o bin/benchzgrep ./shared/e2e/benchzgrep
	@exec bin/benchzgrep --bin=bin --hosts=$(HOSTS) --days=$(DAYS) --lines=$(LINES) --rounds=$(ROUNDS) $(if $(KEEP),--keep)

geoip: ## fetch free country and network databases by npm into GEOIP=/var/lib/belfry/geoip; enrich.geoip.country and .asn name them
	@GO=$(GO) aggregator/enrich/geoip/fetch.sh $(GEOIP)

deps: ## install the servers that tests and demo use (root on Debian), or say how
	@shared/e2e/deps.sh

deps-test: ## the same, and what judges packages, pages and rules: part of make test
	@shared/e2e/deps.sh test

clean: ## remove what build made
	rm -rf bin
