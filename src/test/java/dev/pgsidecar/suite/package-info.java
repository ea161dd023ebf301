/**
 * Which tests run when. {@code make test} runs each test once, on one server version. {@code make test-all} runs the rest: what
 * carries the tag {@code full}, the other server versions of {@link dev.pgsidecar.suite.EachVersion}, and the repetitions of
 * {@link dev.pgsidecar.suite.Repeated}. {@code make soak} runs what carries the tag {@code soak}.
 */
package dev.pgsidecar.suite;
