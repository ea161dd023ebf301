/**
 * What is asked of the server: one file per family of facts, its SQL beside the record that it fills, and all that
 * differs between server versions.
 */
package dev.pgsidecar.postgres.catalog;
