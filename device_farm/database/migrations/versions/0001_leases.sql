-- How leases change hands on PostgreSQL. The same rules in Python, for SQLite: device_farm/leases/sqlite_book.py.
-- A user may call the functions that are marked so, and change nothing else: see device_farm/database/rights.py.
--
-- One call is one transaction and one round trip, so that a client that is stopped or cut off holds up nobody.
-- What is kept true between calls: a free device that somebody in the queue could use is promised to the first of
-- those; who has been promised all that is wanted is told at once, and comes for it. Who does not come within 3 s
-- sleeps (missing = -1): others go before, until it asks again.

CREATE FUNCTION ontarget_now() RETURNS double precision LANGUAGE sql VOLATILE
AS $$ SELECT extract(epoch FROM clock_timestamp())::double precision $$;

CREATE FUNCTION ontarget_hash(secret text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT encode(sha256(convert_to(secret, 'UTF8')), 'hex') $$;

-- Changes come one after the other. The lock ends with the transaction, which does not wait for the disk: the client
-- does before it believes the answer (ontarget_settle), together with all others that wait then.
CREATE FUNCTION ontarget_turn() RETURNS double precision LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '30s', true);  -- who holds it that long is no client of ours
    PERFORM 1 FROM ontarget_store FOR UPDATE;
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN ontarget_now();
END $$;

-- A commit that waits for the disk, and so for all commits before it.
CREATE FUNCTION ontarget_settle() RETURNS void LANGUAGE sql VOLATILE
AS $$ SELECT pg_logical_emit_message(true, 'ontarget', '') $$;

CREATE FUNCTION ontarget_note(t double precision, d text, state text, reason text, author text, token bigint)
RETURNS void LANGUAGE sql
AS $$ INSERT INTO transition (at, device, state, reason, author, role, token)
      VALUES (t, d, state, reason, author, session_user, token) $$;

-- Give device d to one of the wants that it may serve, moving what that one had if need be (an augmenting path).
CREATE FUNCTION ontarget_seat(ticket text, d text, INOUT tried int[], OUT seated boolean) LANGUAGE plpgsql AS $$
DECLARE
    n int;
    other text;
BEGIN
    seated := false;
    FOR n IN SELECT w.number FROM want w JOIN pool_device m ON m.pool = w.pool AND m.device = d
             WHERE w.ticket_hash = ticket ORDER BY w.number LOOP
        CONTINUE WHEN n = ANY (tried);
        tried := tried || n;
        SELECT name INTO other FROM device WHERE promised = ticket AND promised_want = n;
        IF FOUND THEN
            SELECT s.tried, s.seated INTO tried, seated FROM ontarget_seat(ticket, other, tried) s;
            CONTINUE WHEN NOT seated;
        END IF;
        UPDATE device SET promised = ticket, promised_want = n WHERE name = d;
        seated := true;
        RETURN;
    END LOOP;
END $$;

