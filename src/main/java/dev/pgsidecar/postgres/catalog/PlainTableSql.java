package dev.pgsidecar.postgres.catalog;

import static dev.pgsidecar.postgres.catalog.Fields.rows;

/** What is asked of a table that may become a partition set; definitions are the server's own words. */
public final class PlainTableSql {

    private PlainTableSql() {}

    private static String texts(String query) {
        return "(SELECT coalesce(json_agg(r.text ORDER BY r.text), '[]'::json) FROM (" + query + ") AS r)";
    }

    private static final String COLUMNS = rows("""
            SELECT quote_ident(a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS type, y.typname AS type_name,
                   a.attnotnull AS not_null, a.attgenerated <> '' AS generated, a.attidentity <> '' AS identity
            FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""");

    /** An operator class of somebody's own may mean something else by equal than the agent's statements do. */
    private static final String INDEXES = rows("""
            SELECT quote_ident(ic.relname) AS name, i.indisunique AS unique, i.indisprimary AS primary,
                   i.indisvalid AND i.indisready AS valid, i.indimmediate AS immediate, i.indisexclusion AS excludes,
                   i.indpred IS NULL AND i.indexprs IS NULL AND m.amname = 'btree'
                     AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS k JOIN pg_opclass AS o ON o.oid = k
                       WHERE o.opcnamespace <> 'pg_catalog'::regnamespace OR NOT o.opcdefault)
                     AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (att, at)
                       JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.att
                       WHERE k.at <= i.indnkeyatts AND NOT a.attnotnull) AS plain,
                   (SELECT coalesce(json_agg(quote_ident(a.attname) ORDER BY k.at), '[]')
                    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (att, at)
                    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.att WHERE k.at <= i.indnkeyatts) AS columns,
                   pg_get_indexdef(i.indexrelid) AS definition, quote_ident(con.conname) AS constraint,
                   pg_get_constraintdef(con.oid) AS constraint_definition, quote_ident(ts.spcname) AS tablespace
            FROM pg_index AS i
            JOIN pg_class AS ic ON ic.oid = i.indexrelid JOIN pg_am AS m ON m.oid = ic.relam
            LEFT JOIN pg_tablespace AS ts ON ts.oid = ic.reltablespace
            LEFT JOIN pg_constraint AS con
              ON con.conindid = i.indexrelid AND con.conrelid = c.oid AND con.contype IN ('p', 'u', 'x')
            WHERE i.indrelid = c.oid ORDER BY i.indisprimary DESC, ic.relname""");

    private static final String ODDITIES = texts("""
            SELECT 'it is unlogged or temporary' AS text WHERE c.relpersistence <> 'p'
            UNION ALL SELECT 'it is of a composite type (OF)' WHERE c.reloftype <> 0
            UNION ALL SELECT 'it inherits, or is inherited from' WHERE c.relispartition
              OR EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent))
            UNION ALL SELECT format('rule %I', rulename) FROM pg_rewrite WHERE ev_class = c.oid
            UNION ALL SELECT format('it is of the extension %I', e.extname) FROM pg_depend AS d
              JOIN pg_extension AS e ON e.oid = d.refobjid
              WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
            UNION ALL SELECT format('constraint %I is NO INHERIT', conname) FROM pg_constraint
              WHERE conrelid = c.oid AND contype = 'c' AND connoinherit
            UNION ALL SELECT 'its access method is ' || amname FROM pg_am WHERE oid = c.relam AND amname <> 'heap'
            UNION ALL SELECT 'it has a security label' FROM pg_seclabel
              WHERE classoid = 'pg_class'::regclass AND objoid = c.oid""");

