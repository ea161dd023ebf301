/** The agent inside the JVM of a test: its beans without Quarkus and without HTTP, and its end at a chosen point. */
package dev.pgsidecar.bench;
