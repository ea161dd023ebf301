/**
 * The test bench: real PostgreSQL servers on the loopback interface, in the roles and the states that tests need.
 *
 * <p>Start reading at {@link dev.pgsidecar.cluster.Cluster}.
 */
package dev.pgsidecar.cluster;
