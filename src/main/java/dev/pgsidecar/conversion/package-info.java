/** Turning a plain table into a partition set while it is in use. */
package dev.pgsidecar.conversion;
