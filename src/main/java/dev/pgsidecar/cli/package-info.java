/** The executable: its commands, and the agent's start. Plain Java until the agent itself is wanted. */
package dev.pgsidecar.cli;