    /** All that pg_depend knows, but for what is handled by name: what is new in a later version is refused. */
    private static final String DEPENDENTS = texts("""
            SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS text FROM pg_depend AS d
            WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                OR d.refclassid = 'pg_type'::regclass
                  AND d.refobjid IN (c.reltype, (SELECT typarray FROM pg_type WHERE oid = c.reltype)))
              AND NOT CASE d.classid
                WHEN 'pg_class'::regclass THEN EXISTS (SELECT FROM pg_class AS k WHERE k.oid = d.objid
                  AND (k.relkind IN ('i', 't') OR k.relkind = 'S' AND d.deptype IN ('a', 'i') OR k.oid = c.oid))
                WHEN 'pg_type'::regclass THEN d.deptype = 'i'
                WHEN 'pg_attrdef'::regclass THEN EXISTS (SELECT FROM pg_attrdef WHERE oid = d.objid AND adrelid = c.oid)
                WHEN 'pg_constraint'::regclass THEN EXISTS (SELECT FROM pg_constraint
                  WHERE oid = d.objid AND (conrelid = c.oid OR contype = 'f'))
                WHEN 'pg_trigger'::regclass THEN EXISTS (SELECT FROM pg_trigger WHERE oid = d.objid AND tgrelid = c.oid)
                WHEN 'pg_policy'::regclass THEN EXISTS (SELECT FROM pg_policy WHERE oid = d.objid AND polrelid = c.oid)
                WHEN 'pg_statistic_ext'::regclass THEN true
                WHEN 'pg_publication_rel'::regclass THEN true
                WHEN 'pg_rewrite'::regclass THEN EXISTS (SELECT FROM pg_rewrite AS r JOIN pg_class AS v ON v.oid = r.ev_class
                  WHERE r.oid = d.objid AND (v.relkind = 'v' OR v.oid = c.oid))
                ELSE false END""");

    /** The views that read a table; {@code old} is its oid. */
    static String viewsOf(String old) {
        return """
                SELECT DISTINCT v.oid FROM pg_depend AS d
                JOIN pg_rewrite AS r ON r.oid = d.objid JOIN pg_class AS v ON v.oid = r.ev_class
                WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjid = %s AND v.relkind = 'v'""".formatted(old);
    }

    private static final String VIEWS = rows("""
            SELECT format('%%I.%%I', vn.nspname, v.relname) AS name,
                   pg_has_role(v.relowner, 'USAGE') AND has_schema_privilege(v.relowner, vn.oid, 'USAGE')
                   AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = v.oid AND rulename <> '_RETURN')
                   AND NOT EXISTS (SELECT FROM pg_rewrite AS r JOIN pg_depend AS d
                       ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                     JOIN pg_constraint AS k ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid
                     WHERE r.ev_class = v.oid AND k.conrelid = c.oid) AS movable
            FROM pg_class AS v JOIN pg_namespace AS vn ON vn.oid = v.relnamespace
            WHERE v.oid IN (%s) ORDER BY 1""".formatted(viewsOf("c.oid")));

    private static final String BEFORE = """
            (SELECT coalesce(json_agg(r.text ORDER BY r.at, r.text), '[]'::json) FROM (
              SELECT 2 AS at, replace(replace(pg_get_statisticsobjdef(s.oid),
                  format('STATISTICS %I.%I', sn.nspname, s.stxname), format('STATISTICS pgsidecar_conversion.%I', s.stxname)),
                  ' FROM ' || t.quoted, ' FROM ' || t.target) AS text
              FROM pg_statistic_ext AS s JOIN pg_namespace AS sn ON sn.oid = s.stxnamespace WHERE s.stxrelid = c.oid
              UNION ALL SELECT 3, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname, t.target,
                  CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                  CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                  (SELECT string_agg(CASE WHEN u = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u)) END, ', ')
                   FROM unnest(polroles) AS u))
                || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
                || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
              FROM pg_policy WHERE polrelid = c.oid
              UNION ALL SELECT 4, format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', t.target, attname, attstattarget)
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0
              UNION ALL SELECT 5, format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', t.target, attname, option)
              FROM pg_attribute CROSS JOIN LATERAL unnest(attoptions) AS option
              WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND option LIKE 'n\\_distinct%'
              UNION ALL SELECT 6, format('ALTER TABLE %s REPLICA IDENTITY %s', t.target,
                  CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END) WHERE c.relreplident IN ('f', 'n')
              UNION ALL SELECT 7, format(CASE d.classoid
                  WHEN 'pg_constraint'::regclass THEN 'COMMENT ON CONSTRAINT %1$I ON %2$s IS %3$L'
                  WHEN 'pg_policy'::regclass THEN 'COMMENT ON POLICY %1$I ON %2$s IS %3$L'
                  WHEN 'pg_statistic_ext'::regclass THEN 'COMMENT ON STATISTICS pgsidecar_conversion.%1$I IS %3$L'
                  ELSE 'COMMENT ON INDEX pgsidecar_conversion.%1$I IS %3$L' END, o.name, t.target, d.description)
              FROM (SELECT 'pg_constraint'::regclass AS class, oid, conname AS name FROM pg_constraint
                    WHERE conrelid = c.oid AND contype IN ('p', 'u')
                    UNION ALL SELECT 'pg_policy'::regclass, oid, polname FROM pg_policy WHERE polrelid = c.oid
                    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxname FROM pg_statistic_ext WHERE stxrelid = c.oid
                    UNION ALL SELECT 'pg_class'::regclass, k.oid, k.relname FROM pg_index AS i JOIN pg_class AS k
                      ON k.oid = i.indexrelid WHERE i.indrelid = c.oid) AS o
              JOIN pg_description AS d ON d.classoid = o.class AND d.objoid = o.oid AND d.objsubid = 0
              UNION ALL SELECT 8, format('COMMENT ON TABLE %s IS %L', t.target, description) FROM pg_description
              WHERE classoid = 'pg_class'::regclass AND objoid = c.oid AND objsubid = 0) AS r)""";

