-- Version 1 of the schema. `@.` stands for the name of the schema, as an identifier.
--
-- A later version that older programs can use only adds: tables, columns with a default, functions of other
-- names or arguments. Functions take and return base types, and what they return is read by the names of its
-- columns.

create table @.meta (
  one boolean primary key default true check (one),
  schema integer not null,
  -- The oldest version of this library's schema whose programs can use this one.
  min_reader integer not null,
  written_by text not null
);

create table @.thread (
  id text collate "C" primary key,
  -- Instead of the id in each entry, which is shorter.
  no bigint generated always as identity,
  state smallint not null default 1,  -- 1 runnable 2 parked 3 done 4 failed 5 cancelled 9 forgotten
  fence bigint not null default 0,
  head bigint not null default 0,
  base bigint not null default 0,
  owner text,
  lease_until timestamptz,
  wake_at timestamptz,
  code text not null default '',
  created timestamptz not null default clock_timestamp(),
  touched timestamptz not null default clock_timestamp(),
  -- When a life left it, the same as `touched` then. No index has what an append changes: so a thread's row is
  -- changed within its page (HOT).
  left_at timestamptz
) with (fillfactor = 70);
create index thread_wakes on @.thread (state, wake_at) where state in (1, 2);
create index thread_left on @.thread (state, left_at);

-- Without a foreign key: only the functions below write here, and they hold the thread's row.
create table @.entry (
  thread bigint not null,
  seq bigint not null,
  fence bigint not null,
  at timestamptz not null,
  kind smallint not null,  -- 1 life 2 intent 3 outcome 5 checkpoint 10 end
  version smallint not null,
  step bytea,
  print bytea,
  body bytea not null,
  primary key (thread, seq)
);
-- At most one outcome of a step, whatever a program does wrong.
create unique index entry_outcome on @.entry (thread, step) where kind = 3;

create table @.approval (
  id text primary key,
  -- The order in which they were asked for.
  no bigint generated always as identity,
  thread text collate "C" not null,
  step bytea not null,
  tool text not null,
  digest bytea not null,
  -- json, not jsonb: it comes back as it was written, and may have a zero character.
  shown json not null,
  policy text not null,
  asked timestamptz not null,
  expires timestamptz not null,
  state smallint not null default 0,  -- 0 pending 1 approved 2 denied 3 used
  amended json,
  who text,
  note text,
  decided timestamptz,
  used bigint
);
create index approval_step on @.approval (thread, step, no);
create index approval_pending on @.approval (asked, id) where state = 0;

create table @.inbox (
  thread text collate "C" not null,
  key text not null,
  at timestamptz not null,
  body json not null,
  primary key (thread, key)
);

-- Threads as they stand now: without a lease that is over.
create view @.threads_now as
  select t.id, t.state, t.fence, t.head, t.base,
    case when t.lease_until > n.now then t.owner end as holder,
    case when t.lease_until > n.now then t.lease_until end as held_until,
    t.wake_at, t.code, t.created, t.touched, t.left_at
  from @.thread t cross join (select clock_timestamp() as now) n;

-- Approvals as they stand now: 4 is expired.
create view @.approvals_now as
  select a.id, a.no, a.thread, a.step, a.tool, a.digest, a.shown, a.policy, a.asked, a.expires,
    case when a.state in (0, 1) and a.expires <= n.now then 4::smallint else a.state end as state,
    a.amended, a.who, a.note, a.decided, a.used
  from @.approval a cross join (select clock_timestamp() as now) n;

-- The row of a thread, locked until the end of the call. Every call that changes something of a thread begins
-- with it, so that no two of them cross.
create function @.locked(p_thread text) returns @.thread language plpgsql as $$
declare
  t @.thread;
begin
  select * into t from @.thread where id = p_thread for no key update;
  if not found then
    raise exception 'there is no thread %', quote_literal(p_thread) using errcode = 'TR003';
  end if;
  return t;
end $$;

-- The row of a thread that this life holds.
create function @.held(p_thread text, p_fence bigint) returns @.thread language plpgsql as $$
declare
  t @.thread;
