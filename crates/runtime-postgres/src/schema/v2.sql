-- Version 2 of the schema: what the processes of a fleet share. `@.` stands for the name of the schema.
--
-- It only adds to version 1. Rows are locked in one order, so that no two calls wait for each other: limits by
-- their names, then accounts by their paths, which has each account after those above it. Who holds the row of
-- the first account of a tree may change all of the tree.

-- The processes that are there.
create table @.fleet_member (
  id text collate "C" primary key,
  seq bigint not null,  -- of its last report
  until timestamptz not null
) with (fillfactor = 50);

create table @.fleet_breaker (
  name text collate "C" primary key,
  generation bigint not null,
  open_until timestamptz,  -- null: it is closed
  prober text,
  probe_until timestamptz
) with (fillfactor = 50);

-- Limits, and pauses of limits and routes. A limit's row is locked while its shares change.
create table @.fleet_limit (
  name text collate "C" primary key,
  pause_until timestamptz
) with (fillfactor = 50);

-- Members' parts of limits. In each array: requests, input tokens, output tokens, tokens a minute.
create table @.fleet_share (
  name text collate "C" not null,
  member text not null,
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
  told bigint not null default 0,
  holders integer not null default 0,
  short_member text,
  short_until timestamptz
) with (fillfactor = 50);

-- What a member holds of an account: `granted - spent - returned - lost`, or nothing if that is less. While it
-- is away it holds nothing, and `missing` counts as spent.
create table @.fleet_grant (
  account text collate "C" not null,
  member text not null,
  root text collate "C" not null,
  until timestamptz not null,
  away boolean not null default false,
  seq bigint not null default 0,
  granted bigint not null default 0,
  spent bigint not null default 0,
  estimated bigint not null default 0,
  returned bigint not null default 0,
  lost bigint not null default 0,
  missing bigint not null default 0,
  -- Of each account of the path, from the top: up to where marks were told before an answer that may not have
  -- been heard.
  claims bigint[],
  primary key (account, member)
) with (fillfactor = 50);
create index fleet_grant_until on @.fleet_grant (root, until);

-- What is left until a time, in microseconds.
create function @.fleet_left(p_until timestamptz, p_now timestamptz) returns bigint language sql immutable as $$
  select (extract(epoch from greatest(p_until - p_now, interval '0')) * 1000000)::bigint
$$;

create function @.fleet_after(p_now timestamptz, p_micros bigint) returns timestamptz language sql immutable as $$
  select p_now + p_micros * interval '1 microsecond'
$$;

-- Tells those who listen, on the channel that has the name of the schema, once the transaction is committed.
create function @.fleet_tell(p_change jsonb) returns void language sql as $$
  select pg_notify(btrim('@.', '".'), p_change::text)
$$;

create function @.fleet_view(p_breaker @.fleet_breaker, p_now timestamptz) returns jsonb language sql immutable as $$
  select jsonb_build_object(
    'generation', coalesce(p_breaker.generation, 0),
    'open', @.fleet_left(p_breaker.open_until, p_now),
    'probing', coalesce(p_breaker.probe_until > p_now, false))
$$;

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

create function @.fleet_breaker_put(b @.fleet_breaker, p_now timestamptz) returns jsonb language plpgsql as $$
declare
  told jsonb := @.fleet_view(b, p_now);
begin
  update @.fleet_breaker set generation = b.generation, open_until = b.open_until, prober = b.prober,
    probe_until = b.probe_until where name = b.name;
  perform @.fleet_tell(jsonb_build_object('breaker', b.name, 'view', told));
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
    b.generation := b.generation + 1;
  elsif b.open_until >= until then
    return @.fleet_view(b, n);
  end if;
  b.open_until := greatest(b.open_until, until);
  return @.fleet_breaker_put(b, n);
end $$;

create function @.fleet_probe(p_name text, p_member text, p_ttl bigint, p_wait bigint)
returns jsonb language plpgsql as $$
declare
  b @.fleet_breaker := @.fleet_breaker_locked(p_name);
  n timestamptz := clock_timestamp();
  granted boolean;
  told jsonb;
begin
  if b.open_until is null then
    return @.fleet_view(b, n) || '{"granted": false}';
  end if;
  -- Asked again: the first answer may have been lost.
  granted := b.prober = p_member and b.probe_until > n;
  if b.open_until <= n then
    b.generation := b.generation + 1;
    b.prober := p_member;
    b.probe_until := @.fleet_after(n, p_ttl);
    -- If it is not heard of any more, it has failed.
    b.open_until := @.fleet_after(b.probe_until, p_wait);
    granted := true;
    told := @.fleet_breaker_put(b, n);
  end if;
  return coalesce(told, @.fleet_view(b, n)) || jsonb_build_object('granted', coalesce(granted, false));
