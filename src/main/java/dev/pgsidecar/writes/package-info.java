/**
 * Pausing writes: a lease that holds applications back, the proof that nobody writes, the hand-over to another node, and the
 * way back. The record of it is in the database (deploy/sql/install.sql), so that no crash loses it.
 */
package dev.pgsidecar.writes;
