package dev.pgsidecar.suite;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestTemplate;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestTemplateInvocationContext;
import org.junit.jupiter.api.extension.TestTemplateInvocationContextProvider;

/** A test whose events come in an order of their own each time: once in {@code make test}, more often in {@code make test-all}. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Tag("repeated")
@TestTemplate
@ExtendWith(Repeated.Repetitions.class)
public @interface Repeated {

    /** How often in all; 2 at least. */
    int value();

    /** The repetitions of this part of the tests. */
    final class Repetitions implements TestTemplateInvocationContextProvider {

        @Override
        public boolean supportsTestTemplate(ExtensionContext context) {
            return true;
        }

        @Override
        public Stream<TestTemplateInvocationContext> provideTestTemplateInvocationContexts(ExtensionContext context) {
            int all = context.getRequiredTestMethod()
                    .getAnnotation(Repeated.class)
                    .value();
            return IntStream.range(0, Suite.repetitions(all)).mapToObj(_ -> new TestTemplateInvocationContext() {});
        }
    }
}
