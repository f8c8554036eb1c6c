-- Version 2 of the schema: what the processes of a fleet share. `@.` stands for the name of the schema.
--
-- It only adds to version 1. Rows are locked in one order, so that no two calls wait for each other: limits by
-- their names, then accounts by their paths, which has each account after those above it. Who holds the row of
-- the first account of a tree may change all of the tree.

-- The processes that are there.
create table @.fleet_member (
  id text collate "C" primary key,
  until timestamptz not null
) with (fillfactor = 50);

create table @.fleet_breaker (
  name text collate "C" primary key,
  generation bigint not null,
  open_until timestamptz,  -- null: it is closed
  -- The probe that is under way, or was lost.
  prober text,
  probe_until timestamptz,
  probe_wait bigint  -- what follows if it is lost
) with (fillfactor = 50);

-- Limits, and pauses of limits and routes. A limit's row is locked while its shares change.
create table @.fleet_limit (
  name text collate "C" primary key,
  pause_until timestamptz
) with (fillfactor = 50);

-- Members' parts of limits. In each array: requests, input tokens, output tokens, tokens a minute.
create table @.fleet_share (
  name text collate "C" not null,
  member text collate "C" not null,
  seq bigint not null,  -- of the last report
  until timestamptz not null,
  limits bigint[] not null,   -- the limit, as the member has it
  applied bigint[] not null,  -- what it goes by
  given bigint[] not null,    -- what it may go by
  demand bigint[] not null,
  primary key (name, member)
) with (fillfactor = 50);

create table @.fleet_account (
  path text collate "C" primary key,
  amount bigint not null check (amount >= 0),
  enforced boolean not null,
  strict boolean not null,
  marks integer[] not null,
  on_loss smallint not null,  -- 1 it counts as spent, 2 it is given back
  -- Sums over the grants of this account and of those below.
  spent bigint not null default 0,
  estimated bigint not null default 0,
  granted bigint not null default 0,
  holders integer not null default 0,  -- of grants that are not used up
  told bigint not null default 0,  -- the spent amount whose marks were given to members
  short_member text,
  short_until timestamptz
) with (fillfactor = 50);

-- What a member holds of an account: `granted - spent - returned - lost`, or nothing if that is less. While it
-- is away it holds nothing, and `counted` is spent for it on an estimate.
create table @.fleet_grant (
  account text collate "C" not null,
  member text collate "C" not null,
  root text collate "C" not null,
  until timestamptz not null,
  away boolean not null,
  seq bigint not null,
  granted bigint not null,
  spent bigint not null,
  estimated bigint not null,
  returned bigint not null,
  lost bigint not null,
  counted bigint not null,
  corrected bigint not null,  -- given back of its own estimates
  marks jsonb not null,  -- those that it is to tell: of which account, since which booking
  primary key (account, member)
) with (fillfactor = 50);
create index fleet_grant_until on @.fleet_grant (root, until);

-- Functions in SQL are single expressions, which are expanded where they are called. All others are in PL/pgSQL,
-- which keeps their plans.

-- What is left until a time, in microseconds.
create function @.fleet_left(p_until timestamptz, p_now timestamptz) returns bigint language sql stable as $$
  select case when p_until is not null then greatest((extract(epoch from p_until - p_now) * 1000000)::bigint, 0) end
$$;

create function @.fleet_after(p_now timestamptz, p_micros bigint) returns timestamptz language sql stable as $$
  select p_now + p_micros * interval '1 microsecond'
$$;

-- Tells those who listen, on the channel that has the name of the schema, once the transaction is committed.
create function @.fleet_tell(p_change jsonb) returns void language plpgsql as $$
begin
  perform pg_notify(btrim('@.', '".'), p_change::text);
end $$;

-- When the wait of a breaker is over, that of a lost probe included.
create function @.fleet_open_until(b @.fleet_breaker) returns timestamptz language sql stable as $$
  select greatest(b.open_until, @.fleet_after(b.probe_until, b.probe_wait))
$$;

create function @.fleet_view(b @.fleet_breaker, p_now timestamptz) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object(
    'generation', coalesce(b.generation, 0),
    'open', @.fleet_left(@.fleet_open_until(b), p_now),
    'probing', coalesce(b.probe_until > p_now, false));
end $$;

-- The row of a breaker, locked.
create function @.fleet_breaker_locked(p_name text) returns @.fleet_breaker language plpgsql as $$
declare
  b @.fleet_breaker;
begin
  select * into b from @.fleet_breaker where name = p_name for no key update;
  if not found then
    insert into @.fleet_breaker (name, generation) values (p_name, 0) on conflict do nothing;
    select * into b from @.fleet_breaker where name = p_name for no key update;
  end if;
  return b;
end $$;

-- Writes a breaker, and tells of it.
create function @.fleet_breaker_put(b @.fleet_breaker, p_now timestamptz) returns jsonb language plpgsql as $$
declare
  told jsonb := @.fleet_view(b, p_now);
begin
  update @.fleet_breaker set generation = b.generation, open_until = b.open_until, prober = b.prober,
    probe_until = b.probe_until, probe_wait = b.probe_wait where name = b.name;
  perform @.fleet_tell(jsonb_build_object('breaker', b.name) || told);
  return told;
end $$;

create function @.fleet_open(p_name text, p_seen bigint, p_wait bigint) returns jsonb language plpgsql as $$
declare
  b @.fleet_breaker := @.fleet_breaker_locked(p_name);
  n timestamptz := clock_timestamp();
  until timestamptz := @.fleet_after(n, p_wait);