end $$;

-- Without a wait, the probe succeeded.
create function @.fleet_probed(p_name text, p_member text, p_generation bigint, p_wait bigint)
returns jsonb language plpgsql as $$
declare
  b @.fleet_breaker := @.fleet_breaker_locked(p_name);
  n timestamptz := clock_timestamp();
begin
  if b.generation <> p_generation or b.prober is distinct from p_member then
    return @.fleet_view(b, n);
  end if;
  b.generation := b.generation + 1;
  b.open_until := @.fleet_after(n, p_wait);
  b.prober := null;
  b.probe_until := null;
  return @.fleet_breaker_put(b, n);
end $$;

create function @.fleet_pause(p_name text, p_wait bigint) returns void language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
begin
  insert into @.fleet_limit as l (name, pause_until) values (p_name, @.fleet_after(n, p_wait))
    on conflict (name) do update set pause_until = excluded.pause_until
    where l.pause_until is null or l.pause_until < excluded.pause_until;
  if found then
    perform @.fleet_tell(jsonb_build_object('pause', p_name, 'wait', p_wait));
  end if;
end $$;

create function @.fleet_paused(p_name text, p_now timestamptz) returns bigint language sql stable as $$
  select @.fleet_left(pause_until, p_now) from @.fleet_limit where name = p_name and pause_until > p_now
$$;

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
  if whole is null then
    return null;
  end if;
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
create function @.fleet_share_of(p_member text, p_want jsonb, p_ttl bigint, p_fresh boolean) returns jsonb language plpgsql as $$
declare
  limit_name text := p_want->>'limit';
  n timestamptz := clock_timestamp();
  parts bigint[];
begin
  if p_fresh then
    delete from @.fleet_share where name = limit_name and until <= n;
    insert into @.fleet_share as s (name, member, until, limits, applied, given, demand)
      select limit_name, p_member, @.fleet_after(n, p_ttl), w.limits, w.applied, '{}', w.demand
      from jsonb_to_record(p_want) as w(limits bigint[], applied bigint[], demand bigint[])
      on conflict (name, member) do update set until = excluded.until, limits = excluded.limits,
        applied = excluded.applied, demand = excluded.demand;
    parts := array[@.fleet_part(limit_name, p_member, 1), @.fleet_part(limit_name, p_member, 2),
      @.fleet_part(limit_name, p_member, 3), @.fleet_part(limit_name, p_member, 4)];
    update @.fleet_share set given = parts where name = limit_name and member = p_member;
  else
    select given into parts from @.fleet_share where name = limit_name and member = p_member;
  end if;
  return jsonb_build_object('given', coalesce(parts, array[null, null, null, null]::bigint[]),
    'paused', @.fleet_paused(limit_name, n));
end $$;

-- An account and those above, from the top to the bottom.
create function @.fleet_path(p_account text) returns text[] language sql immutable as $$
  select array_agg(array_to_string(names[1:last], '/') order by last)
    from string_to_array(p_account, '/') as names, generate_subscripts(names, 1) as last
$$;

create function @.fleet_root(p_account text) returns text language sql immutable as $$
  select split_part(p_account, '/', 1)
$$;

-- What a member holds, below zero if it spent more.
create function @.fleet_rest(g @.fleet_grant) returns bigint language sql immutable as $$
  select g.granted - g.spent - g.returned - g.lost
$$;

create function @.fleet_held(g @.fleet_grant) returns bigint language sql immutable as $$
  select case when g.away then 0 else greatest(@.fleet_rest(g), 0) end
$$;

-- Writes a grant, and what that changes of the accounts of its path, which are locked.
create function @.fleet_put(was @.fleet_grant, g @.fleet_grant) returns void language plpgsql as $$
declare
  more_spent bigint := g.spent + g.missing - was.spent - was.missing;
  more_estimated bigint := g.estimated + g.missing - was.estimated - was.missing;
  more_granted bigint := @.fleet_held(g) - @.fleet_held(was);
  more_holders integer := was.away::integer - g.away::integer;
