/** The caretaker: keeps pg_partman's sets maintained on schedule, and rescues rows from default partitions. */
package dev.pgsidecar.partition;
