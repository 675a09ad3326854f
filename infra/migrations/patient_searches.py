"""SQL of the patient index, created by revision 0004. A later revision replaces a function with a text of its own."""

GROUP_OF = """
CREATE FUNCTION patients.group_of(of_patient uuid) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT array_append(ARRAY(
        SELECT member.patient_id
        FROM patients.patients AS known
        JOIN patients.patients AS member ON member.survivor_id = known.survivor_id
        WHERE known.patient_id = of_patient AND member.patient_id <> of_patient
    ), of_patient)
$$
"""

# A grant for one record of a person holds for the records it is merged with, as long as it is. The moment is that of
# the statement, so that a grant holds in the transaction that gives it.
MAY_READ_RECORD = """
CREATE OR REPLACE FUNCTION kernel.may_read_record(patient uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM kernel.access_grants AS granted
        WHERE granted.patient_id = ANY (patients.group_of(patient))
          AND granted.reader_campus_id = current_setting('his.campus', true)
          AND (granted.reader_subject IS NULL OR granted.reader_subject = current_setting('his.subject', true))
          AND granted.valid_from <= statement_timestamp() AND granted.valid_to > statement_timestamp()
    )
$$
"""

# Every search returns survivors, about fifty at most. Statements stand apart per case so that each has one plan, and
# that plan an index; what is left out of a very common name is found by adding the birth date.
VISIBLE_HERE = """
CREATE FUNCTION patients.visible_here(confidentiality text, of_patient uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT confidentiality = 'normal' OR kernel.may_read_record(of_patient)
$$
"""

# As rules.one_character_apart, for names of which one is known to share a key with the other.
ONE_CHARACTER_APART = """
CREATE FUNCTION patients.one_character_apart(one text, other text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE char_length(one) - char_length(other)
        WHEN 0 THEN (
            SELECT count(*) = 1 FROM generate_series(1, char_length(one)) AS place (n)
            WHERE substr(one, n, 1) <> substr(other, n, 1)
        )
        WHEN 1 THEN EXISTS (
            SELECT FROM generate_series(1, char_length(one)) AS place (n)
            WHERE overlay(one PLACING '' FROM n FOR 1) = other
        )
        WHEN -1 THEN EXISTS (
            SELECT FROM generate_series(1, char_length(other)) AS place (n)
            WHERE overlay(other PLACING '' FROM n FOR 1) = one
        )
        ELSE false
    END
$$
"""

SEARCH_BY_NAME = """
CREATE FUNCTION patients.search_by_name(wanted text, pinyin text, keys text[], born date, of_sex text)
RETURNS TABLE (found_id uuid, closeness int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    enough constant int := 51;
    missing int := 51;
    added int;
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    IF born IS NOT NULL THEN
        RETURN QUERY
        SELECT s.patient_id, alike.distance
        FROM (
            (SELECT p.survivor_id, 0 AS distance FROM patients.patients AS p
             WHERE p.name = wanted AND p.birth_date = born LIMIT enough)
            UNION ALL
            (SELECT p.survivor_id, 1 FROM patients.patients AS p
             WHERE p.name_pinyin = pinyin AND p.birth_date = born AND p.name <> wanted LIMIT enough)
            UNION ALL
            (SELECT p.survivor_id, 2
             FROM (SELECT d.* FROM patients.patients AS d WHERE d.birth_date = born LIMIT 2000) AS p
             WHERE p.name_keys && keys AND p.name_pinyin <> pinyin
               AND patients.one_character_apart(p.name, wanted) LIMIT enough)
        ) AS alike
        JOIN patients.patients AS s ON s.patient_id = alike.survivor_id
        WHERE (of_sex IS NULL OR s.sex = of_sex) AND patients.visible_here(s.confidentiality, s.patient_id);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.patient_id, 0
    FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
    WHERE p.name = wanted AND (of_sex IS NULL OR p.sex = of_sex)
      AND patients.visible_here(s.confidentiality, s.patient_id)
    ORDER BY p.birth_date LIMIT missing;
    GET DIAGNOSTICS added = ROW_COUNT;
    missing := missing - added;
    IF missing <= 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.patient_id, 1
    FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
    WHERE p.name_pinyin = pinyin AND p.name <> wanted AND (of_sex IS NULL OR p.sex = of_sex)
      AND patients.visible_here(s.confidentiality, s.patient_id)
    ORDER BY p.birth_date LIMIT missing;
    GET DIAGNOSTICS added = ROW_COUNT;
    missing := missing - added;
    IF missing <= 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.patient_id, 2
    FROM (SELECT d.* FROM patients.patients AS d WHERE d.name_keys && keys AND d.name <> wanted LIMIT 500) AS p
    JOIN patients.patients AS s ON s.patient_id = p.survivor_id
    WHERE p.name_pinyin <> pinyin AND (of_sex IS NULL OR p.sex = of_sex)
      AND patients.one_character_apart(p.name, wanted) AND patients.visible_here(s.confidentiality, s.patient_id)
    LIMIT missing;
END $$
"""

