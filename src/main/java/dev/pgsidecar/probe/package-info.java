/** The open face: what load balancers, Kubernetes and virtual-IP managers ask every second, without authentication. */
package dev.pgsidecar.probe;
