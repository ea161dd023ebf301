package dev.pgsidecar.suite;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.AnnotationConsumer;
import org.junit.jupiter.params.support.ParameterDeclarations;

/** A test that takes a server's major version: 17 in {@code make test}, the others in {@code make test-all}. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Tag("versions")
@ParameterizedTest(name = "on {0}", allowZeroInvocations = true)
@ArgumentsSource(EachVersion.Versions.class)
public @interface EachVersion {

    /** The versions. */
    int[] value() default {15, 17, 18};

    /** The versions of this part of the tests. */
    final class Versions implements ArgumentsProvider, AnnotationConsumer<EachVersion> {
        private int[] all;

        @Override
        public void accept(EachVersion annotation) {
            all = annotation.value();
        }

        @Override
        public Stream<? extends Arguments> provideArguments(
                ParameterDeclarations parameters, ExtensionContext context) {
            return Suite.versions(all).stream().map(Arguments::of);
        }
    }
}
