-- Schema 3 of threads of durable agents adds the role of the agents that a thread was handed over to. Programs that know
-- an older schema call what it has, and name no role.

-- For a while schema 1 had the column, and these functions, as well.
alter table @.thread add column if not exists role text;  -- of the agents that it was handed over to

create or replace function @.append(
  p_thread text, p_fence bigint, p_ttl bigint, p_head bigint,
  p_kind smallint[], p_version smallint[], p_step bytea[], p_print bytea[], p_body bytea[],
  p_approval text, p_digest bytea, p_relaxed boolean, p_role text
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
    t.role := p_role;
  end if;
  update @.thread set head = p_head + cardinality(p_kind), base = t.base, role = t.role, touched = n,
    lease_until = n + p_ttl * interval '1 microsecond' where id = p_thread;
end $$;

-- For programs of the older schemas: a checkpoint is for nobody in particular.
create or replace function @.append(
  p_thread text, p_fence bigint, p_ttl bigint, p_head bigint,
  p_kind smallint[], p_version smallint[], p_step bytea[], p_print bytea[], p_body bytea[],
  p_approval text, p_digest bytea, p_relaxed boolean
) returns void language plpgsql as $$
begin
  perform @.append(p_thread, p_fence, p_ttl, p_head, p_kind, p_version, p_step, p_print, p_body, p_approval, p_digest,
    p_relaxed, null);
end $$;

create or replace function @.runnable(p_role text, p_limit bigint) returns table (id text) language sql stable as $$
  select t.id from @.threads_now t join @.thread r on r.id = t.id
  where (t.state = 1 or (t.state = 2 and t.wake_at <= clock_timestamp())) and t.holder is null
    and (r.role is null or p_role is null or r.role = p_role)
  order by coalesce(t.wake_at, t.touched) limit p_limit
$$;

-- A thread that was woken, or that wakes later, is not left alone since it was left.
create or replace function @.untouched(p_states smallint[], p_since bigint, p_limit bigint)
returns table (id text) language sql stable as $$
  select t.id from @.thread t, (select clock_timestamp() - p_since * interval '1 microsecond' as before) s
  where t.state = any (p_states) and t.touched <= s.before
    and (t.left_at is null or t.left_at <= s.before) and (t.wake_at is null or t.wake_at <= s.before)
  order by t.touched limit p_limit
$$;
