-- Schema 7 of threads of durable agents counts lives in a row that were lost, and lets a thread wait for longer and
-- longer behind the lease of the last one. An append is fewer statements. Programs that know an older schema call the
-- same functions.

-- How long a thread is not offered to code that it is stuck with.
create function @.wait_of(p_stuck json) returns interval language sql immutable strict as $$
  select least(3600, 2 ^ least((p_stuck ->> 'times')::bigint - 1, 12)) * interval '1 second'
$$;

create or replace view @.threads_now as
  select t.id, t.state, t.fence, t.head, t.base,
    case when t.lease_until > n.now then t.owner end as holder,
    case when t.lease_until > n.now then t.lease_until end as held_until,
    coalesce(t.wake_at, case when t.lease_until <= n.now then t.lease_until + @.wait_of(t.stuck) end) as wake_at,
    t.code, t.created, t.touched, t.left_at
  from @.thread t cross join (select clock_timestamp() as now) n;

-- What a thread is stuck with once its holder, which has not given it back, is replaced.
create function @.lost(t @.thread) returns json language sql stable as $$
  select json_build_object(
    'times', least(coalesce((t.stuck ->> 'times')::bigint, 0) + 1, 4294967295),
    'why', left(regexp_replace(format('life %s was lost: %s', t.fence, t.owner), '[[:cntrl:]]', ' ', 'g'), 500),
    'codes', (select json_agg(c) from (
      select c from json_array_elements_text(t.stuck -> 'codes') c
      union all
      select t.code where not exists (select from json_array_elements_text(t.stuck -> 'codes') c where c = t.code)
    ) codes))
$$;

-- Whether it was taken, and the thread: see `acquire`, which older programs call.
create or replace function @.take(p_thread text, p_holder text, p_code text, p_ttl bigint)
returns table (
  taken boolean, id text, state smallint, fence bigint, head bigint, base bigint, holder text,
  held_until timestamptz, wake_at timestamptz, code text, created timestamptz, touched timestamptz, stuck json
) language plpgsql as $$
#variable_conflict use_column
declare
  t @.thread;
  n timestamptz;
  free boolean;
begin
  select * into t from @.thread where id = p_thread for no key update;
  if not found then
    insert into @.thread (id) values (p_thread) on conflict do nothing;
    select * into t from @.thread where id = p_thread for no key update;
  end if;
  n := clock_timestamp();
  free := t.state not in (3, 5, 9) and (t.lease_until is null or t.lease_until <= n);
  if free then
    update @.thread set fence = t.fence + 1, state = 1, owner = p_holder, code = p_code,
      lease_until = n + p_ttl * interval '1 microsecond', wake_at = null, touched = n, left_at = null,
      stuck = case when t.owner is null then t.stuck else @.lost(t) end
      where id = p_thread returning * into t;
  end if;
  return query select free, t.id, t.state, t.fence, t.head, t.base, t.owner, t.lease_until, t.wake_at, t.code,
    t.created, t.touched, t.stuck;
end $$;

create or replace function @.acquire(p_thread text, p_holder text, p_code text, p_ttl bigint)
returns table (
  taken boolean, id text, state smallint, fence bigint, head bigint, base bigint, holder text,
  held_until timestamptz, wake_at timestamptz, code text, created timestamptz, touched timestamptz
) language sql as $$
  select taken, id, state, fence, head, base, holder, held_until, wake_at, code, created, touched
  from @.take(p_thread, p_holder, p_code, p_ttl)
$$;

-- As before, in fewer statements, since each append is waited for; and an outcome or a checkpoint clears what the thread
-- is stuck with.
create or replace function @.append(
  p_thread text, p_fence bigint, p_ttl bigint, p_head bigint,
  p_kind smallint[], p_version smallint[], p_step bytea[], p_print bytea[], p_body bytea[],
  p_approval text, p_digest bytea, p_relaxed boolean, p_role text
) returns void language plpgsql as $$
declare
  t @.thread;
  a @.approval;
  refused text;
begin
  if p_relaxed then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  -- All of the check, and the change.
  update @.thread set head = p_head + cardinality(p_kind), touched = clock_timestamp(),
    lease_until = clock_timestamp() + p_ttl * interval '1 microsecond',
    base = case when 5 = any (p_kind)
      then (select p_head + max(e.o) from unnest(p_kind) with ordinality e (kind, o) where e.kind = 5) else base end,
    role = case when 5 = any (p_kind) then p_role else role end,
    stuck = case when not p_kind && '{3, 5}' then stuck end
    where id = p_thread and fence = p_fence and head = p_head and owner is not null
    returning * into t;
  if not found then
    t := @.held(p_thread, p_fence);
    raise exception 'thread % has % entries', quote_literal(p_thread), t.head using errcode = 'TR002';
  end if;
  if p_approval is not null then
    select * into a from @.approval where id = p_approval;
    refused := case
      when a.id is null then 'unknown'
      when a.thread <> p_thread then 'other_thread'
      when a.step is distinct from p_step[1] then 'other_step'
      when a.digest <> p_digest then 'other_arguments'
      when a.state = 2 then 'denied'
      when a.state = 3 then 'used'
      when a.expires <= t.touched then 'expired'
      when a.state = 0 then 'pending'
    end;
    if refused is not null then
      raise exception 'approval % does not allow it', quote_literal(p_approval)
        using errcode = 'TR006', detail = refused;
    end if;
    update @.approval set state = 3, used = p_head + 1 where id = p_approval;
  end if;
  if cardinality(p_kind) = 1 then
    insert into @.entry (thread, seq, fence, at, kind, version, step, print, body)
      values (t.no, p_head + 1, p_fence, t.touched, p_kind[1], p_version[1], p_step[1], p_print[1], p_body[1]);
  else
    insert into @.entry (thread, seq, fence, at, kind, version, step, print, body)
      select t.no, p_head + e.o, p_fence, t.touched, e.kind, e.version, e.step, e.print, e.body
      from unnest(p_kind, p_version, p_step, p_print, p_body)
        with ordinality e (kind, version, step, print, body, o);
  end if;
end $$;