SEARCH_BY_PINYIN = """
CREATE FUNCTION patients.search_by_pinyin(typed text, born date, of_sex text)
RETURNS TABLE (found_id uuid, closeness int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    IF born IS NOT NULL THEN
        RETURN QUERY
        SELECT alike.survivor_id, alike.distance
        FROM (
            (SELECT s.patient_id AS survivor_id, 1 AS distance
             FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
             WHERE p.name_pinyin = typed AND p.birth_date = born AND (of_sex IS NULL OR p.sex = of_sex)
               AND patients.visible_here(s.confidentiality, s.patient_id)
             ORDER BY p.birth_date LIMIT 51)
            UNION ALL
            (SELECT s.patient_id AS survivor_id, 2 AS distance
             FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
             WHERE p.name_initials = typed AND p.birth_date = born AND (of_sex IS NULL OR p.sex = of_sex)
               AND patients.visible_here(s.confidentiality, s.patient_id)
             ORDER BY p.birth_date LIMIT 51)
        ) AS alike;
    ELSE
        RETURN QUERY
        SELECT alike.survivor_id, alike.distance
        FROM (
            (SELECT s.patient_id AS survivor_id, 1 AS distance
             FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
             WHERE p.name_pinyin = typed AND (of_sex IS NULL OR p.sex = of_sex)
               AND patients.visible_here(s.confidentiality, s.patient_id)
             ORDER BY p.birth_date LIMIT 51)
            UNION ALL
            (SELECT s.patient_id AS survivor_id, 2 AS distance
             FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
             WHERE p.name_initials = typed AND (of_sex IS NULL OR p.sex = of_sex)
               AND patients.visible_here(s.confidentiality, s.patient_id)
             ORDER BY p.birth_date LIMIT 51)
        ) AS alike;
    END IF;
END $$
"""

SEARCH_BY_PHONE = """
CREATE FUNCTION patients.search_by_phone(dialled text)
RETURNS TABLE (found_id uuid, closeness int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.patient_id, 0
    FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
    WHERE p.phone = dialled AND patients.visible_here(s.confidentiality, s.patient_id)
    LIMIT 51;
END $$
"""

SEARCH_BY_TAIL = """
CREATE FUNCTION patients.search_by_tail(backwards text)
RETURNS TABLE (found_id uuid, closeness int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT alike.survivor_id, 0
    FROM (
        (SELECT s.patient_id AS survivor_id
         FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
         WHERE p.phone_reversed >= backwards AND p.phone_reversed < backwards || chr(1114111)
           AND patients.visible_here(s.confidentiality, s.patient_id)
         LIMIT 51)
        UNION ALL
        (SELECT s.patient_id
         FROM patients.identifiers AS i
         JOIN patients.patients AS p ON p.patient_id = i.patient_id
         JOIN patients.patients AS s ON s.patient_id = p.survivor_id
         WHERE i.value_reversed >= backwards AND i.value_reversed < backwards || chr(1114111)
           AND i.status = 'active' AND i.type IN ('resident_id', 'hmt_residence', 'foreign_pr')
           AND patients.visible_here(s.confidentiality, s.patient_id)
         LIMIT 51)
    ) AS alike;
END $$
"""

