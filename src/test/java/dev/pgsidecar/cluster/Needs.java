package dev.pgsidecar.cluster;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.AnnotatedElement;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * A test that needs something of the machine that can neither be unpacked nor replaced. It is skipped where that is missing,
 * and the start of the test run says so.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(Needs.Condition.class)
public @interface Needs {

    /** Says what is missing on this machine; empty where nothing is. */
    Class<? extends Supplier<Optional<String>>> value();

    /** Skips the test where something is missing. */
    final class Condition implements ExecutionCondition {

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return context.getElement()
                    .flatMap(Condition::missing)
                    .map(ConditionEvaluationResult::disabled)
                    .orElseGet(() -> ConditionEvaluationResult.enabled("all is there"));
        }

        /** What a test class or method needs and this machine lacks. */
        public static Optional<String> missing(AnnotatedElement test) {
            return AnnotationSupport.findAnnotation(test, Needs.class).flatMap(needs -> {
                try {
                    var constructor = needs.value().getDeclaredConstructor();
                    constructor.setAccessible(true);
                    return constructor.newInstance().get();
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException(e);
                }
            });
        }
    }
}