begin
  if b.open_until is null then
    -- It was opened and closed since, and these failures are older.
    if b.generation > p_seen then
      return @.fleet_view(b, n);
    end if;
    b.generation := p_seen + 1;
  elsif b.open_until >= until then
    return @.fleet_view(b, n);
  end if;
  b.open_until := until;
  return @.fleet_breaker_put(b, n);
end $$;

create function @.fleet_probe(p_name text, p_member text, p_ttl bigint, p_wait bigint)
returns jsonb language plpgsql as $$
declare
  b @.fleet_breaker := @.fleet_breaker_locked(p_name);
  n timestamptz := clock_timestamp();
begin
  if b.probe_until > n then
    -- Asked again by who has it: the first answer may have been lost.
    return @.fleet_view(b, n) || case when b.prober = p_member
      then jsonb_build_object('granted', @.fleet_left(b.probe_until, n)) else '{}' end;
  end if;
  if b.open_until is null or @.fleet_open_until(b) > n then
    return @.fleet_view(b, n);
  end if;
  b.generation := b.generation + 1;
  b.open_until := n;
  b.prober := p_member;
  b.probe_until := @.fleet_after(n, p_ttl);
  b.probe_wait := p_wait;
  return @.fleet_breaker_put(b, n) || jsonb_build_object('granted', p_ttl);
end $$;

-- How a probe ended: -1 the dependency is back, otherwise the wait.
create function @.fleet_probed(p_name text, p_member text, p_generation bigint, p_wait bigint)
returns jsonb language plpgsql as $$
declare
  b @.fleet_breaker := @.fleet_breaker_locked(p_name);
  n timestamptz := clock_timestamp();
begin
  if b.generation <> p_generation or b.prober is distinct from p_member or b.probe_until <= n then
    return @.fleet_view(b, n);
  end if;
  b.generation := b.generation + 1;
  b.prober := null;
  b.probe_until := null;
  b.probe_wait := null;
  if p_wait >= 0 then
    b.open_until := greatest(b.open_until, @.fleet_after(n, p_wait));
  -- Unless somebody asked for a longer wait while it probed.
  elsif b.open_until <= n then
    b.open_until := null;
  end if;
  return @.fleet_breaker_put(b, n);
end $$;

create function @.fleet_pause(p_name text, p_wait bigint) returns jsonb language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
begin
  insert into @.fleet_limit as l (name, pause_until) values (p_name, @.fleet_after(n, p_wait))
    on conflict (name) do update set pause_until = excluded.pause_until
    where l.pause_until is null or l.pause_until < excluded.pause_until;
  if found then
    perform @.fleet_tell(jsonb_build_object('pause', p_name, 'wait', p_wait));
  end if;
  return null;
end $$;

create function @.fleet_paused(p_name text, p_now timestamptz) returns bigint language plpgsql stable as $$
begin
  return (select @.fleet_left(pause_until, p_now) from @.fleet_limit where name = p_name and pause_until > p_now);
end $$;

-- What a member may have of one number of a limit whose row is locked: its fair part, as `fair_parts` of the
-- crate runtime-fleet has it, but never what another one was given or still goes by.
create function @.fleet_part(p_name text, p_member text, d integer) returns bigint language plpgsql as $$
declare
  whole bigint;
  members bigint;
  behind bigint;
  rest bigint;
  part bigint;
  own bigint := 0;
  used numeric := 0;
  s record;
begin
  select min(limits[d]), count(*) into whole, members from @.fleet_share where name = p_name;
  rest := whole;
  behind := members;
  for s in
    select member, greatest(demand[d], whole / members / 4) as want, greatest(applied[d], given[d], 0) as used
      from @.fleet_share where name = p_name order by want, member collate "C"
  loop
    part := least(s.want, rest / behind);
    rest := rest - part;
    behind := behind - 1;
    if s.member = p_member then
      own := part;
    else
      used := used + s.used;
    end if;
  end loop;
  -- What nobody asked for is divided evenly.
  return greatest(least(own + rest / members, whole - used), 0);
end $$;

-- A member's part of a limit whose row is locked.
create function @.fleet_share_of(p_report jsonb, p_want jsonb) returns jsonb language plpgsql as $$
declare
  who text := p_report->>'member';
  ttl bigint := (p_report->>'ttl')::bigint;
  limit_name text := p_want->>'limit';
  n timestamptz := clock_timestamp();
  parts bigint[] := array[null, null, null, null];
begin
  delete from @.fleet_share where name = limit_name and (until <= n or member = who and ttl = 0);
  if ttl > 0 then
    insert into @.fleet_share as s (name, member, seq, until, limits, applied, given, demand)
      select limit_name, who, (p_report->>'seq')::bigint, @.fleet_after(n, ttl), w.limits, w.applied, '{}', w.demand
      from jsonb_to_record(p_want) as w(limits bigint[], applied bigint[], demand bigint[])
      on conflict (name, member) do update set seq = excluded.seq, until = excluded.until,
        limits = excluded.limits, applied = excluded.applied, demand = excluded.demand
        where s.seq <= excluded.seq;
    if found then
      for d in 1..4 loop
        if exists (select 1 from @.fleet_share s where s.name = limit_name and s.limits[d] is not null) then
          parts[d] := @.fleet_part(limit_name, who, d);
        end if;
      end loop;
      update @.fleet_share set given = parts where name = limit_name and member = who;
    else
      select given into parts from @.fleet_share where name = limit_name and member = who;
    end if;
  end if;
  return jsonb_build_object('given', parts, 'paused', @.fleet_paused(limit_name, n));
end $$;
