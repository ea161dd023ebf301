package dev.pgsidecar.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a configuration key may hold, in words that an error message and docs/configuration.md repeat. On numbers,
 * durations and sizes, {@code "A to B"} is also the rule: both ends are read with the key's own type.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Allowed {

    /** The words. */
    String value();

    /** Whether the value must never be printed. */
    boolean secret() default false;
}
