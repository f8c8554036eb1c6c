-- The functions of a fleet, continued: money.

-- An account and those above, from the top to the bottom.
create or replace function @.fleet_path(p_account text) returns text[] language plpgsql immutable as $$
declare
  paths text[] := string_to_array(p_account, '/');
begin
  for level in 2..cardinality(paths) loop
    paths[level] := paths[level - 1] || '/' || paths[level];
  end loop;
  return paths;
end $$;

-- What a member holds, below zero if it spent more.
create or replace function @.fleet_rest(g @.fleet_grant) returns numeric language sql immutable as $$
  select g.granted::numeric - g.spent - g.returned - g.lost
$$;

create or replace function @.fleet_held(g @.fleet_grant) returns bigint language sql immutable as $$
  select (case when g.away then 0 else greatest(@.fleet_rest(g), 0) end)::bigint
$$;

-- Writes a grant, and what that changes of the accounts of its path, which are locked.
create or replace function @.fleet_put(was @.fleet_grant, g @.fleet_grant) returns void language plpgsql as $$
declare
  more_counted numeric := g.counted::numeric - g.corrected - was.counted + was.corrected;
  more_spent numeric := g.spent - was.spent + more_counted;
  more_estimated numeric := g.estimated - was.estimated + more_counted;
  more_granted bigint := @.fleet_held(g) - @.fleet_held(was);
  more_holders integer := (@.fleet_held(g) > 0)::integer - (@.fleet_held(was) > 0)::integer;
begin
  insert into @.fleet_grant select g.* on conflict (account, member) do update set until = g.until,
    away = g.away, seq = g.seq, granted = g.granted, spent = g.spent, estimated = g.estimated,
    returned = g.returned, lost = g.lost, counted = g.counted, corrected = g.corrected, marks = g.marks;
  if more_spent <> 0 or more_estimated <> 0 or more_granted <> 0 or more_holders <> 0 then
    update @.fleet_account set spent = spent + more_spent, estimated = estimated + more_estimated,
      granted = granted + more_granted, holders = holders + more_holders
      where path = any(@.fleet_path(g.account));
  end if;
end $$;

-- Ends the grants whose time is over, of trees whose first accounts are locked.
create or replace function @.fleet_expire(p_roots text[]) returns void language plpgsql as $$
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
      g.counted := @.fleet_held(was);
    end if;
    if was.marks <> '[]' then
      g.marks := '[]';
      update @.fleet_account a set owed = owed || array(
          select (mark->>'percent')::integer from jsonb_array_elements(was.marks) as mark
          where mark->>'account' = a.path)
        where path = any(@.fleet_path(was.account));
    end if;
    perform @.fleet_put(was, g);
  end loop;
  -- By then nobody comes back. Who did would tell totals that are counted already.
  delete from @.fleet_grant where root = any(p_roots) and away
    and until < n - case when counted > 0 then interval '30 days' else interval '7 days' end;
end $$;

-- The most that programs read.
create or replace function @.fleet_sum(p_sum numeric) returns numeric language sql immutable as $$
  select least(p_sum, 18446744073709551615)
$$;

-- An account as programs read it.
create or replace function @.fleet_told(a @.fleet_account) returns jsonb language sql stable as $$
  select jsonb_build_object('account', a.path, 'amount', a.amount, 'enforced', a.enforced, 'strict', a.strict,
    'marks', a.marks, 'on_loss', a.on_loss, 'spent', @.fleet_sum(a.spent), 'estimated', @.fleet_sum(a.estimated),
    'granted', @.fleet_sum(a.granted), 'members', a.holders)
$$;

-- Money is short on an account whose row is locked. Who hears of it gives back, so it is told once in a while.
create or replace function @.fleet_short(p_path text, p_member text, p_now timestamptz) returns void language plpgsql as $$
declare
  is_known boolean;
begin
  select coalesce(short_until > p_now, false) into is_known from @.fleet_account where path = p_path;
  update @.fleet_account set short_member = p_member, short_until = p_now + interval '2 seconds'
    where path = p_path;
  if not is_known then
    perform @.fleet_tell(jsonb_build_object('short', p_path, 'member', p_member));
  end if;
end $$;

