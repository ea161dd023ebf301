package dev.pgsidecar.config;

import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.common.utils.StringUtil;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.StreamSupport;

/**
 * One configuration key, read off {@link Settings}.
 *
 * @param name the whole name, such as {@code pgsidecar.postgres.port}
 * @param type the Java type of its value
 * @param allowed what it may hold, in words
 * @param secret whether its value is never printed
 * @param optional whether it may be absent
 */
public record Key(String name, Class<?> type, String allowed, boolean secret, boolean optional) {

    static final String PREFIX = "pgsidecar";

    /** Every key there is, in the order of their names. */
    public static final List<Key> ALL = keysOf(Settings.class, PREFIX);

    /** Stands for any index in the name of a key of a list, such as {@code pgsidecar.peers[*].name}. */
    private static final String ANY = "[*]";

    /** The environment variable of this key, such as {@code PGSIDECAR_POSTGRES_PORT} or, with any number, {@code ..._0__NAME}. */
    public String variable() {
        return name.replace("*", "0").toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "_");
    }

    /** This key, or with a list's key one for each index that is in use. */
    List<Key> among(Iterable<String> names) {
        if (!name.contains(ANY)) {
            return List.of(this);
        }
        String list = name.substring(0, name.indexOf(ANY));
        return StreamSupport.stream(names.spliterator(), false)
                .filter(each -> each.startsWith(list + "["))
                .map(each -> each.substring(list.length() + 1, each.indexOf(']', list.length())))
                .distinct()
                .sorted(Comparator.comparing(Integer::valueOf))
                .map(index -> new Key(name.replace(ANY, "[" + index + "]"), type, allowed, secret, optional))
                .toList();
    }

    /** The name of the key that a name with indexes belongs to. */
    static String general(String name) {
        return name.replaceAll("\\[\\d+]", ANY);
    }

    /** Whether its value is text that a person made up, rather than a number, a time or a choice. */
    boolean holdsText() {
        return type == String.class && !name.endsWith("system-identifier") || type == Path.class;
    }

    /** Whether this key may hold the value. */
    boolean allows(String value) {
        try {
            return switch (type.getSimpleName()) {
                case "int" -> within(value, Integer::valueOf);
                case "Duration" -> !value.matches("\\d+") && within(value, new DurationConverter()::convert);
                case "ByteSize" -> within(value, ByteSize::parse);
                case "boolean" -> value.equals("true") || value.equals("false");
                case "Path", "String" -> !value.isBlank();
                default ->
                    Arrays.stream(type.getEnumConstants())
                            .map(constant -> StringUtil.skewer(constant.toString()))
                            .anyMatch(value::equals);
            };
        } catch (RuntimeException _) {
            return false; // what its type cannot read is not allowed
        }
    }

    private <T extends Comparable<T>> boolean within(String value, Function<String, T> read) {
        T number = read.apply(value);
        String[] ends = allowed.split(" to ", 2);
        return ends.length < 2
                || number.compareTo(read.apply(ends[0])) >= 0 && number.compareTo(read.apply(ends[1])) <= 0;
    }

    private static List<Key> keysOf(Class<?> group, String prefix) {
        List<Key> keys = new ArrayList<>();
        for (Method method : group.getMethods()) {
            String name = prefix + "." + StringUtil.skewer(method.getName());
            Allowed allowed = method.getAnnotation(Allowed.class);
            if (allowed != null) {
                keys.add(new Key(name, valueType(method), allowed.value(), allowed.secret(), isOptional(method)));
            } else if (method.getReturnType() == List.class) {
                keys.addAll(keysOf(elementType(method), name + ANY));
            } else if (method.getReturnType().isInterface()) {
                keys.addAll(keysOf(method.getReturnType(), name));
            }
        }
        keys.sort(Comparator.comparing(Key::name));
        return List.copyOf(keys);
    }

    private static boolean isOptional(Method method) {
        return method.getReturnType() == Optional.class;
    }

    private static Class<?> valueType(Method method) {
        return isOptional(method) ? elementType(method) : method.getReturnType();
    }

    private static Class<?> elementType(Method method) {
        Type element = ((ParameterizedType) method.getGenericReturnType()).getActualTypeArguments()[0];
        return element instanceof Class<?> type ? type : String.class; // a list of names, with commas in between
    }
}
