# Everything one does with this project. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Looked for when a target needs it, so that `make help` works everywhere.
JDK = $$(scripts/find-jdk)
# Guava inside Maven still uses what these JDKs warn about.
MVN = JAVA_HOME=$(JDK) MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow" ./mvnw -B -ntp
JAR = target/quarkus-app/quarkus-run.jar
EXECUTABLE = $(wildcard $(CURDIR)/target/pgsidecar-*-runner)
NEEDS_EXECUTABLE = @test -x "$(EXECUTABLE)" || { echo "$@: there is no native executable; make native builds it" >&2; exit 1; }

.PHONY: help demo demo-down test test-all soak bench test-native test-containers native fmt run jar

help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: $(JAR) ## starts a primary, two standbys and an agent beside each, and shows them live (no root, no Docker)
	@JAVA_HOME=$(JDK) deploy/demo/demo

demo-down: ## cleans up after a demo that was killed
	@deploy/demo/demo-down

# The executable, where it is there and newer than its sources: agents start in a tenth of the time.
FRESH_EXECUTABLE = $(if $(EXECUTABLE),$(if $(shell find src/main pom.xml -newer "$(EXECUTABLE)" -print -quit),,$(EXECUTABLE)))
INTEGRATION_TESTS = $(MVN) test-compile failsafe:integration-test failsafe:verify

test: ## sources formatted, no warnings; every rule, refusal and capability once, against real servers of one version
	$(MVN) verify

test-all: ## what make test leaves out: other server versions, repetitions, every document's commands, containers; CONTAINERS=required
	$(MVN) verify -Dtest.groups="full | versions | repeated | containers" -Dtest.excludedGroups="soak | bench" -Dpgsidecar.test.rest=true \
	  -Dpgsidecar.test.executable="$(FRESH_EXECUTABLE)" -Dpgsidecar.test.containers=$(CONTAINERS) -Dtest.reports=failsafe-reports-all

soak: ## long random schedules (hours)
	$(MVN) verify -Dtest.groups=soak -Dtest.excludedGroups= -Dtest.parallelism=1

bench: ## figures of the native executable beside its neighbours, into target/benchmarks.md (about 15 minutes)
	$(NEEDS_EXECUTABLE)
	@rm -f target/benchmarks.md
	$(INTEGRATION_TESTS) -Dtest.groups=bench -Dtest.excludedGroups= -Dtest.parallelism=1 -Dpgsidecar.test.folder=/tmp \
	  -Dbench.minutes=$(or $(MINUTES),10) -Dpgsidecar.test.executable="$(EXECUTABLE)"
	@cat target/benchmarks.md

test-native: ## the tests of make test that run the agent as a process, against the native executable; TESTS=AgentIT,CliIT: these
	$(NEEDS_EXECUTABLE)
	$(INTEGRATION_TESTS) -Dtest.groups=agent $(if $(TESTS),-Dit.test="$(TESTS)") -Dpgsidecar.test.executable="$(EXECUTABLE)" -Dtest.reports=failsafe-reports-native

test-containers: ## the native executable as an image beside PostgreSQL, and deploy/compose (needs an engine: scripts/docker-engine)
	$(NEEDS_EXECUTABLE)
	$(INTEGRATION_TESTS) -Dtest.groups=containers -Dtest.excludedGroups= -Dpgsidecar.test.containers=required \
	  -Dpgsidecar.test.executable="$(EXECUTABLE)" -Dtest.reports=failsafe-reports-containers

native: ## builds the native executable (needs GRAALVM_HOME with native-image for JDK 25)
	@test -x "$${GRAALVM_HOME:-}/bin/native-image" || { echo "make native: set GRAALVM_HOME to a GraalVM or Mandrel for JDK 25, or use Dockerfile.native" >&2; exit 1; }
	$(MVN) package -Dnative -DskipTests -Dquarkus.native.native-image-xmx=4g

fmt: ## formats the sources
	$(MVN) spotless:apply

jar: $(JAR) ## builds the jar, target/quarkus-app/quarkus-run.jar, if it is older than its sources

$(JAR): pom.xml $(shell find src/main -type f)
	@echo "Building the jar ..."
	@$(MVN) -q package -DskipTests
	@touch $@

run: $(JAR) ## runs the agent from the jar: make run ARGS="--host 127.0.0.1 --port 5432"
	@$(JDK)/bin/java -XX:+ExitOnOutOfMemoryError -jar $(JAR) $(ARGS)
