-- The functions of a fleet, as this build has them: each migration to the version that is known puts them in the place
-- of those of an earlier build. So one that returns something else gets another name, and a release that changes
-- one has another version of the schema, so that programs before it leave the functions alone.
--
-- Rows are locked in one order, so that no two calls wait for each other: limits by their names, then accounts by their
-- paths, which has each account after those above it. Who holds the row of the first account of a tree may change
-- all of the tree.
--
-- Functions in SQL are single expressions, which are expanded where they are called. All others are in PL/pgSQL,
-- which keeps their plans.

-- What is left until a time, in microseconds.
create or replace function @.fleet_left(p_until timestamptz, p_now timestamptz) returns bigint language sql stable as $$
  select case when p_until is not null then greatest((extract(epoch from p_until - p_now) * 1000000)::bigint, 0) end
$$;

create or replace function @.fleet_after(p_now timestamptz, p_micros bigint) returns timestamptz language sql stable as $$
  select p_now + p_micros * interval '1 microsecond'
$$;

-- A time as programs read it.
create or replace function @.fleet_at(p_time timestamptz) returns bigint language sql stable as $$
  select (extract(epoch from p_time) * 1000000)::bigint
$$;

-- Tells those who listen, on the channel that has the name of the schema, once the transaction is committed. It says
-- when: who was stopped hears it late.
create or replace function @.fleet_tell(p_change jsonb) returns void language plpgsql as $$
begin
  perform pg_notify(btrim('@.', '".'), (p_change || jsonb_build_object('at', @.fleet_at(clock_timestamp())))::text);
end $$;

-- When the wait of a breaker is over, that of a lost probe included.
create or replace function @.fleet_open_until(b @.fleet_breaker) returns timestamptz language sql stable as $$
  select greatest(b.open_until, @.fleet_after(b.probe_until, b.probe_wait))
$$;

create or replace function @.fleet_view(b @.fleet_breaker, p_now timestamptz) returns jsonb language plpgsql stable as $$
begin
  return jsonb_build_object(
    'generation', coalesce(b.generation, 0),
    'open', @.fleet_left(@.fleet_open_until(b), p_now),
    'probing', coalesce(b.probe_until > p_now, false));
end $$;

-- The row of a breaker, locked.
create or replace function @.fleet_breaker_locked(p_name text) returns @.fleet_breaker language plpgsql as $$
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
create or replace function @.fleet_breaker_put(b @.fleet_breaker, p_now timestamptz) returns jsonb language plpgsql as $$
declare
  told jsonb := @.fleet_view(b, p_now);
begin
  update @.fleet_breaker set generation = b.generation, open_until = b.open_until, prober = b.prober,
    probe_until = b.probe_until, probe_wait = b.probe_wait where name = b.name;
  perform @.fleet_tell(jsonb_build_object('breaker', b.name) || told);
  return told;
end $$;

create or replace function @.fleet_open(p_name text, p_seen bigint, p_wait bigint) returns jsonb language plpgsql as $$
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

create or replace function @.fleet_probe(p_name text, p_member text, p_ttl bigint, p_wait bigint)
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
create or replace function @.fleet_probed(p_name text, p_member text, p_generation bigint, p_wait bigint)
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

create or replace function @.fleet_pause(p_name text, p_wait bigint) returns jsonb language plpgsql as $$
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

create or replace function @.fleet_paused(p_name text, p_now timestamptz) returns bigint language plpgsql stable as $$
begin
  return (select @.fleet_left(pause_until, p_now) from @.fleet_limit where name = p_name and pause_until > p_now);
end $$;

-- When the time of a member is over, in steps of a sixteenth of it: all members are looked at for those that
-- are over, and so only that often, however many of them die.
create or replace function @.fleet_end(p_now timestamptz, p_ttl bigint) returns timestamptz language plpgsql as $$
declare
  step bigint := greatest(p_ttl / 16, 1);
begin
  return @.fleet_after('epoch', (@.fleet_at(p_now) + p_ttl) / step * step + step);
end $$;

-- A member is there until its time is over; without a time, it leaves. Returns how many there are.
create or replace function @.fleet_members(p_member text, p_ttl bigint, p_now timestamptz) returns bigint language plpgsql as $$
declare
  size @.fleet_size;
  is_known boolean;
begin
  update @.fleet_member set until = @.fleet_end(p_now, p_ttl) where id = p_member and until > p_now and p_ttl > 0;
  is_known := found;
  select * into size from @.fleet_size;
  if is_known and size.next_end > p_now then
    return size.members;
  end if;
  -- Who comes or leaves waits for others who do.
  select * into size from @.fleet_size for no key update;
  if is_known and size.next_end > p_now then
    return size.members;
  elsif p_ttl = 0 then
    delete from @.fleet_member where id = p_member;
  elsif not is_known then
    insert into @.fleet_member as m (id, until) values (p_member, @.fleet_end(p_now, p_ttl))
      on conflict (id) do update set until = excluded.until;
  end if;
  delete from @.fleet_member where id in
    (select id from @.fleet_member where until <= p_now for update skip locked);
  select count(*), coalesce(min(until), 'infinity') into size from @.fleet_member where until > p_now;
  update @.fleet_size set members = size.members, next_end = size.next_end;
  return size.members;
end $$;

-- What a share is counted by.
create or replace function @.fleet_values(s @.fleet_share) returns table (what integer, value bigint) language sql immutable as $$
  select d, s.limits[d] from generate_series(1, 4) as d where s.limits[d] is not null
  union all select d + 4, coalesce(s.demand[d], 0) from generate_series(1, 4) as d where s.member is not null