begin
  insert into @.fleet_grant select g.* on conflict (account, member) do update set until = g.until,
    away = g.away, seq = g.seq, granted = g.granted, spent = g.spent, estimated = g.estimated,
    returned = g.returned, lost = g.lost, missing = g.missing, claims = g.claims;
  if more_spent <> 0 or more_estimated <> 0 or more_granted <> 0 or more_holders <> 0 then
    update @.fleet_account set spent = spent + more_spent, estimated = estimated + more_estimated,
      granted = granted + more_granted, holders = holders + more_holders
      where path = any(@.fleet_path(g.account));
  end if;
end $$;

-- Locks accounts in the one order.
create function @.fleet_lock(p_paths text[]) returns void language plpgsql as $$
declare
  absent text;
begin
  perform 1 from @.fleet_account where path = any(p_paths) order by path for no key update;
  select min(p collate "C") into absent from unnest(p_paths) p
    where not exists (select 1 from @.fleet_account where path = p);
  if absent is not null then
    raise exception 'there is no account %', quote_literal(absent) using errcode = 'TR021', detail = absent;
  end if;
end $$;

-- Ends the grants whose time is over, of trees whose first accounts are locked.
create function @.fleet_expire(p_roots text[]) returns void language plpgsql as $$
declare
  was @.fleet_grant;
  g @.fleet_grant;
  gives_back boolean;
  n timestamptz := clock_timestamp();
begin
  -- Who renews a grant without news does not hold the tree, so it is not waited for.
  for was in
    select * from @.fleet_grant where root = any(p_roots) and until <= n and not away
      for no key update skip locked
  loop
    select on_loss = 2 into gives_back from @.fleet_account where path = was.account;
    g := was;
    g.away := true;
    if gives_back then
      g.lost := g.lost + @.fleet_held(was);
    else
      g.missing := @.fleet_held(was);
    end if;
    perform @.fleet_put(was, g);
  end loop;
  -- By then nobody comes back.
  delete from @.fleet_grant where root = any(p_roots) and away
    and until < n - case when missing > 0 then interval '30 days' else interval '1 day' end;
end $$;

-- An account as programs read it.
create function @.fleet_told(a @.fleet_account) returns jsonb language sql immutable as $$
  select jsonb_build_object('account', a.path, 'amount', a.amount, 'enforced', a.enforced, 'strict', a.strict,
    'marks', a.marks, 'on_loss', a.on_loss, 'spent', a.spent, 'estimated', a.estimated, 'granted', a.granted,
    'members', a.holders)
$$;

-- Money is short on an account whose row is locked.
create function @.fleet_short(p_path text, p_member text, p_now timestamptz) returns void language plpgsql as $$
declare
  is_known boolean;
begin
  select coalesce(short_until > p_now, false) into is_known from @.fleet_account where path = p_path;
  update @.fleet_account set short_member = p_member, short_until = p_now + interval '2 seconds' where path = p_path;
  if not is_known then
    perform @.fleet_tell(jsonb_build_object('short', p_path));
  end if;
end $$;

-- The answer to a booking: a grant, and the accounts of its path from the bottom to the top. `claims` is up to
-- where marks were told of each, from the top, or null if all were told.
create function @.fleet_booked(g @.fleet_grant, p_now timestamptz) returns jsonb language sql stable as $$
  select jsonb_build_object('granted', g.granted, 'lost', g.lost,
    'short', coalesce(bool_or(a.short_until > p_now and a.short_member <> g.member), false),
    'path', jsonb_agg(@.fleet_told(a) || jsonb_build_object('told', coalesce(g.claims[level], a.told))
      order by level desc))
    from unnest(@.fleet_path(g.account)) with ordinality as names(path, level)
    join @.fleet_account a using (path)
$$;

-- One booking, with its tree locked. Also returns whether money was granted.
create function @.fleet_booking(b jsonb, out answer jsonb, out grants boolean) language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
  place text := b->>'account';
  paths text[] := @.fleet_path(place);
  known bigint := (b->>'granted')::bigint;
  most bigint := (b->>'most')::bigint;
  was @.fleet_grant;
  g @.fleet_grant;
  tight text;
  room bigint;
  heard boolean;
  claims bigint[];