-- Whether a spent amount reaches a mark.
create or replace function @.fleet_reached(p_spent numeric, p_amount bigint, p_percent integer) returns boolean
language sql immutable as $$
  select p_spent > 0 and p_spent * 100 >= p_amount::numeric * p_percent
$$;

-- The answer to a booking: a grant, and the accounts of its path from the bottom to the top.
create or replace function @.fleet_booked(g @.fleet_grant, p_now timestamptz) returns jsonb language plpgsql stable as $$
declare
  a @.fleet_account;
  path jsonb := '[]';
  is_short boolean := false;
  marks jsonb := '[]';
begin
  for a in select * from @.fleet_account where fleet_account.path = any(@.fleet_path(g.account))
    order by fleet_account.path desc
  loop
    is_short := is_short or coalesce(a.short_until > p_now and a.short_member <> g.member, false);
    if g.marks <> '[]' then
      select coalesce(jsonb_agg(mark->'percent'), '[]') into marks from jsonb_array_elements(g.marks) as mark
        where mark->>'account' = a.path;
    end if;
    path := path || jsonb_build_object('state', @.fleet_told(a), 'marks', marks);
  end loop;
  return jsonb_build_object('granted', g.granted, 'lost', g.lost, 'short', is_short, 'path', path);
end $$;

-- One booking, with its tree locked. Also returns whether money was granted.
create or replace function @.fleet_booking(b jsonb, out answer jsonb, out grants boolean) language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
  place text := b->>'account';
  paths text[] := @.fleet_path(place);
  seq bigint := (b->>'seq')::bigint;
  known bigint := (b->>'granted')::bigint;
  most bigint := (b->>'most')::bigint;
  was @.fleet_grant;
  g @.fleet_grant;
  tight text;
  room numeric;
begin
  grants := false;
  select * into was from @.fleet_grant where account = place and member = b->>'member' for no key update;
  if not found then
    was := row(place, b->>'member', paths[1], n, false, 0, 0, 0, 0, 0, 0, 0, 0, '[]');
  end if;
  g := was;
  -- A machine may sleep for days. Who says farewell is kept for one.
  g.until := case when (b->>'ttl')::bigint = 0 then n - interval '6 days' else @.fleet_after(n, (b->>'ttl')::bigint) end;
  if seq < was.seq then
    perform @.fleet_put(was, g);
    answer := @.fleet_booked(g, n);
    return;
  end if;
  g.seq := seq;
  -- A database that lost its last moments learns of them.
  g.granted := greatest(was.granted, known);
  g.spent := (b->>'spent')::bigint;
  g.estimated := (b->>'estimated')::bigint;
  g.returned := (b->>'returned')::bigint;
  -- Who comes back holds what it held.
  g.away := false;
  g.counted := 0;
  -- What it has corrected itself is not given back a second time.
  g.corrected := least(g.corrected, g.estimated);
  select coalesce(jsonb_agg(mark), '[]') into g.marks from jsonb_array_elements(was.marks) as mark
    where (mark->>'seq')::bigint > (b->>'heard')::bigint;
  -- What was granted and not heard of is a part of what it asks for.
  if known + most > g.granted then
    perform @.fleet_put(was, g);
    was := g;
    select path, greatest(amount - spent - granted, 0) into tight, room from @.fleet_account
      where path = any(paths) and enforced order by 2, path desc limit 1;
    -- What it spent beyond what it held has been counted as spent.
    room := g.granted + room + greatest(-@.fleet_rest(g), 0);
    if room < known + (b->>'least')::bigint then
      perform @.fleet_short(tight, g.member, n);
    else
      g.granted := greatest(g.granted, least(known + most, room));
      grants := g.granted > was.granted;
    end if;
  end if;

  if g is distinct from was then
    perform @.fleet_put(was, g);
  end if;
  was := g;
  g.marks := g.marks || coalesce((
    select jsonb_agg(jsonb_build_object('seq', seq, 'account', a.path, 'percent', mark) order by at)
      from @.fleet_account a, unnest(a.owed || array(
        select mark from unnest(a.marks) as mark where @.fleet_reached(a.spent, a.amount, mark)
          and not @.fleet_reached(a.told, a.amount, mark))) with ordinality as marks(mark, at)
      where a.path = any(paths)), '[]');
  update @.fleet_account set told = greatest(told, spent), owed = '{}'
    where path = any(paths) and (told < spent or owed <> '{}');
  answer := @.fleet_booked(g, n);
  if (b->>'ttl')::bigint = 0 then
    -- Who says farewell tells what its last answer has.
    g.marks := '[]';
  end if;
  if g.marks <> was.marks then
    perform @.fleet_put(was, g);
  end if;