-- One more device is promised; who has all is told, and `seen` is then when that was.
CREATE FUNCTION ontarget_promised(ticket text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    still int;
BEGIN
    UPDATE waiter SET missing = missing - 1, seen = CASE WHEN missing = 1 THEN ontarget_now() ELSE seen END
    WHERE ticket_hash = ticket RETURNING missing INTO still;
    IF still = 0 THEN
        PERFORM pg_notify('ontarget_ready', left(ticket, 16));
    END IF;
END $$;

-- Device d has come free: promise it to the first who can use it.
CREATE FUNCTION ontarget_offer(d text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w record;
    after_urgency int := -2147483648;
    after_place bigint := 0;
BEGIN
    PERFORM 1 FROM device WHERE name = d AND state = 'available' AND lease IS NULL AND promised IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    LOOP
        SELECT first.* INTO w
        FROM pool_device m CROSS JOIN LATERAL (
            SELECT x.ticket_hash, x.urgency, x.place
            FROM want n JOIN waiter x ON x.ticket_hash = n.ticket_hash
            WHERE n.pool = m.pool AND (n.urgency, n.place) > (after_urgency, after_place) AND x.missing > 0
            ORDER BY n.urgency, n.place LIMIT 1
        ) first
        WHERE m.device = d ORDER BY first.urgency, first.place LIMIT 1;
        EXIT WHEN NOT FOUND;
        IF (ontarget_seat(w.ticket_hash, d, '{}')).seated THEN
            PERFORM ontarget_promised(w.ticket_hash);
            RETURN;
        END IF;
        after_urgency := w.urgency;
        after_place := w.place;
    END LOOP;
END $$;

-- The best free device of a pool that nobody was promised: one that is preferred, else one that is asked for least.
CREATE FUNCTION ontarget_pick(asked text, prefer text[], OUT d text) LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(prefer) > 0 THEN
        SELECT name INTO d FROM device JOIN pool_device m ON m.pool = asked AND m.device = name
        WHERE name = ANY (prefer) AND state = 'available' AND lease IS NULL AND promised IS NULL
        ORDER BY array_position(prefer, name::text) LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- OFFSET 0 keeps the planner from turning this round: few members are looked up, of many the free ones are walked
    IF (SELECT size FROM pool WHERE id = asked) <= 64 THEN
        SELECT name INTO d
        FROM (SELECT device AS member FROM pool_device WHERE pool = asked OFFSET 0) m JOIN device ON name = member
        WHERE state = 'available' AND lease IS NULL AND promised IS NULL ORDER BY demand, name LIMIT 1;
    ELSE
        SELECT name INTO d FROM device
        WHERE state = 'available' AND lease IS NULL AND promised IS NULL
            AND EXISTS (SELECT 1 FROM pool_device m WHERE m.pool = asked AND m.device = name OFFSET 0)
        ORDER BY demand, name LIMIT 1;
    END IF;
END $$;

-- A device of a pool that was promised to somebody whose turn is later, the last of them first.
CREATE FUNCTION ontarget_withheld(asked text, u int, p bigint, OUT d text) LANGUAGE sql AS $$
    SELECT name FROM device JOIN waiter w ON w.ticket_hash = promised
    WHERE promised IS NOT NULL AND (w.urgency, w.place) > (u, p)
        AND EXISTS (SELECT 1 FROM pool_device m WHERE m.pool = asked AND m.device = name OFFSET 0)
    ORDER BY w.urgency DESC, w.place DESC LIMIT 1
$$;

-- Take back a promise; whose it was is returned, and has to be refilled.
CREATE FUNCTION ontarget_retract(d text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    whose text;
BEGIN
    SELECT promised INTO whose FROM device WHERE name = d;
    IF whose IS NOT NULL THEN
        UPDATE device SET promised = NULL, promised_want = NULL WHERE name = d;
        UPDATE waiter SET missing = missing + 1 WHERE ticket_hash = whose;
    END IF;
    RETURN whose;
END $$;

-- Promise somebody in the queue what is missing, as far as it is free or promised to those whose turn is later.
CREATE FUNCTION ontarget_refill(ticket text, prefer text[] = '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    me waiter;
    useful text[];
    d text;
    robbed text[] := '{}';
    v text;
BEGIN
    LOOP
        SELECT * INTO me FROM waiter WHERE ticket_hash = ticket;
        EXIT WHEN me.missing = 0;
        -- the pools from which a device serves a want that has none, directly or by moving another
        WITH RECURSIVE reach (number, pool) AS (
            SELECT w.number, w.pool FROM want w WHERE w.ticket_hash = ticket
                AND NOT EXISTS (SELECT 1 FROM device WHERE promised = ticket AND promised_want = w.number)
            UNION
            SELECT w.number, w.pool FROM reach, device, want w
            WHERE promised = ticket AND w.ticket_hash = ticket AND w.number = promised_want
                AND EXISTS (SELECT 1 FROM pool_device m WHERE m.pool = reach.pool AND m.device = name OFFSET 0)
        )
        SELECT array_agg(pool ORDER BY number) INTO useful FROM reach;
        SELECT o.d INTO d FROM unnest(useful) p, ontarget_pick(p, prefer) o WHERE o.d IS NOT NULL LIMIT 1;
        IF d IS NULL THEN
            SELECT o.d INTO d FROM unnest(useful) p, ontarget_withheld(p, me.urgency, me.place) o
            WHERE o.d IS NOT NULL LIMIT 1;
            EXIT WHEN d IS NULL;
            robbed := robbed || ontarget_retract(d);
        END IF;
        PERFORM ontarget_seat(ticket, d, '{}');
        PERFORM ontarget_promised(ticket);
    END LOOP;
    FOR v IN SELECT ticket_hash FROM waiter WHERE ticket_hash = ANY (robbed) ORDER BY urgency, place LOOP
        PERFORM ontarget_refill(v);
    END LOOP;
END $$;

-- Take somebody out of the queue; what was kept for them is returned, and has to be offered.
CREATE FUNCTION ontarget_remove(ticket text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY UPDATE device SET promised = NULL, promised_want = NULL WHERE promised = ticket RETURNING name::text;
    DELETE FROM waiter WHERE ticket_hash = ticket;
END $$;

CREATE FUNCTION ontarget_end(l lease, t double precision, why text, noted text, author text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lease SET ended = t, end_reason = why WHERE id = l.id;
    UPDATE device SET lease = NULL WHERE name = l.device;
    PERFORM ontarget_note(t, l.device, 'available', noted, author, l.token);
END $$;

-- End what time has ended: leases, promises that nobody came for, and the places of those who ask no more.
CREATE FUNCTION ontarget_sweep(t double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    l lease;
    w text;
    freed text[] := '{}';
BEGIN
    -- locked, since heartbeats take no turn
    FOR l IN SELECT * FROM lease WHERE ended IS NULL AND expires <= t ORDER BY expires FOR UPDATE LOOP
        PERFORM ontarget_end(l, l.expires, 'expired without a heartbeat', 'the lease expired', l.owner);
        freed := freed || l.device::text;
    END LOOP;
    FOR w IN SELECT ticket_hash FROM waiter WHERE missing = 0 AND seen < t - 3 LOOP
        UPDATE waiter SET missing = -1 WHERE ticket_hash = w;
        WITH kept AS (
            UPDATE device SET promised = NULL, promised_want = NULL WHERE promised = w RETURNING name::text AS name
        )
        SELECT freed || array_agg(name) INTO freed FROM kept;
    END LOOP;
    FOR w IN SELECT ticket_hash FROM waiter WHERE seen < t - 15 ORDER BY urgency, place LOOP
        freed := freed || ARRAY(SELECT ontarget_remove(w));
    END LOOP;
    PERFORM ontarget_offer(d) FROM unnest(freed) d;
END $$;

CREATE FUNCTION ontarget_grant(
    t double precision, d text, id text, secret_hash text, owner text, purpose text, ttl double precision
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    next bigint;
BEGIN
    UPDATE ontarget_store SET token = token + 1 RETURNING token INTO next;
    INSERT INTO lease (id, secret_hash, device, token, owner, purpose, ttl, granted, expires)
    VALUES (id, secret_hash, d, next, owner, purpose, ttl, t, t + ttl);
    UPDATE device SET lease = id, promised = NULL, promised_want = NULL, uses = uses + 1 WHERE name = d;
    PERFORM ontarget_note(t, d, 'leased', purpose, owner, next);
    RETURN jsonb_build_object('id', id, 'device', d, 'token', next, 'expires', t + ttl);
END $$;

-- For users. What a request gets: {"now", "granted": [...]}, or {"now", "urgency", "place"} of one that has to wait, or
-- {"unknown": [...]}: pools that have to be made first (ontarget_pool). `ids` and `hashes` are for the leases to be:
-- asked again after a cut connection, the same ones are returned.
CREATE FUNCTION ontarget_ask(
    ticket text, pools text[], ids text[], hashes text[], owner text, purpose text, ttl double precision, priority int,
    queue boolean, prefer text[]
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision;
    me waiter;
    mine text := ontarget_hash(ticket);
    unknown text[];
    granted jsonb;
    d text;
BEGIN
    IF cardinality(pools) < 1 OR cardinality(ids) <> cardinality(pools) OR cardinality(hashes) <> cardinality(pools)
        OR NOT (ttl > 0 AND ttl < 'infinity') THEN
        RAISE EXCEPTION 'a request has a pool, an id and a hash for each device that it wants, and a time to live';
    END IF;
    unknown := ARRAY(SELECT p FROM unnest(pools) p WHERE NOT EXISTS (SELECT 1 FROM pool WHERE pool.id = p));
    IF cardinality(unknown) > 0 THEN
        RETURN jsonb_build_object('unknown', unknown);
    END IF;
    t := ontarget_turn();
    SELECT jsonb_agg(jsonb_build_object('id', l.id, 'device', l.device, 'token', l.token, 'expires', l.expires)
                     ORDER BY array_position(hashes, l.secret_hash::text))
    INTO granted FROM lease l WHERE l.secret_hash = ANY (hashes) AND l.ended IS NULL AND l.expires > t;
    IF granted IS NOT NULL THEN
        RETURN jsonb_build_object('now', t, 'granted', granted);
    END IF;
    PERFORM ontarget_sweep(t);
    UPDATE pool SET used = t WHERE pool.id = ANY (pools) AND used < t - 3600;
    SELECT * INTO me FROM waiter WHERE ticket_hash = mine;
    IF me.ticket_hash IS NULL THEN
        -- most often something is free, and nobody has to be written into the queue
        IF cardinality(pools) = 1 THEN
            d := ontarget_pick(pools[1], prefer);
            IF d IS NOT NULL THEN
                granted := jsonb_build_array(ontarget_grant(t, d, ids[1], hashes[1], owner, purpose, ttl));
                RETURN jsonb_build_object('now', t, 'granted', granted);
            END IF;
        END IF;
        UPDATE ontarget_store SET place = place + 1 RETURNING place INTO me.place;
        me.urgency := -priority;
        BEGIN
            INSERT INTO waiter (ticket_hash, urgency, place, wanted, missing, owner, purpose, seen)
            VALUES (mine, me.urgency, me.place, cardinality(pools), cardinality(pools), owner, purpose, t);
            INSERT INTO want (ticket_hash, number, pool, urgency, place)
            SELECT mine, n - 1, p, me.urgency, me.place FROM unnest(pools) WITH ORDINALITY AS x (p, n);
            PERFORM ontarget_refill(mine, prefer);
            SELECT * INTO me FROM waiter WHERE ticket_hash = mine;
            IF me.missing > 0 AND NOT queue THEN
                RAISE EXCEPTION USING ERRCODE = 'OT001';  -- all of this is as if it had not been
            END IF;
        EXCEPTION WHEN SQLSTATE 'OT001' THEN
            me.ticket_hash := NULL;
        END;
    ELSE
        UPDATE waiter SET seen = t, missing = CASE WHEN missing < 0 THEN wanted ELSE missing END
        WHERE ticket_hash = mine;
        IF me.missing < 0 THEN
            PERFORM ontarget_refill(mine, prefer);
            SELECT * INTO me FROM waiter WHERE ticket_hash = mine;
        END IF;
    END IF;
    IF me.ticket_hash IS NULL OR me.missing > 0 THEN
        RETURN jsonb_build_object('now', t, 'urgency', me.urgency, 'place', me.place);
    END IF;
    SELECT jsonb_agg(ontarget_grant(t, name, ids[promised_want + 1], hashes[promised_want + 1], me.owner, me.purpose, ttl)
                     ORDER BY promised_want)
    INTO granted FROM (SELECT name, promised_want FROM device WHERE promised = mine ORDER BY promised_want) x;
    DELETE FROM waiter WHERE ticket_hash = mine;
    RETURN jsonb_build_object('now', t, 'granted', granted);
END $$;

-- For users. Make a pool known; its id is the digest of its names.
CREATE FUNCTION ontarget_pool(new_id text, names text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision;
BEGIN
    IF new_id IS DISTINCT FROM left(ontarget_hash(array_to_string(names, E'\n')), 32) THEN
        RAISE EXCEPTION 'a pool is named by the digest of its names';
    END IF;
    t := ontarget_turn();
    INSERT INTO pool (id, size, used) VALUES (new_id, cardinality(names), t) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO pool_device (pool, device) SELECT DISTINCT new_id, n FROM unnest(names) n;
        UPDATE device SET demand = demand + 1.0 / cardinality(names) WHERE name = ANY (names);
    END IF;
END $$;

-- For users. Give up a place in the queue.
CREATE FUNCTION ontarget_leave(ticket text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
    freed text[];
BEGIN
    PERFORM ontarget_sweep(t);
    freed := ARRAY(SELECT ontarget_remove(ontarget_hash(ticket)));
    PERFORM ontarget_offer(d) FROM unnest(freed) d;
END $$;

-- For users. The lease of this secret as JSON with "now", NULL if there is none.
CREATE FUNCTION ontarget_holding(secret text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT to_jsonb(l) - 'secret_hash' || jsonb_build_object('now', ontarget_now())
    FROM lease l WHERE l.secret_hash = ontarget_hash(secret)
$$;

-- For users. Extend a lease from now, if it has not ended; as ontarget_holding otherwise.
CREATE FUNCTION ontarget_heartbeat(secret text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_now();
    l lease;
BEGIN
    UPDATE lease SET expires = t + ttl
    WHERE secret_hash = ontarget_hash(secret) AND ended IS NULL AND expires > t RETURNING * INTO l;
    IF NOT FOUND THEN
        RETURN ontarget_holding(secret);
    END IF;
    RETURN to_jsonb(l) - 'secret_hash' || jsonb_build_object('now', t);
END $$;

-- For users. End one's lease: whether it was held until now, NULL if there never was one.
CREATE FUNCTION ontarget_release(secret text, reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
    l lease;
BEGIN
    PERFORM ontarget_sweep(t);
    SELECT * INTO l FROM lease WHERE secret_hash = ontarget_hash(secret) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF l.ended IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM ontarget_end(l, t, reason, reason, l.owner);
    PERFORM ontarget_offer(l.device);
    RETURN true;
END $$;

-- For users. Keep what a device that one holds says of itself; false where one does not hold it.
CREATE FUNCTION ontarget_learn(secret text, new_model text, new_facts text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held text;
    before text;
BEGIN
    PERFORM ontarget_turn();
    SELECT l.device INTO held FROM lease l
    WHERE secret_hash = ontarget_hash(secret) AND ended IS NULL AND expires > ontarget_now();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT model INTO before FROM device WHERE name = held;
    UPDATE device SET model = new_model, facts = new_facts WHERE name = held;
    IF before IS DISTINCT FROM new_model THEN
        PERFORM ontarget_recount();
    END IF;
    RETURN true;
END $$;

-- How much depends on each device: the fewer could stand in for it, for its model and for what is asked for, the more.
CREATE FUNCTION ontarget_recount() RETURNS void LANGUAGE sql AS $$
    UPDATE device SET demand = x.demand FROM (
        SELECT name, 1.0 / count(*) OVER (PARTITION BY coalesce(model, ' ' || name)) + coalesce(asked.demand, 0) AS demand
        FROM device LEFT JOIN (
            SELECT m.device, sum(1.0 / size) AS demand FROM pool_device m JOIN pool ON pool.id = m.pool GROUP BY m.device
        ) asked ON asked.device = name
    ) x WHERE x.name = device.name AND x.demand <> device.demand
$$;

CREATE FUNCTION ontarget_change_state(t double precision, d text, new_state text, why text, who text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    before device;
    whose text;
BEGIN
    IF new_state NOT IN ('available', 'quarantined', 'offline', 'maintenance') THEN
        RAISE EXCEPTION 'no device can be made %', new_state;
    END IF;
    SELECT * INTO before FROM device WHERE name = d FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- the same again is what a client says whose connection was cut
    IF (before.state, before.reason, before.author) IS NOT DISTINCT FROM (new_state, why, who) THEN
        RETURN true;
    END IF;
    UPDATE device SET state = new_state, reason = why, author = who, since = t WHERE name = d;
    PERFORM ontarget_note(t, d, new_state, why, who, NULL);
    IF new_state = 'available' THEN
        PERFORM ontarget_offer(d);
    ELSE
        whose := ontarget_retract(d);
        IF whose IS NOT NULL THEN
            PERFORM ontarget_refill(whose);
        END IF;
    END IF;
    RETURN true;
END $$;

-- For users. Take a device that one holds out of use; false where one does not hold it.
CREATE FUNCTION ontarget_withdraw(secret text, new_state text, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
    l lease;
BEGIN
    PERFORM ontarget_sweep(t);
    SELECT * INTO l FROM lease WHERE secret_hash = ontarget_hash(secret) AND ended IS NULL;
    IF NOT FOUND OR new_state NOT IN ('quarantined', 'offline') THEN
        RETURN false;
    END IF;
    RETURN ontarget_change_state(t, l.device, new_state, why, l.owner);
END $$;

-- For users. Note that a device that one holds was found in good health.
CREATE FUNCTION ontarget_checked(secret text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE device SET checked = ontarget_now(), uses = 0 FROM lease l
    WHERE l.secret_hash = ontarget_hash(secret) AND l.ended IS NULL AND l.expires > ontarget_now() AND name = l.device;
    RETURN FOUND;
END $$;

-- For administrators. False where there is no such device.
CREATE FUNCTION ontarget_set_state(d text, new_state text, why text, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
BEGIN
    PERFORM ontarget_sweep(t);
    RETURN ontarget_change_state(t, d, new_state, why, who);
END $$;

-- For administrators. End the lease that somebody has on a device; false where nobody has.
CREATE FUNCTION ontarget_free(d text, why text, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
    l lease;
BEGIN
    PERFORM ontarget_sweep(t);
    SELECT * INTO l FROM lease WHERE device = d AND ended IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM ontarget_end(l, t, 'ended by ' || who || ': ' || why, 'ended by force: ' || why, who);
    PERFORM ontarget_offer(d);
    RETURN true;
END $$;

-- For administrators. Make devices known: [{"name", "connect", "kind", "model"}].
CREATE FUNCTION ontarget_register(entries jsonb, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t double precision := ontarget_turn();
    e record;
    before device;
BEGIN
    FOR e IN SELECT * FROM jsonb_to_recordset(entries) AS x (name text, connect text, kind text, model text) LOOP
        SELECT * INTO before FROM device WHERE name = e.name FOR UPDATE;
        IF NOT FOUND THEN
            INSERT INTO device (name, connect, kind, model, facts, state, author, since, demand, uses)
            VALUES (e.name, e.connect, e.kind, e.model, '{}', 'available', who, t, 1, 0);
            PERFORM ontarget_note(t, e.name, 'available', 'listed as ' || e.connect, who, NULL);
        ELSIF before.connect <> e.connect THEN
            -- another unit: what was learnt about the one before is forgotten
            UPDATE device SET connect = e.connect, kind = e.kind, model = e.model, facts = '{}' WHERE name = e.name;
            PERFORM ontarget_note(t, e.name, before.state, 'listed as ' || e.connect, who, NULL);
        ELSE
            UPDATE device SET kind = e.kind, model = coalesce(e.model, before.model) WHERE name = e.name;
        END IF;
    END LOOP;
    PERFORM ontarget_recount();
    PERFORM ontarget_offer(x.name) FROM jsonb_to_recordset(entries) AS x (name text);
END $$;

-- For administrators. Add lines of another store's log that are not there yet; the role is that of who adds them.
CREATE FUNCTION ontarget_recall(lines jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO transition (at, device, state, reason, author, role, token)
    SELECT at, device, state, reason, author, session_user, token FROM jsonb_to_recordset(lines) AS x
        (at double precision, device text, state text, reason text, author text, token bigint)
    WHERE NOT EXISTS (SELECT 1 FROM transition t WHERE abs(t.at - x.at) < 1e-5 AND t.device = x.device
                      AND t.reason = x.reason AND t.author = x.author)
$$;

-- For administrators. Forget leases, transitions and pools that are older than this; how many leases.
CREATE FUNCTION ontarget_prune(age double precision) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before double precision := ontarget_turn() - age;
    forgotten bigint;
BEGIN
    DELETE FROM transition WHERE at < before;
    DELETE FROM lease WHERE ended < before;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    DELETE FROM pool WHERE used < before AND NOT EXISTS (SELECT 1 FROM want WHERE want.pool = pool.id);
    PERFORM ontarget_recount();
    RETURN forgotten;
END $$;