    private static final String REFERENCES = texts("""
            SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.target, conname, pg_get_constraintdef(oid)) AS text
            FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f'""");

    private static final String TRIGGER_DDL = """
            (SELECT coalesce(json_agg(r.text ORDER BY r.at, r.text), '[]'::json) FROM (
              SELECT 1 AS at, replace(pg_get_triggerdef(oid), ' ON ' || t.quoted || ' ', ' ON ' || t.target || ' ') AS text
              FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
              UNION ALL SELECT 2, format('COMMENT ON TRIGGER %I ON %s IS %L', g.tgname, t.target, d.description)
              FROM pg_trigger AS g JOIN pg_description AS d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = g.oid
              WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) AS r)""";

    private static final String NOT_CARRIED = texts("""
            SELECT format('the statistics target of %I holds for the parent, not for partitions', attname) AS text
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
              AND (attstattarget >= 0 OR attoptions::text LIKE '%n\\_distinct%')
            UNION ALL SELECT 'REPLICA IDENTITY USING INDEX: the primary key takes its place' WHERE c.relreplident = 'i'
            UNION ALL SELECT 'storage parameters of its TOAST table: ' || array_to_string(reloptions, ', ')
            FROM pg_class WHERE oid = c.reltoastrelid AND reloptions IS NOT NULL
            UNION ALL SELECT format('trigger %I sees the name of the partition in TG_TABLE_NAME', tgname)
            FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND tgtype & 1 = 1""");

    /** About how many rows c has, as the planner guesses: as densely as ANALYZE has seen them, or as their types are wide. */
    private static final String ROWS = """
            (pg_relation_size(c.oid) / current_setting('block_size')::int
              * CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples / c.relpages
                ELSE current_setting('block_size')::int / (28 + (SELECT sum(CASE WHEN attlen > 0 THEN attlen ELSE 32 END)
                  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)) END)::bigint""";