end $$;

-- Whether a booking has to lock its tree: it has news, or asks, or is owed marks, or somebody's time is over, or an
-- account of its path is gone.
create or replace function @.fleet_is_news(b jsonb) returns boolean language plpgsql as $$
declare
  g @.fleet_grant;
begin
  if (b->>'most')::bigint > 0 or (b->>'least')::bigint > 0 or (b->>'ttl')::bigint = 0 then
    return true;
  end if;
  select * into g from @.fleet_grant where account = b->>'account' and member = b->>'member';
  return not found or g.away or g.granted <> (b->>'granted')::bigint or g.spent <> (b->>'spent')::bigint
    or g.estimated <> (b->>'estimated')::bigint or g.returned <> (b->>'returned')::bigint or g.marks <> '[]'
    or exists (select 1 from @.fleet_grant where root = g.root and not away and until <= clock_timestamp())
    or (select count(*) < cardinality(@.fleet_path(g.account)) or bool_or(owed <> '{}')
      from @.fleet_account where path = any(@.fleet_path(g.account)));
end $$;

-- Bookings, with locks in one order. An answer is null if there is no such account. Also returns whether money
-- was granted.
create or replace function @.fleet_bookings(p_bookings jsonb, out answers jsonb, out grants boolean) language plpgsql as $$
declare
  b jsonb;
  g @.fleet_grant;
  paths text[];
  news text[];
  answer jsonb;
  granted boolean;
begin
  answers := '[]';
  grants := false;
  for b in select * from jsonb_array_elements(p_bookings) loop
    if @.fleet_is_news(b) then
      news := array_append(news, b->>'account');
      paths := paths || @.fleet_path(b->>'account');
    end if;
  end loop;
  if paths is not null then
    perform 1 from @.fleet_account where path = any(paths) order by path for no key update;
    perform @.fleet_expire(paths);
  end if;
  for b in select * from jsonb_array_elements(p_bookings) loop
    answer := null;
    if b->>'account' <> all(coalesce(news, '{}')) then
      update @.fleet_grant set until = @.fleet_after(clock_timestamp(), (b->>'ttl')::bigint),
        seq = greatest(seq, (b->>'seq')::bigint)
        where account = b->>'account' and member = b->>'member' and not away returning * into g;
      if not found then
        -- Its time ended this moment. The next booking brings it back.
        select * into g from @.fleet_grant where account = b->>'account' and member = b->>'member';
      end if;
      answer := @.fleet_booked(g, clock_timestamp());
    -- One that was deleted may have left others below, which nothing would limit any more.
    elsif (select count(*) from @.fleet_account where path = any(@.fleet_path(b->>'account')))
      = cardinality(@.fleet_path(b->>'account'))
    then
      select * into answer, granted from @.fleet_booking(b);
      grants := grants or granted;
    end if;
    answers := answers || coalesce(answer, 'null');
  end loop;
end $$;

-- The disk is waited for where money was granted: granted twice, it would be spent twice. Members tell all else
-- again.
create or replace function @.fleet_relax(p_grants boolean) returns void language plpgsql as $$
begin
  if not p_grants then
    perform set_config('synchronous_commit', 'off', true);
  end if;
end $$;

-- One booking. Null if there is no such account.
create or replace function @.fleet_book(p_booking jsonb) returns jsonb language plpgsql as $$
declare
  told record;
begin
  select * into told from @.fleet_bookings(jsonb_build_array(p_booking));
  perform @.fleet_relax(told.grants);
  return nullif(told.answers->0, 'null');
end $$;

-- A member's report, and the answer to it.
create or replace function @.fleet_sync(p_report jsonb) returns jsonb language plpgsql as $$
declare
  n timestamptz := clock_timestamp();
  members bigint := @.fleet_members(p_report->>'member', (p_report->>'ttl')::bigint, n);
  want jsonb;
  breakers jsonb;
  shares jsonb := '[]';
  pauses jsonb;
  told record;
