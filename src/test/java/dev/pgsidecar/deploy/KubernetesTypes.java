package dev.pgsidecar.deploy;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import io.fabric8.certmanager.api.model.v1.Certificate;
import io.fabric8.certmanager.api.model.v1.Issuer;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.Set;

/**
 * Holds a manifest against the published definition of its kind: no field that the kind has not, none missing that it
 * needs, and values of the right types.
 */
final class KubernetesTypes {

    /** The API groups of Kubernetes' own library, where a kind's class is V1 and its name. */
    private static final Set<String> OWN = Set.of("v1", "apps/v1", "policy/v1", "networking.k8s.io/v1");

    private static final Map<String, Class<?>> OTHERS = Map.of(
            "cert-manager.io/v1 Certificate", Certificate.class,
            "cert-manager.io/v1 Issuer", Issuer.class,
            "monitoring.coreos.com/v1 ServiceMonitor", ServiceMonitor.class);

    /** These types keep what they do not know; here it must not pass. */
    private static final ObjectMapper STRICT = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .setAnnotationIntrospector(new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1;

                @Override
                public Boolean hasAnySetter(Annotated member) {
                    return false;
                }
            });

    private KubernetesTypes() {}

    /**
     * Checks one manifest.
     *
     * @throws IllegalArgumentException that says what is wrong
     */
    static void check(Map<String, Object> manifest) {
        String version = (String) manifest.get("apiVersion");
        String kind = (String) manifest.get("kind");
        JsonElement json = new Gson().toJsonTree(manifest);
        Class<?> other = OTHERS.get(version + " " + kind);
        try {
            if (other != null) {
                STRICT.readValue(json.toString(), other);
            } else if (OWN.contains(version)) {
                Class<?> type = Class.forName("io.kubernetes.client.openapi.models.V1" + kind);
                type.getMethod("validateJsonElement", JsonElement.class).invoke(null, json);
            } else {
                throw new IllegalArgumentException("no definition of %s %s".formatted(version, kind));
            }
        } catch (InvocationTargetException e) {
            throw new IllegalArgumentException(kind + ": " + e.getCause(), e);
        } catch (ReflectiveOperationException | IOException e) {
            throw new IllegalArgumentException(kind + ": " + e, e);
        }
    }
}
