package dev.pgsidecar.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version that the build wrote into the program. */
final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() throws IOException {
        Properties build = new Properties();
        try (InputStream file = Version.class.getResourceAsStream("/pgsidecar-build.properties")) {
            build.load(file);
        }
        return new String[] {"pgsidecar " + build.getProperty("version")};
    }
}