begin
  select jsonb_agg(@.fleet_view(b, n) order by place) into breakers
    from jsonb_array_elements_text(p_report->'breakers') with ordinality as names(name, place)
    left join @.fleet_breaker b on b.name = names.name;

  insert into @.fleet_limit (name)
    select distinct entry->>'limit' collate "C" from jsonb_array_elements(p_report->'wants') as entry
    where not exists (select 1 from @.fleet_limit where name = entry->>'limit') order by 1
    on conflict do nothing;
  perform 1 from @.fleet_limit
    where name in (select entry->>'limit' from jsonb_array_elements(p_report->'wants') as entry)
    order by name for no key update;
  for want in select * from jsonb_array_elements(p_report->'wants') loop
    shares := shares || @.fleet_share_of(p_report, want);
  end loop;
  select jsonb_agg(@.fleet_paused(name, n) order by place) into pauses
    from jsonb_array_elements_text(p_report->'pauses') with ordinality as names(name, place);

  select * into told from @.fleet_bookings(p_report->'bookings');
  perform @.fleet_relax(told.grants);
  return jsonb_build_object('at', @.fleet_at(n), 'members', members, 'breakers', coalesce(breakers, '[]'), 'shares', shares,
    'pauses', coalesce(pauses, '[]'), 'booked', told.answers);
end $$;

-- Opens an account. One that is there gets these rules only if that is asked for.
create or replace function @.fleet_set_account(
  p_path text, p_amount bigint, p_enforced boolean, p_strict boolean, p_marks integer[], p_on_loss smallint,
  p_changes boolean
) returns jsonb language plpgsql as $$
declare
  above text;
begin
  -- As all that change a tree, from the top to the bottom.
  perform 1 from @.fleet_account where path = any(@.fleet_path(p_path)) order by path for no key update;
  select name into above from unnest(@.fleet_path(p_path)) as name
    where name <> p_path and not exists (select 1 from @.fleet_account where path = name)
    order by name desc limit 1;
  if found then
    raise exception 'there is no account %', quote_literal(above) using errcode = 'TR022', detail = p_path || E'\n' || above;
  end if;
  -- Of an account that was deleted there are grants, which count.
  insert into @.fleet_account (path, amount, enforced, strict, marks, on_loss, spent, estimated, granted, holders)
    select p_path, p_amount, p_enforced, p_strict, p_marks, p_on_loss, coalesce(sum(g.spent::numeric + g.counted - g.corrected), 0),
      coalesce(sum(g.estimated::numeric + g.counted - g.corrected), 0), coalesce(sum(@.fleet_held(g)), 0),
      count(*) filter (where @.fleet_held(g) > 0)
    from @.fleet_grant g where g.account = p_path or (g.account > p_path || '/' and g.account < p_path || '0')
    on conflict do nothing;
  if p_changes then
    -- Marks that are reached under these rules, and were not under those before, are for the next one that books.
    update @.fleet_account set amount = p_amount, enforced = p_enforced, strict = p_strict, marks = p_marks,
      on_loss = p_on_loss, told = case when amount = p_amount then told else spent end,
      owed = array(select mark from unnest(p_marks) as mark where @.fleet_reached(spent, p_amount, mark)
        and (mark = any(owed) or not (mark = any(marks) and @.fleet_reached(told, amount, mark))))
      where path = p_path and (amount, enforced, strict, marks, on_loss)
        is distinct from (p_amount, p_enforced, p_strict, p_marks, p_on_loss);
    if found then
      perform @.fleet_tell(jsonb_build_object('rules', p_path));
    end if;
  end if;
  return (select told from @.fleet_accounts(p_path) as told);
end $$;

-- An account, or all, each before those below it.
create or replace function @.fleet_accounts(p_path text) returns setof jsonb language plpgsql as $$
declare
  roots text[];
begin
  select array_agg(distinct root) into roots from @.fleet_grant
    where until <= clock_timestamp() and not away and (p_path is null or root = split_part(p_path, '/', 1));
  if roots is not null then
    perform 1 from @.fleet_account where path = any(roots) order by path for no key update;
    perform @.fleet_expire(roots);
  end if;
  return query select @.fleet_told(a) from @.fleet_account a where p_path is null or a.path = p_path
    order by string_to_array(a.path, '/');
end $$;
