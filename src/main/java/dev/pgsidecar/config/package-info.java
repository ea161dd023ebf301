/** The one typed, validated configuration tree, and where each of its values came from. */
package dev.pgsidecar.config;
