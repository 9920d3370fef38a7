-- The meeting place in PostgreSQL: every scope or none, by the server's clock. What is counted under one name is locked
-- together, in the same order by everybody. All is forgotten when the server crashes: then each worker tells its part.
-- A change here is one more FUNCTIONS_VERSION (../postgres_schema.py).
CREATE UNLOGGED TABLE IF NOT EXISTS meet_epoch (one int PRIMARY KEY, born bigint NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS meet_start (name text, slot text, at bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE INDEX IF NOT EXISTS meet_start_at ON meet_start (name, at);
CREATE UNLOGGED TABLE IF NOT EXISTS meet_slot (name text, slot text, until bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_held (
    name text, slot text, until bigint NOT NULL, tokens bigint NOT NULL, usd double precision NOT NULL,
    PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_used (
    name text, slot text, at bigint NOT NULL, tokens bigint NOT NULL, PRIMARY KEY (name, slot));
CREATE UNLOGGED TABLE IF NOT EXISTS meet_flying (
    name text, slot text, until bigint NOT NULL, tokens bigint NOT NULL, PRIMARY KEY (name, slot));
-- ``name``: of a budget, its month or day, and what is counted
CREATE UNLOGGED TABLE IF NOT EXISTS meet_spent (name text PRIMARY KEY, spent double precision NOT NULL, until bigint NOT NULL);

CREATE OR REPLACE FUNCTION ccx_ms() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE OR REPLACE FUNCTION meet_lock(names text[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT count(pg_advisory_xact_lock(number))
    FROM (SELECT DISTINCT hashtextextended(name, 0) AS number FROM unnest(names) name ORDER BY 1) sorted
$$;

-- Since when it counts.
CREATE OR REPLACE FUNCTION meet_born() RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE found bigint;
BEGIN
    SELECT born INTO found FROM meet_epoch;
    IF found IS NULL THEN
        INSERT INTO meet_epoch VALUES (1, ccx_ms()) ON CONFLICT DO NOTHING;
        SELECT born INTO found FROM meet_epoch;
    END IF;
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION meet_known(place text, spent_by_now double precision, kept bigint) RETURNS double precision
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO meet_spent VALUES (place, spent_by_now, ccx_ms() + kept)
    ON CONFLICT (name) DO UPDATE SET spent = greatest(meet_spent.spent, excluded.spent), until = excluded.until
    RETURNING spent
$$;

-- A place in every scope, or in none. ``want``, ``cost``: tokens and dollars of this request; ``sums``: names of the six
-- sums of each budget: requests, tokens and dollars of the month, then of the day; ``most``: what they may be, 0: anything;
-- ``known``: what they are at least; ``kept``: ms that they are kept.
-- Returns {0: taken, n: scope n is full, or pace n minus the number of scopes, -1: too young, -2 and below: a sum of a
-- budget, in their order, is used up}, ms to wait (-1: as soon as a place is given back; of a sum: what is under way may
-- use it up), since when it counts.
CREATE OR REPLACE FUNCTION meet_enter(
    slot_id text, lease bigint, names text[], rpms bigint[], mosts bigint[], paces text[], limits bigint[], want bigint,
    cost double precision, budgets text[], sums text[], most double precision[], known double precision[], kept bigint
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    born bigint := meet_born();
    at_now bigint;
    count_now bigint;
    excess bigint;
    first bigint;
    used double precision;
    held double precision[];
    n int;
    full_sum int := 0;
    flying bigint;
    wait bigint;
    each record;
BEGIN
    at_now := ccx_ms();
    IF at_now - born < 1000 THEN RETURN ARRAY[-1, 0, born]; END IF;
    PERFORM meet_lock(names || paces || budgets);
    at_now := ccx_ms();
    FOR i IN 1..cardinality(budgets) LOOP
        DELETE FROM meet_held WHERE name = budgets[i] AND until <= at_now;
        SELECT ARRAY[count(*), coalesce(sum(tokens), 0), coalesce(sum(usd), 0)] INTO held
            FROM meet_held WHERE name = budgets[i];
        FOR k IN 1..6 LOOP
            n := 6 * (i - 1) + k;
            used := meet_known(sums[n], known[n], kept);
            IF most[n] > 0 AND used >= most[n] THEN RETURN ARRAY[-1 - n, 0, born]; END IF;
            IF most[n] > 0 AND held[1] > 0 AND used + held[(k - 1) % 3 + 1] >= most[n] AND full_sum = 0 THEN
                full_sum := -1 - n;
            END IF;
        END LOOP;
    END LOOP;
    IF full_sum < 0 THEN RETURN ARRAY[full_sum, 1000, born]; END IF;
    FOR i IN 1..cardinality(names) LOOP
        IF mosts[i] > 0 THEN
            DELETE FROM meet_slot WHERE name = names[i] AND until <= at_now;
            SELECT count(*) INTO count_now FROM meet_slot WHERE name = names[i];
            IF count_now >= mosts[i] THEN RETURN ARRAY[i, -1, born]; END IF;
        END IF;
        IF rpms[i] > 0 THEN
            DELETE FROM meet_start WHERE name = names[i] AND at <= at_now - 60000;
            SELECT count(*) INTO count_now FROM meet_start WHERE name = names[i];
            excess := count_now - rpms[i] + 1;
            IF excess > 0 THEN
                SELECT at INTO first FROM meet_start WHERE name = names[i] ORDER BY at OFFSET excess - 1 LIMIT 1;
                RETURN ARRAY[i, greatest(1, first + 60000 - at_now), born];
            END IF;
        END IF;
    END LOOP;
    -- Each one over its pace by itself at most: used in the last minute, and under way.
    FOR i IN 1..cardinality(paces) LOOP
        wait := 0;
        DELETE FROM meet_used WHERE name = paces[i] AND at <= at_now - 60000;
        DELETE FROM meet_flying WHERE name = paces[i] AND until <= at_now;
        SELECT coalesce(sum(tokens), 0) INTO flying FROM meet_flying WHERE name = paces[i];
        SELECT flying + coalesce(sum(tokens), 0) INTO excess FROM meet_used WHERE name = paces[i];
        FOR each IN SELECT at, tokens FROM meet_used WHERE name = paces[i] ORDER BY at, slot LOOP
            EXIT WHEN excess < limits[i];
            excess := excess - each.tokens;
            wait := each.at + 60000 - at_now;
        END LOOP;
        IF excess >= limits[i] THEN wait := 1000; END IF;
        IF wait > 0 THEN RETURN ARRAY[cardinality(names) + i, wait, born]; END IF;
    END LOOP;
    FOR i IN 1..cardinality(names) LOOP
        IF rpms[i] > 0 THEN
            INSERT INTO meet_start VALUES (names[i], slot_id, at_now)
                ON CONFLICT (name, slot) DO UPDATE SET at = excluded.at;
        END IF;
        IF mosts[i] > 0 THEN
            INSERT INTO meet_slot VALUES (names[i], slot_id, at_now + lease)
                ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
        END IF;
    END LOOP;
    INSERT INTO meet_flying SELECT name, slot_id, at_now + lease, want FROM unnest(paces) name ORDER BY name
        ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until, tokens = excluded.tokens;
    INSERT INTO meet_held SELECT name, slot_id, at_now + lease, want, cost FROM unnest(budgets) name ORDER BY name
        ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
    RETURN ARRAY[0, 0, born];
END $$;

-- ``begun``: names in which it never began after all.
CREATE OR REPLACE FUNCTION meet_leave(slot_id text, names text[], begun text[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    DELETE FROM meet_slot WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_held WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_flying WHERE name = ANY (names) AND slot = slot_id;
    DELETE FROM meet_start WHERE name = ANY (begun) AND slot = slot_id;
$$;

-- What one worker has taken, told again: slots are unique, so twice is once. ``ages``: ms since it began.
CREATE OR REPLACE FUNCTION meet_begun(names text[], slots text[], ages bigint[]) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_start SELECT name, slot, ccx_ms() - age FROM unnest(names, slots, ages) AS told(name, slot, age)
        ORDER BY name, slot ON CONFLICT DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION meet_under_way(
    names text[], slots text[], lease bigint, more bigint[], cost double precision[]
) RETURNS void LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_slot SELECT DISTINCT name, slot, ccx_ms() + lease FROM unnest(names, slots) AS told(name, slot)
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
    INSERT INTO meet_held SELECT name, slot, ccx_ms() + lease, tokens, usd
        FROM unnest(names, slots, more, cost) AS told(name, slot, tokens, usd) WHERE tokens IS NOT NULL
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until;
$$;

CREATE OR REPLACE FUNCTION meet_use(names text[], slots text[], ages bigint[], counts bigint[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_used SELECT name, slot, ccx_ms() - age, tokens
        FROM unnest(names, slots, ages, counts) AS told(name, slot, age, tokens)
        ORDER BY name, slot ON CONFLICT DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION meet_fly(names text[], slots text[], lease bigint, counts bigint[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    SELECT meet_lock(names);
    INSERT INTO meet_flying SELECT name, slot, ccx_ms() + lease, tokens
        FROM unnest(names, slots, counts) AS told(name, slot, tokens)
        ORDER BY name, slot ON CONFLICT (name, slot) DO UPDATE SET until = excluded.until, tokens = excluded.tokens;
$$;

CREATE OR REPLACE FUNCTION meet_spend(sums text[], costs double precision[], kept bigint) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO meet_spent SELECT name, cost, ccx_ms() + kept FROM unnest(sums, costs) AS told(name, cost) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET spent = meet_spent.spent + excluded.spent, until = excluded.until;
$$;

-- What nobody asks for any more.
CREATE OR REPLACE FUNCTION meet_tidy() RETURNS void LANGUAGE sql VOLATILE
AS $$
    DELETE FROM meet_start WHERE at < ccx_ms() - 120000;
    DELETE FROM meet_used WHERE at < ccx_ms() - 120000;
    DELETE FROM meet_slot WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_held WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_flying WHERE until < ccx_ms() - 120000;
    DELETE FROM meet_spent WHERE until < ccx_ms();
$$;