# Since revision 0039. The database knows a mark of the last four characters of an 18-digit number; what is typed before
# them are digits of the birthday, which is known of the person. Numbers that are not sealed yet are read as before.
SEARCH_BY_TAIL_SEALED = """
CREATE FUNCTION patients.search_by_tail(backwards text, tails bigint[], birthday text)
RETURNS TABLE (found_id uuid, closeness int)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT alike.survivor_id, 0
    FROM (
        (SELECT s.patient_id AS survivor_id
         FROM patients.patients AS p JOIN patients.patients AS s ON s.patient_id = p.survivor_id
         WHERE p.phone_reversed >= backwards AND p.phone_reversed < backwards || chr(1114111)
           AND patients.visible_here(s.confidentiality, s.patient_id)
         LIMIT 51)
        UNION ALL
        (SELECT s.patient_id
         FROM patients.identifiers AS i
         JOIN patients.patients AS p ON p.patient_id = i.patient_id
         JOIN patients.patients AS s ON s.patient_id = p.survivor_id
         WHERE i.tail = ANY (tails) AND i.status = 'active'
           AND right(to_char(p.birth_date, 'MMDD'), length(birthday)) = birthday
           AND patients.visible_here(s.confidentiality, s.patient_id)
         LIMIT 51)
        UNION ALL
        (SELECT s.patient_id
         FROM patients.identifiers AS i
         JOIN patients.patients AS p ON p.patient_id = i.patient_id
         JOIN patients.patients AS s ON s.patient_id = p.survivor_id
         WHERE i.value_reversed >= backwards AND i.value_reversed < backwards || chr(1114111) AND i.key_id IS NULL
           AND i.status = 'active' AND i.type IN ('resident_id', 'hmt_residence', 'foreign_pr')
           AND patients.visible_here(s.confidentiality, s.patient_id)
         LIMIT 51)
    ) AS alike;
END $$
"""

# Records worth comparing with a person: whoever could reach the lower limit of the match score shares one of these.
LIKELY_DUPLICATES = """
CREATE FUNCTION patients.likely_duplicates(
    wanted text, pinyin text, keys text[], born date, near date[], dialled text, known_id uuid
)
RETURNS TABLE (found_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF coalesce(current_setting('his.subject', true), '') = '' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT DISTINCT alike.patient_id
    FROM (
        (SELECT p.patient_id, p.survivor_id FROM patients.patients AS p
         WHERE p.name = wanted AND p.birth_date = ANY (near || born) LIMIT 100)
        UNION ALL
        (SELECT p.patient_id, p.survivor_id FROM patients.patients AS p
         WHERE p.name_pinyin = pinyin AND p.birth_date = born LIMIT 100)
        UNION ALL
        (SELECT p.patient_id, p.survivor_id
         FROM (SELECT d.* FROM patients.patients AS d WHERE d.birth_date = born LIMIT 2000) AS p
         WHERE p.name_keys && keys LIMIT 100)
        UNION ALL
        (SELECT p.patient_id, p.survivor_id FROM patients.patients AS p WHERE p.phone = dialled LIMIT 50)
    ) AS alike
    WHERE alike.survivor_id = alike.patient_id AND alike.patient_id IS DISTINCT FROM known_id;
END $$
"""

# Who opened a person's record is theirs to know at whichever campus it was opened, so campuses are not asked here.
ACCESS_LOG = """
CREATE FUNCTION patients.access_log(of_records uuid[], before timestamptz, before_id uuid, wanted int)
RETURNS TABLE (
    entry_id uuid, at timestamptz, campus_id text, actor text, actor_name text, action text, reason text
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT seen.entry_id, seen.at, seen.campus_id, seen.actor, seen.actor_name, seen.action,
           seen.detail ->> 'reason_code'
    FROM unnest(of_records) AS record (id)
    CROSS JOIN LATERAL (
        SELECT e.* FROM kernel.audit_entries AS e
        WHERE e.patient_id = record.id AND e.at <= before AND (e.at, e.entry_id) < (before, before_id)
        ORDER BY e.at DESC, e.entry_id DESC
        LIMIT wanted
    ) AS seen
    WHERE coalesce(current_setting('his.subject', true), '') <> ''
    ORDER BY seen.at DESC, seen.entry_id DESC
    LIMIT wanted
$$
"""
