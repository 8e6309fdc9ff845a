# Lameduck's commands. Each gets what it needs by itself; docs/setup.md says what that is.

RUN := scripts/with-tools.sh

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check bench

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: npm packages with Node 24, nginx with Lua, Gunicorn with FastAPI
	@scripts/setup.sh

build: setup ## compile, and build the console
	@$(RUN) npm run build

demo: build ## show a rollout that loses nothing; KEEP=1 leaves all running until Ctrl-C
	@$(RUN) node e2e/demo.ts $(if $(KEEP),--keep)

test: check ## run every check and every test

check: setup ## the same: lint, build, types, tests
	@$(RUN) npm run check

bench: build ## measure
	@$(RUN) node e2e/bench/run.ts