    /** The table of schema $1 and name $2. Its one row has one column of type json. */
    public static final String SQL = """
            SELECT json_build_object('table', (SELECT json_build_object(
              'oid', c.oid::bigint, 'schema', t.schema, 'name', c.relname, 'quoted', t.quoted, 'kind', c.relkind,
              'owner', quote_ident(o.rolname), 'owned', pg_has_role(o.oid, 'USAGE'),
              'mighty', o.rolname = 'pg_database_owner' OR EXISTS (SELECT FROM pg_roles AS more
                 WHERE pg_has_role(o.oid, more.oid, 'MEMBER') AND (more.rolsuper OR more.rolname IN
                   ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))),
              'may_create', has_schema_privilege(o.oid, c.relnamespace, 'CREATE'),
              'unreferable', %s,
              'hidden_rows', c.relrowsecurity AND c.relforcerowsecurity AND NOT o.rolbypassrls,
              'rows', %s, 'bytes', pg_total_relation_size(c.oid),
              'oddities', %s,
              'columns', %s,
              'indexes', %s,
              'inbound', %s,
              'not_valid', %s,
              'dependents', %s,
              'views', %s,
              'covered_by', %s,
              'published_by', %s,
              'taken', %s,
              'conflicting', %s,
              'options', to_json(coalesce(c.reloptions, '{}')),
              'tablespace', (SELECT quote_ident(spcname) FROM pg_tablespace WHERE oid = c.reltablespace),
              'before', %s,
              'trigger_ddl', %s,
              'references', %s,
              'sequences', %s,
              'triggers', %s,
              'not_carried', %s)
            FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
            CROSS JOIN LATERAL (SELECT $1::text AS schema, format('%%I.%%I', $1::text, $2::text) AS quoted,
              'pgsidecar_conversion.' || quote_ident($2::text) AS target) AS t
            WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1::text) AND c.relname = $2::text))""".formatted(
                    texts("""
                            SELECT k.confrelid::regclass::text AS text FROM pg_constraint AS k JOIN pg_class AS f ON f.oid = k.confrelid
                            WHERE k.conrelid = c.oid AND k.contype = 'f' AND NOT (has_schema_privilege(o.oid, f.relnamespace, 'USAGE')
                              AND (has_table_privilege(o.oid, f.oid, 'REFERENCES') OR (SELECT bool_and(
                                has_column_privilege(o.oid, f.oid, att, 'REFERENCES')) FROM unnest(k.confkey) AS att)))"""),
                    ROWS,
                    ODDITIES,
                    COLUMNS,
                    INDEXES,
                    texts("SELECT format('%I of %s', conname, conrelid::regclass) AS text FROM pg_constraint"
                            + " WHERE confrelid = c.oid AND contype = 'f'"),
                    texts("SELECT conname::text AS text FROM pg_constraint AS k WHERE conrelid = c.oid"
                            + " AND (NOT convalidated OR to_jsonb(k) ->> 'conenforced' = 'false')"),
                    DEPENDENTS,
                    VIEWS,
                    texts("""
                            SELECT pubname::text AS text FROM pg_publication AS p WHERE puballtables OR EXISTS (
                              SELECT FROM pg_publication_namespace WHERE pnpubid = p.oid AND pnnspid = c.relnamespace)"""),
                    texts("SELECT p.pubname::text AS text FROM pg_publication_rel AS r"
                            + " JOIN pg_publication AS p ON p.oid = r.prpubid WHERE r.prrelid = c.oid"),
                    texts("""
                            SELECT format('%I.%I', k.relnamespace::regnamespace, k.relname) AS text FROM pg_class AS k
                            WHERE k.relnamespace = c.relnamespace
                                AND (left(k.relname, length(c.relname) + 3) ~ (c.relname || '_p[0-9]')
                                  OR k.relname IN (c.relname || '_default', c.relname || '_template'))
                                AND k.relkind IN ('r', 'p', 'v', 'm', 'f')
                              OR k.relnamespace::regnamespace::text IN ('pgsidecar_conversion', 'pgsidecar_converted')
                                AND k.relname = c.relname"""),
                    texts("""
                            SELECT 'function ' || p.oid::regprocedure AS text FROM pg_proc AS p
                            WHERE p.pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
                              AND p.prosrc ~* 'on\\s+conflict' AND p.prosrc ~* ('\\m' || c.relname || '\\M') LIMIT 20"""),
                    BEFORE,
                    TRIGGER_DDL,
                    REFERENCES,
                    rows("""
                            SELECT s.oid::regclass::text AS name, quote_ident(a.attname) AS column, d.deptype = 'i' AS identity
                            FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
                            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
                            WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                              AND d.refobjid = c.oid AND d.deptype IN ('a', 'i') ORDER BY a.attnum"""),
                    rows("""
                            SELECT quote_ident(tgname) AS name, tgenabled AS state,
                                   tgtype & 1 = 0 OR tgoldtable IS NULL AND tgnewtable IS NULL AS portable
                            FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal ORDER BY tgname"""),
                    NOT_CARRIED);

    /** The statements of pg_stat_statements, in schema $1, that use ON CONFLICT on a table of this name, $2. */
    public static String statements(String schema) {
        return """
                SELECT json_build_object('statements', %s)""".formatted(texts("""
                SELECT DISTINCT left(regexp_replace(query, '\\s+', ' ', 'g'), 200) AS text FROM %s.pg_stat_statements
                WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND query ~* 'on\\s+conflict' AND query ~* ('\\m' || $1::text || '\\M') LIMIT 20""".formatted(schema)));
    }

    /** Where pg_stat_statements is; null where it is not. */
    public static final String STATEMENTS_SCHEMA =
            "SELECT json_build_object('schema', (SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n"
                    + " ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'))";