begin
  grants := false;
  select * into was from @.fleet_grant where account = place and member = b->>'member' for no key update;
  if not found then
    was := row(place, b->>'member', paths[1], n, true, 0, 0, 0, 0, 0, 0, 0, null);
  end if;
  heard := (b->>'heard')::bigint >= was.seq;
  g := was;
  g.until := @.fleet_after(n, (b->>'ttl')::bigint);
  -- Who comes back holds what it held.
  g.away := false;
  g.missing := 0;
  if (b->>'seq')::bigint > was.seq then
    g.seq := (b->>'seq')::bigint;
    -- A database that lost its last moments learns of them.
    g.granted := greatest(was.granted, known);
    g.spent := (b->>'spent')::bigint;
    g.estimated := (b->>'estimated')::bigint;
    g.returned := (b->>'returned')::bigint;
    if known + most > g.granted then
      select path, amount - spent - granted into tight, room from @.fleet_account
        where path = any(paths) and enforced order by amount - spent - granted, path limit 1;
      room := room - (g.spent + g.missing - was.spent - was.missing) - (@.fleet_held(g) - @.fleet_held(was));
      -- What it spent beyond what it held has been counted as spent.
      room := greatest(room, 0) + greatest(-@.fleet_rest(g), 0);
      -- What was granted and not heard of is a part of what it asks for.
      room := least(known + most, g.granted + room);
      if tight is not null and room < known + (b->>'least')::bigint then
        perform @.fleet_short(tight, g.member, n);
      else
        grants := room > g.granted;
        g.granted := coalesce(room, known + most);
      end if;
    end if;
  elsif (b->>'seq')::bigint < was.seq then
    heard := true;
  end if;
  g.claims := case when not heard then was.claims end;
  perform @.fleet_put(was, g);
  select array_agg(least(a.told, g.claims[level]) order by level), bool_or(least(a.told, g.claims[level]) < a.spent)
    into claims, heard from unnest(paths) with ordinality as names(path, level) join @.fleet_account a using (path);
  if heard then
    g.claims := claims;
    update @.fleet_grant set claims = g.claims where account = g.account and member = g.member;
    update @.fleet_account set told = spent where path = any(paths) and told < spent;
  end if;
  answer := @.fleet_booked(g, n);
end $$;

-- Whether a booking has to lock its tree: it has news, or asks, or somebody's time is over.
create function @.fleet_is_news(b jsonb) returns boolean language sql volatile as $$
  select (b->>'most')::bigint > 0
    or not exists (
      select 1 from @.fleet_grant g where g.account = b->>'account' and g.member = b->>'member' and not g.away
        and g.granted = (b->>'granted')::bigint and g.spent = (b->>'spent')::bigint
        and g.estimated = (b->>'estimated')::bigint and g.returned = (b->>'returned')::bigint
        and (g.claims is null or (b->>'heard')::bigint >= g.seq))
    or exists (
      select 1 from @.fleet_grant g where g.root = @.fleet_root(b->>'account') and not g.away
        and g.until <= clock_timestamp())
$$;

-- Bookings, in one order of locks. Also returns whether money was granted.
create function @.fleet_bookings(p_bookings jsonb, out answers jsonb, out grants boolean) language plpgsql as $$
declare
  b jsonb;
  g @.fleet_grant;
  paths text[];
  roots text[];
  answer jsonb;
  granted boolean;
begin
  answers := '[]';
  grants := false;
  select array_agg(distinct path), array_agg(distinct @.fleet_root(path)) into paths, roots
    from jsonb_array_elements(p_bookings) as news, unnest(@.fleet_path(news->>'account')) as path
    where @.fleet_is_news(news);
  if paths is not null then
    perform @.fleet_lock(paths);
    perform @.fleet_expire(roots);
  end if;
  for b in select * from jsonb_array_elements(p_bookings) loop
    if b->>'account' = any(paths) then
      select * into answer, granted from @.fleet_booking(b);
      grants := grants or granted;
    else
      update @.fleet_grant set until = @.fleet_after(clock_timestamp(), (b->>'ttl')::bigint),
        seq = greatest(seq, (b->>'seq')::bigint)
        where account = b->>'account' and member = b->>'member' and not away returning * into g;
      if not found then
        -- Its time ended this moment. The next booking brings it back.
        select * into g from @.fleet_grant where account = b->>'account' and member = b->>'member';
      end if;
      answer := @.fleet_booked(g, clock_timestamp());
    end if;
    answers := answers || answer;
  end loop;
end $$;

-- The disk is waited for where money was granted: granted twice, it would be spent twice. Members tell all else
-- again.
create function @.fleet_relax(p_grants boolean) returns void language sql as $$
  select set_config('synchronous_commit', 'off', true) where not p_grants
$$;

create function @.fleet_book(p_booking jsonb) returns jsonb language plpgsql as $$
declare
  told record;
begin
  select * into told from @.fleet_bookings(jsonb_build_array(p_booking));
  perform @.fleet_relax(told.grants);
  return told.answers->0;
