/** The server as a peer on a socket: connections, failures by name, identity, LSNs, catalog queries by version. */
package dev.pgsidecar.postgres;