$$;

-- What its member may use of each number.
create or replace function @.fleet_used(s @.fleet_share) returns numeric[] language sql immutable as $$
  select array_agg(greatest(s.applied[d], s.given[d], 0)::numeric order by d) from generate_series(1, 4) as d
$$;

-- Counts a share that has changed, or comes, or leaves. Its limit's row is locked.
create or replace function @.fleet_count(p_name text, was @.fleet_share, s @.fleet_share) returns void language plpgsql as $$
begin
  if was.limits is distinct from s.limits or was.demand is distinct from s.demand then
    insert into @.fleet_tally as t (name, what, value, members)
      select p_name, what, value, sum(more) from (
        select what, value, 1 as more from @.fleet_values(s)
        union all select what, value, -1 from @.fleet_values(was)) as changes
      group by what, value having sum(more) <> 0
      on conflict (name, what, value) do update set members = t.members + excluded.members;
  end if;
end $$;

-- Ends the shares of a limit whose row is locked, if their time is over. All are looked at for that.
create or replace function @.fleet_end_shares(inout l @.fleet_limit, p_now timestamptz) language plpgsql as $$
declare
  was @.fleet_share;
begin
  for was in delete from @.fleet_share where name = l.name and until <= p_now returning * loop
    perform @.fleet_count(l.name, was, null);
    l.members := l.members - 1;
    l.used := @.fleet_plus(l.used, @.fleet_used(was), -1);
  end loop;
  delete from @.fleet_tally where name = l.name and members = 0;
  select coalesce(min(until), 'infinity') into l.next_end from @.fleet_share where name = l.name;
end $$;

create or replace function @.fleet_plus(a numeric[], b numeric[], p_times integer) returns numeric[] language sql immutable as $$
  select array_agg(a[d] + p_times * b[d] order by d) from generate_series(1, 4) as d
$$;

-- What a member that is counted may have of one number of a limit: its fair part, as `fair_parts` of the crate
-- runtime-fleet has it, but never what others were given or still go by.
create or replace function @.fleet_part(
  p_name text, d integer, whole bigint, p_demand bigint, p_members bigint, p_others numeric
) returns bigint language plpgsql strict as $$
declare
  least_want bigint := whole / p_members / 4;
  own bigint := greatest(p_demand, least_want);
  rest bigint := whole;
  behind bigint := p_members;
  t record;
begin
  for t in
    select greatest(value, least_want) as want, members from @.fleet_tally
      where name = p_name and what = d + 4 and members > 0 order by value
  loop
    if t.want > rest / behind then
      own := least(own, greatest(rest / behind, least(whole, 1)));
      rest := 0;
      exit;
    end if;
    rest := rest - t.want * t.members;
    behind := behind - t.members;
  end loop;
  -- What nobody asked for is divided evenly.
  return greatest(least(own + rest / p_members, whole - p_others), 0);
end $$;

-- A member's part of a limit whose row is locked.
create or replace function @.fleet_share_of(p_report jsonb, p_want jsonb) returns jsonb language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
  ttl bigint := (p_report->>'ttl')::bigint;
  l @.fleet_limit;
  was @.fleet_share;
  s @.fleet_share;
  is_first boolean;
begin
  select * into l from @.fleet_limit where name = p_want->>'limit';
  if l.next_end <= n then
    l := @.fleet_end_shares(l, n);
  end if;
  is_first := l.members = 0;
  select * into was from @.fleet_share where name = l.name and member = p_report->>'member';
  if ttl > 0 and was.seq > (p_report->>'seq')::bigint then
    s := was;
  else
    if was.member is not null then
      l.members := l.members - 1;
      l.used := @.fleet_plus(l.used, @.fleet_used(was), -1);
    end if;
    if ttl > 0 then
      select l.name, p_report->>'member', (p_report->>'seq')::bigint, @.fleet_end(n, ttl), w.limits, w.applied,
        array[null, null, null, null]::bigint[], w.demand into s
        from jsonb_to_record(p_want) as w(limits bigint[], applied bigint[], demand bigint[]);
      if is_first then
        -- If nobody is known, and who comes goes by something all the same, then others may, too.
        l.settles := case when 0 < any(s.applied) then s.until else '-infinity' end;
      end if;
      l.members := l.members + 1;
      perform @.fleet_count(l.name, was, s);
      select array_agg(least(@.fleet_part(l.name, d, whole, coalesce(s.demand[d], 0), l.members, l.used[d]),
        case when whole is not null and n < l.settles then coalesce(s.applied[d], 0) end) order by d)
        into s.given from generate_series(1, 4) as d left join (
          select what, min(value) as whole from @.fleet_tally where name = l.name and what <= 4 and members > 0
          group by what) as limits on what = d;
      l.used := @.fleet_plus(l.used, @.fleet_used(s), 1);
      l.next_end := least(l.next_end, s.until);
      insert into @.fleet_share select s.* on conflict (name, member) do update set seq = s.seq, until = s.until,
        limits = s.limits, applied = s.applied, given = s.given, demand = s.demand;
    else
      perform @.fleet_count(l.name, was, null);
      delete from @.fleet_share where name = l.name and member = p_report->>'member';
    end if;
  end if;
  update @.fleet_limit set members = l.members, used = l.used, next_end = l.next_end, settles = l.settles
    where name = l.name;
  return jsonb_build_object('given', coalesce(s.given, array[null, null, null, null]::bigint[]),
    'paused', @.fleet_paused(l.name, n));
end $$;
