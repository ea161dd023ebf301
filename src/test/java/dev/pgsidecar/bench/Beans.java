package dev.pgsidecar.bench;

import dev.pgsidecar.operation.Engine;
import io.quarkus.arc.All;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The agent's singletons, made by their constructors as CDI makes them: parameters by type, {@code @All} lists, producer
 * methods, and observers in the order of their priorities. The packages of HTTP and the command line are left out.
 */
final class Beans {

    private static final Set<String> LEFT_OUT = Set.of("api", "cli", "config", "metrics", "probe", "security");

    /** The priority of an observer without one. */
    private static final int NO_PRIORITY = jakarta.interceptor.Interceptor.Priority.APPLICATION + 500;

    private static final List<Class<?>> SINGLETONS = singletons();

    private final List<Object> given;
    private final Map<AnnotatedElement, Object> made = new LinkedHashMap<>();

    /** @param given stand in place of the beans of their types */
    Beans(Object... given) {
        this.given = List.of(given);
    }

    /** Makes all that there are. */
    void makeAll() {
        SINGLETONS.stream().filter(type -> given(type).isEmpty()).forEach(this::make);
    }

    /** The one bean of this type. */
    <T> T get(Class<T> type) {
        Optional<Object> instead = given(type);
        if (instead.isPresent()) {
            return type.cast(instead.get());
        }
        List<T> all = all(type);
        if (all.size() != 1) {
            throw new IllegalStateException("%d beans of %s".formatted(all.size(), type));
        }
        return all.getFirst();
    }

    /** The calls of an event's observers, in their order. */
    List<Runnable> observersOf(Object event) {
        record Observer(Object bean, Method method, int priority) {}
        List<Observer> observers = new ArrayList<>();
        for (Object bean : made.values()) {
            for (Method method : bean.getClass().getDeclaredMethods()) {
                if (method.getParameterCount() > 0
                        && method.getParameters()[0].isAnnotationPresent(Observes.class)
                        && method.getParameterTypes()[0].isInstance(event)) {
                    Priority priority = method.getParameters()[0].getAnnotation(Priority.class);
                    observers.add(new Observer(bean, method, priority == null ? NO_PRIORITY : priority.value()));
                }
            }
        }
        return observers.stream()
                .sorted(Comparator.comparingInt(Observer::priority))
                .<Runnable>map(observer -> () -> call(observer.method(), observer.bean(), event))
                .toList();
    }

    private <T> List<T> all(Class<T> type) {
        List<T> all = new ArrayList<>();
        for (Class<?> candidate : SINGLETONS) {
            if (type.isAssignableFrom(candidate)) {
                all.add(type.cast(make(candidate)));
            }
            for (Method method : candidate.getDeclaredMethods()) {
                if (method.isAnnotationPresent(Produces.class) && type.isAssignableFrom(method.getReturnType())) {
                    all.add(type.cast(made(method, () -> call(method, make(candidate)))));
                }
            }
        }
        return all;
    }

    private Optional<Object> given(Class<?> type) {
        return given.stream().filter(type::isInstance).findFirst();
    }

    private Object make(Class<?> type) {
        return made(type, () -> {
            Constructor<?> constructor = type.getDeclaredConstructors()[0];
            constructor.setAccessible(true);
            Object[] arguments =
                    Stream.of(constructor.getParameters()).map(this::argument).toArray();
            return constructor.newInstance(arguments);
        });
    }

    private Object argument(Parameter parameter) {
        if (parameter.isAnnotationPresent(All.class)) {
            return all((Class<?>) ((ParameterizedType) parameter.getParameterizedType()).getActualTypeArguments()[0]);
        }
        return get(parameter.getType());
    }

    private interface Making {
        Object make() throws ReflectiveOperationException;
    }

    private Object made(AnnotatedElement what, Making making) {
        Object bean = made.get(what);
        if (bean == null) {
            try {
                bean = making.make();
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(what.toString(), e);
            }
            made.put(what, bean);
        }
        return bean;
    }

    private static Object call(Method method, Object bean, Object... arguments) {
        try {
            method.setAccessible(true);
            return method.invoke(bean, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(method.toString(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(method.toString(), e);
        }
    }

    private static List<Class<?>> singletons() {
        try {
            Path root = Path.of(Engine.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            try (Stream<Path> files = Files.walk(root.resolve("dev/pgsidecar"))) {
                return files.map(file -> root.relativize(file).toString())
                        .filter(name -> name.endsWith(".class") && !name.contains("-info"))
                        .map(name -> name.substring(0, name.length() - ".class".length())
                                .replace('/', '.'))
                        .filter(name -> !LEFT_OUT.contains(name.split("\\.")[2]))
                        .sorted()
                        .<Class<?>>map(Beans::load)
                        .filter(type -> type.isAnnotationPresent(Singleton.class))
                        .toList();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name, false, Engine.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }
}
