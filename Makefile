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

.PHONY: help demo demo-down test soak bench test-native test-containers native fmt run jar

help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: $(JAR) ## starts a primary, two standbys and an agent beside each, and shows them live (no root, no Docker)
	@JAVA_HOME=$(JDK) deploy/demo/demo

demo-down: ## cleans up after a demo that was killed
	@deploy/demo/demo-down

test: ## formats checked, compiled without warnings, all tests against real servers
	$(MVN) verify

soak: ## the long repetitions
	$(MVN) verify -Dtest.groups=soak -Dtest.excludedGroups=

bench: ## figures of the native executable beside its neighbours, into target/benchmarks.md (about 15 minutes)
	$(NEEDS_EXECUTABLE)
	@rm -f target/benchmarks.md
	$(MVN) test-compile failsafe:integration-test failsafe:verify -Dtest.groups=bench -Dtest.excludedGroups= -Dbench.minutes=$(or $(MINUTES),10) \
	  -Dpgsidecar.test.executable="$(EXECUTABLE)"
	@cat target/benchmarks.md

# EXCEPT=long leaves out those that take minutes and try crashes, loads and neighbours: what differs natively shows in the others.
test-native: ## the tests that run the agent as a process, against the native executable; EXCEPT=long: the short ones
	$(NEEDS_EXECUTABLE)
	$(MVN) test-compile failsafe:integration-test failsafe:verify -Dtest.groups=agent -Dtest.excludedGroups="soak | bench$(EXCEPT:%= | %)" \
	  -Dpgsidecar.test.executable="$(EXECUTABLE)" -Dtest.reports=failsafe-reports-native

test-containers: ## the native executable as an image beside PostgreSQL, and deploy/compose (needs an engine: scripts/docker-engine)
	$(NEEDS_EXECUTABLE)
	$(MVN) test-compile failsafe:integration-test failsafe:verify -Dtest.groups=containers -Dpgsidecar.test.containers=required \
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