end $$;

-- A member's report, and the answer to it.
create function @.fleet_sync(p_report jsonb) returns jsonb language plpgsql as $$
declare
  who text := p_report->>'member';
  ttl bigint := (p_report->>'ttl')::bigint;
  n timestamptz := clock_timestamp();
  is_fresh boolean;
  members bigint;
  breakers jsonb;
  shares jsonb;
  routes jsonb;
  told record;
begin
  insert into @.fleet_member as m (id, seq, until)
    values (who, (p_report->>'seq')::bigint, @.fleet_after(n, ttl))
    on conflict (id) do update set seq = excluded.seq, until = excluded.until where m.seq < excluded.seq;
  is_fresh := found;
  select count(*) into members from @.fleet_member where until > n;
  delete from @.fleet_member where id in
    (select id from @.fleet_member where until < n - interval '1 minute' for update skip locked);

  select jsonb_agg(@.fleet_view(b, n) order by place) into breakers
    from jsonb_array_elements_text(p_report->'breakers') with ordinality as names(name, place)
    left join @.fleet_breaker b using (name);

  insert into @.fleet_limit (name)
    select distinct want->>'limit' collate "C" from jsonb_array_elements(p_report->'wants') as want
    where not exists (select 1 from @.fleet_limit where name = want->>'limit') order by 1
    on conflict do nothing;
  perform 1 from @.fleet_limit
    where name in (select want->>'limit' from jsonb_array_elements(p_report->'wants') as want)
    order by name for no key update;
  for told in select want from jsonb_array_elements(p_report->'wants') as want loop
    shares := coalesce(shares, '[]') || @.fleet_share_of(who, told.want, ttl, is_fresh);
  end loop;
  select jsonb_agg(@.fleet_paused(name, n) order by place) into routes
    from jsonb_array_elements_text(p_report->'routes') with ordinality as names(name, place);

  select * into told from @.fleet_bookings(p_report->'bookings');
  perform @.fleet_relax(told.grants);
  return jsonb_build_object('members', members, 'breakers', coalesce(breakers, '[]'),
    'shares', coalesce(shares, '[]'), 'routes', coalesce(routes, '[]'), 'booked', told.answers);
end $$;

-- Opens an account, or changes its rules.
create function @.fleet_set_account(
  p_path text, p_amount bigint, p_enforced boolean, p_strict boolean, p_marks integer[], p_on_loss smallint
) returns jsonb language plpgsql as $$
declare
  above text;
  a @.fleet_account;
begin
  select name into above from unnest(@.fleet_path(p_path)) as name
    where name <> p_path and not exists (select 1 from @.fleet_account where path = name) limit 1;
  if found then
    raise exception 'there is no account %', quote_literal(above) using errcode = 'TR022', detail = above;
  end if;
  insert into @.fleet_account as a (path, amount, enforced, strict, marks, on_loss)
    values (p_path, p_amount, p_enforced, p_strict, p_marks, p_on_loss)
    on conflict (path) do update set amount = p_amount, enforced = p_enforced, strict = p_strict,
      marks = p_marks, on_loss = p_on_loss
    returning * into a;
  return @.fleet_told(a);
end $$;

-- An account, or all, each before those below it.
create function @.fleet_accounts(p_path text) returns setof jsonb language plpgsql as $$
declare
  roots text[];
begin
  select array_agg(distinct root) into roots from @.fleet_grant
    where until <= clock_timestamp() and not away and (p_path is null or root = @.fleet_root(p_path));
  if roots is not null then
    perform @.fleet_lock(roots);
    perform @.fleet_expire(roots);
  end if;
  return query select @.fleet_told(a) from @.fleet_account a where p_path is null or a.path = p_path
    order by string_to_array(a.path, '/') collate "C";
end $$;

-- Gives back, of what counts as spent for a member that is away, at most this much. Returns how much it was.
create function @.fleet_correct(p_account text, p_member text, p_over bigint) returns bigint language plpgsql as $$
declare
  was @.fleet_grant;
  g @.fleet_grant;
  less bigint;
begin
  perform @.fleet_lock(@.fleet_path(p_account));
  perform @.fleet_expire(array[@.fleet_root(p_account)]);
  select * into was from @.fleet_grant where account = p_account and member = p_member for no key update;
  if not found then
    return 0;
  end if;
  less := least(p_over, was.missing);
  g := was;
  g.missing := g.missing - less;
  g.lost := g.lost + less;
  perform @.fleet_put(was, g);
  return less;
end $$;
