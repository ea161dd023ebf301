/**
 * The picture of the instance: taken once per tick, immutable, and the only thing that probes, metrics and checks
 * decide on.
 */
package dev.pgsidecar.observe;