begin
  t := @.locked(p_thread);
  -- A thread that was given back or has ended is not written under its old lease either.
  if t.fence <> p_fence or t.owner is null then
    raise exception 'thread % was taken over', quote_literal(p_thread) using errcode = 'TR001';
  end if;
  return t;
end $$;

-- The row of a thread that nobody holds.
create function @.free(p_thread text) returns @.thread language plpgsql as $$
declare
  t @.thread;
begin
  t := @.locked(p_thread);
  if t.lease_until > clock_timestamp() then
    raise exception 'thread % is held', quote_literal(p_thread) using errcode = 'TR005',
      detail = json_build_object('holder', t.owner, 'until', t.lease_until);
  end if;
  return t;
end $$;

create function @.ended(p_thread text, p_state smallint) returns void language plpgsql as $$
begin
  raise exception 'thread % has ended', quote_literal(p_thread) using errcode = 'TR004', detail = p_state::text;
end $$;

-- Whether it was taken, and the thread. A refusal is no error, since processes that look for work often meet
-- one, and each error would be a line in the server's log.
create function @.acquire(p_thread text, p_holder text, p_code text, p_ttl bigint)
returns table (
  taken boolean, id text, state smallint, fence bigint, head bigint, base bigint, holder text,
  held_until timestamptz, wake_at timestamptz, code text, created timestamptz, touched timestamptz
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
      lease_until = n + p_ttl * interval '1 microsecond', wake_at = null, touched = n, left_at = null
      where id = p_thread returning * into t;
  end if;
  return query select free, t.id, t.state, t.fence, t.head, t.base, t.owner, t.lease_until, t.wake_at, t.code,
    t.created, t.touched;
end $$;

create function @.renew(p_thread text, p_fence bigint, p_ttl bigint) returns void language plpgsql as $$
begin
  perform @.held(p_thread, p_fence);
  update @.thread set lease_until = clock_timestamp() + p_ttl * interval '1 microsecond' where id = p_thread;
end $$;

create function @.release(p_thread text, p_fence bigint, p_state smallint, p_wake_at timestamptz)
returns void language plpgsql as $$
declare
  n timestamptz;
begin
  perform @.held(p_thread, p_fence);
  n := clock_timestamp();
  -- What woke the thread since it was acquired counts.
  update @.thread set state = p_state, owner = null, lease_until = null, touched = n, left_at = n,
    wake_at = case when p_state = 2 then least(wake_at, p_wake_at) end where id = p_thread;
end $$;

create function @.append(
  p_thread text, p_fence bigint, p_ttl bigint, p_head bigint,
  p_kind smallint[], p_version smallint[], p_step bytea[], p_print bytea[], p_body bytea[],
  p_approval text, p_digest bytea, p_relaxed boolean
) returns void language plpgsql as $$
declare
  t @.thread;
  a @.approval;
  n timestamptz;
  refused text;
begin
  if p_relaxed then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  -- As `held` does, without a call in a call: most of what this function takes beyond its disk would be that.
  select * into t from @.thread where id = p_thread for no key update;
  if not found or t.fence <> p_fence or t.owner is null then
    t := @.held(p_thread, p_fence);
  end if;
  if t.head <> p_head then
    raise exception 'thread % has % entries', quote_literal(p_thread), t.head using errcode = 'TR002';
  end if;
  n := clock_timestamp();
  if p_approval is not null then
    select * into a from @.approval where id = p_approval;
    refused := case
      when a.id is null then 'unknown'
      when a.thread <> p_thread then 'other_thread'
      when a.step is distinct from p_step[1] then 'other_step'
      when a.digest <> p_digest then 'other_arguments'
      when a.state = 2 then 'denied'
      when a.state = 3 then 'used'
      when a.expires <= n then 'expired'
      when a.state = 0 then 'pending'
    end;
    if refused is not null then
      raise exception 'approval % does not allow it', quote_literal(p_approval)
        using errcode = 'TR006', detail = refused;
    end if;
    update @.approval set state = 3, used = p_head + 1 where id = p_approval;
  end if;
  insert into @.entry (thread, seq, fence, at, kind, version, step, print, body)
    select t.no, p_head + e.o, p_fence, n, e.kind, e.version, e.step, e.print, e.body
    from unnest(p_kind, p_version, p_step, p_print, p_body) with ordinality e (kind, version, step, print, body, o);
  if 5 = any (p_kind) then
    select p_head + max(e.o) into t.base from unnest(p_kind) with ordinality e (kind, o) where e.kind = 5;
  end if;
  update @.thread set head = p_head + cardinality(p_kind), base = t.base, touched = n,
    lease_until = n + p_ttl * interval '1 microsecond' where id = p_thread;
end $$;

create function @.read(p_thread text, p_after bigint, p_limit bigint)
returns table (
  seq bigint, fence bigint, at timestamptz, kind smallint, version smallint, step bytea, print bytea, body bytea
) language plpgsql stable as $$
#variable_conflict use_column
declare
  t @.thread;
begin
  select * into t from @.thread where id = p_thread;
  if not found then
    raise exception 'there is no thread %', quote_literal(p_thread) using errcode = 'TR003';
  end if;
  if t.state = 9 then
    perform @.ended(p_thread, t.state);
  end if;
  return query select e.seq, e.fence, e.at, e.kind, e.version, e.step, e.print, e.body
    from @.entry e where e.thread = t.no and e.seq > p_after order by e.seq limit p_limit;
end $$;

create function @.thread_of(p_thread text) returns setof @.threads_now language sql stable as $$
  select * from @.threads_now where id = p_thread
$$;

create function @.threads(p_states smallint[], p_after text, p_limit bigint)
returns setof @.threads_now language sql stable as $$
  select * from @.threads_now
  where (cardinality(p_states) = 0 or state = any (p_states)) and id > coalesce(p_after, '')
  order by id limit p_limit
$$;

create function @.runnable(p_limit bigint) returns table (id text) language sql stable as $$
  select t.id from @.threads_now t
  where (t.state = 1 or (t.state = 2 and t.wake_at <= clock_timestamp())) and t.holder is null
  order by coalesce(t.wake_at, t.touched) limit p_limit
$$;

create function @.untouched(p_states smallint[], p_since bigint, p_limit bigint)
returns table (id text) language sql stable as $$
  select t.id from @.thread t
  where t.state = any (p_states) and t.touched <= clock_timestamp() - p_since * interval '1 microsecond'
    and (t.left_at is null or t.left_at <= clock_timestamp() - p_since * interval '1 microsecond')
  order by t.touched limit p_limit
$$;

create function @.cancel(p_thread text) returns void language plpgsql as $$
declare
  t @.thread;
  n timestamptz;
begin
  t := @.free(p_thread);
  if t.state in (3, 5, 9) then
    perform @.ended(p_thread, t.state);
  end if;
  n := clock_timestamp();
  update @.thread set state = 5, owner = null, lease_until = null, wake_at = null, touched = n, left_at = n
    where id = p_thread;
end $$;

create function @.prune(p_thread text) returns bigint language plpgsql as $$
declare
  t @.thread;
  deleted bigint;
begin
  t := @.locked(p_thread);
  delete from @.entry where thread = t.no and seq < t.base;
  get diagnostics deleted = row_count;
  return deleted;
end $$;

create function @.forget(p_thread text) returns void language plpgsql as $$
declare
  t @.thread;
  n timestamptz;
begin
  t := @.free(p_thread);
  delete from @.entry where thread = t.no;
  delete from @.approval where thread = p_thread;
  delete from @.inbox where thread = p_thread;
  n := clock_timestamp();
  update @.thread set state = 9, owner = null, lease_until = null, wake_at = null, touched = n, left_at = n
    where id = p_thread;
end $$;

-- Wakes a thread, or lets it wake as soon as it parks.
create function @.wake(p_thread text) returns void language sql as $$
  update @.thread set wake_at = case when state in (1, 2) then clock_timestamp() end where id = p_thread
$$;

create function @.ask(
  p_id text, p_thread text, p_step bytea, p_tool text, p_digest bytea, p_shown json, p_policy text, p_expires bigint
) returns setof @.approvals_now language plpgsql as $$
declare
  n timestamptz;
begin
  perform @.locked(p_thread);
  n := clock_timestamp();
  insert into @.approval (id, thread, step, tool, digest, shown, policy, asked, expires)
    values (p_id, p_thread, p_step, p_tool, p_digest, p_shown, p_policy, n, n + p_expires * interval '1 microsecond')
    on conflict do nothing;
  -- As it was asked, even if it expires at once.
  if found then
    return query select id, no, thread, step, tool, digest, shown, policy, asked, expires, state, amended, who,
      note, decided, used from @.approval where id = p_id;
  else
    return query select * from @.approvals_now where id = p_id;
  end if;
end $$;

create function @.approval_of_id(p_id text) returns setof @.approvals_now language sql stable as $$
  select * from @.approvals_now where id = p_id
$$;

create function @.approval_of_step(p_thread text, p_step bytea)
returns setof @.approvals_now language sql stable as $$
  select * from @.approvals_now where thread = p_thread and step = p_step order by no desc limit 1
$$;

create function @.pending(p_thread text, p_limit bigint) returns setof @.approvals_now language sql stable as $$
  select n.* from @.approval a join @.approvals_now n using (id)
  where a.state = 0 and n.state = 0 and (p_thread is null or a.thread = p_thread)
  order by a.asked, a.id limit p_limit
$$;

create function @.approvals_of(p_thread text, p_limit bigint) returns setof @.approvals_now language sql stable as $$
  select * from @.approvals_now where thread = p_thread order by no limit p_limit
$$;

create function @.decided(p_id text) returns void language plpgsql as $$
begin
  raise exception 'approval % is not pending', quote_literal(p_id) using errcode = 'TR009',
    detail = (select json_build_object('id', id, 'state', state) from @.approvals_now where id = p_id);
end $$;

-- The last four are of an amendment, which takes the place of what was asked.
create function @.decide(
  p_id text, p_digest bytea, p_state smallint, p_who text, p_note text,
  p_new_id text, p_new_digest bytea, p_new_shown json, p_new_args json
) returns setof @.approvals_now language plpgsql as $$
declare
  a @.approval;
  n timestamptz;
begin
  select * into a from @.approval where id = p_id;
  if found then
    -- First the thread, as every call does; then again what it says under the lock.
    perform @.locked(a.thread);
    select * into a from @.approval where id = p_id;
  end if;
  if a.id is null then
    raise exception 'there is no approval %', quote_literal(p_id) using errcode = 'TR007';
  end if;
  if a.digest <> p_digest then
    raise exception 'approval % is about something else', quote_literal(p_id) using errcode = 'TR008';
  end if;
  n := clock_timestamp();
  if a.state <> 0 or a.expires <= n then
    perform @.decided(p_id);
  end if;
  update @.approval set state = p_state, who = p_who, note = p_note, decided = n where id = p_id;
  if p_new_id is not null then
    insert into @.approval (
      id, thread, step, tool, digest, shown, policy, asked, expires, state, amended, who, note, decided)
      values (p_new_id, a.thread, a.step, a.tool, p_new_digest, p_new_shown, a.policy, n, a.expires, 1, p_new_args,
        p_who, p_note, n)
      on conflict do nothing;
    if not found then
      -- These arguments were asked for before, and that was decided about. Nothing is decided now.
      perform @.decided(p_new_id);
    end if;
  end if;
  perform @.wake(a.thread);
  return query select * from @.approvals_now where id = coalesce(p_new_id, p_id);
end $$;

create function @.deliver(p_thread text, p_key text, p_body json) returns boolean language plpgsql as $$
declare
  t @.thread;
begin
  t := @.locked(p_thread);
  if t.state in (3, 5, 9) then
    perform @.ended(p_thread, t.state);
  end if;
  insert into @.inbox (thread, key, at, body) values (p_thread, p_key, clock_timestamp(), p_body)
    on conflict do nothing;
  if found then
    perform @.wake(p_thread);
    return true;
  end if;
  return false;
end $$;

create function @.message(p_thread text, p_key text) returns table (body json) language sql stable as $$
  select i.body from @.inbox i where i.thread = p_thread and i.key = p_key
$$;