    /**
     * Changes with every DDL on a table, whatever it is; $1 is its oid. It is made of row versions of the catalog, so that a
     * change that was taken back shows, too, and costs a few index lookups. ANALYZE and VACUUM do not change it.
     */
    public static final String FINGERPRINT = """
            md5(concat_ws('/',
              (SELECT concat_ws(',', relnamespace, relname, relowner, reloptions, relrowsecurity, relforcerowsecurity, relreplident,
                 reltablespace) FROM pg_class WHERE oid = r.oid),
              (SELECT string_agg(attnum || ':' || xmin, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = r.oid),
              (SELECT string_agg(oid || ':' || xmin, ',' ORDER BY oid) FROM pg_attrdef WHERE adrelid = r.oid),
              (SELECT string_agg(oid || ':' || xmin, ',' ORDER BY oid) FROM pg_constraint WHERE conrelid = r.oid),
              (SELECT string_agg(oid || ':' || xmin, ',' ORDER BY oid) FROM pg_trigger WHERE tgrelid = r.oid),
              (SELECT string_agg(indexrelid || ':' || xmin, ',' ORDER BY indexrelid) FROM pg_index WHERE indrelid = r.oid),
              (SELECT string_agg(oid || ':' || xmin, ',' ORDER BY oid) FROM pg_policy WHERE polrelid = r.oid),
              (SELECT string_agg(oid || ':' || xmin, ',' ORDER BY oid) FROM pg_rewrite WHERE ev_class = r.oid),
              (SELECT string_agg(inhrelid || ':' || inhparent, ',' ORDER BY inhrelid) FROM pg_inherits WHERE inhrelid = r.oid)))""";

    /** Statements that give table $2 the rights that there are on table $1, an oid, and its row security. */
    public static final String RIGHTS = """
            SELECT json_build_object('statements', (SELECT coalesce(json_agg(r.text ORDER BY r.at), '[]') FROM (
              SELECT 1 AS at, format('REVOKE ALL ON TABLE %1$s FROM %2$s', $2::text, g.name) AS text
              FROM pg_class AS new CROSS JOIN LATERAL aclexplode(coalesce(new.relacl, acldefault('r', new.relowner))) AS a
              CROSS JOIN LATERAL (SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name) AS g
              WHERE new.oid = $2::text::regclass
              UNION ALL SELECT 2, format('GRANT %s ON TABLE %s TO %s%s', a.privilege_type, $2::text, g.name,
                  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_class AS old CROSS JOIN LATERAL aclexplode(coalesce(old.relacl, acldefault('r', old.relowner))) AS a
              CROSS JOIN LATERAL (SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name) AS g
              WHERE old.oid = $1::bigint::oid
              UNION ALL SELECT 3, format('GRANT %s (%I) ON TABLE %s TO %s%s', a.privilege_type, t.attname, $2::text, g.name,
                  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_attribute AS t CROSS JOIN LATERAL aclexplode(t.attacl) AS a
              CROSS JOIN LATERAL (SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name) AS g
              WHERE t.attrelid = $1::bigint::oid AND NOT t.attisdropped
              UNION ALL SELECT 4, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', $2::text)
              FROM pg_class WHERE oid = $1::bigint::oid AND relrowsecurity
              UNION ALL SELECT 5, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', $2::text)
              FROM pg_class WHERE oid = $1::bigint::oid AND relforcerowsecurity) AS r))""";

    /** The views of table $1, an oid, with their owners, and statements that make them anew. */
    public static final String VIEW_DDL = """
            SELECT json_build_object('views', %s)""".formatted(rows("""
            SELECT quote_ident(pg_get_userbyid(v.relowner)) AS owner, format('CREATE OR REPLACE VIEW %%I.%%I%%s AS %%s',
                vn.nspname, v.relname, coalesce(' WITH (' || array_to_string(v.reloptions, ', ') || ')', ''),
                pg_get_viewdef(v.oid)) AS ddl
            FROM pg_class AS v JOIN pg_namespace AS vn ON vn.oid = v.relnamespace
            WHERE v.oid IN (%s) ORDER BY v.oid""".formatted(viewsOf("$1::bigint::oid"))));

    /** Whether views would be replaced by other ones than the plan knew: $1 is the table's oid. */
    public static final String VIEWS_MOVABLE = """
            SELECT json_build_object('movable', (SELECT coalesce(bool_and(pg_has_role(v.relowner, 'USAGE')), true)
              FROM pg_class AS v WHERE v.oid IN (%s)))""".formatted(viewsOf("$1::bigint::oid"));
}
