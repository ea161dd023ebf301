package dev.pgsidecar.conversion;

/** How people call a conversion: its database and its number there, such as {@code app-3}. */
record ConversionName(String database, long id) {

    /**
     * Reads it.
     *
     * @throws IllegalArgumentException if it is none
     */
    static ConversionName of(String text) {
        int dash = text.lastIndexOf('-');
        if (dash < 1 || !text.substring(dash + 1).matches("[1-9][0-9]{0,8}")) {
            throw new IllegalArgumentException(
                    "conversion: \"%s\" is no name such as app-3; GET /v1/partitions tells them".formatted(text));
        }
        return new ConversionName(text.substring(0, dash), Long.parseLong(text.substring(dash + 1)));
    }

    @Override
    public String toString() {
        return database + "-" + id;
    }
}
