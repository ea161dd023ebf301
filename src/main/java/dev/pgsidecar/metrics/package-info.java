/** The open metrics: the last observation in Prometheus' words; a scrape costs the server nothing. */
package dev.pgsidecar.metrics;
