-- Schema 8 of threads of durable agents leaves a thread as it is that was handed over to agents of another role, reads
-- pages by their bytes as well, and asks nobody for a thread that is over. Programs that know an older schema call what it has.

-- Whether it was taken, and the thread; or the other role that it is for.
create function @.take(p_thread text, p_holder text, p_code text, p_ttl bigint, p_role text)
returns table (
  taken boolean, id text, state smallint, fence bigint, head bigint, base bigint, holder text,
  held_until timestamptz, wake_at timestamptz, code text, created timestamptz, touched timestamptz, stuck json,
  other_role text
) language plpgsql as $$
#variable_conflict use_column
declare
  t @.thread;
  n timestamptz;
  held boolean;
  other text;
begin
  select * into t from @.thread where id = p_thread for no key update;
  if not found then
    insert into @.thread (id) values (p_thread) on conflict do nothing;
    select * into t from @.thread where id = p_thread for no key update;
  end if;
  n := clock_timestamp();
  held := t.state in (3, 5, 9) or coalesce(t.lease_until > n, false);
  other := case when not held and t.role <> p_role then t.role end;
  if not held and other is null then
    update @.thread set fence = t.fence + 1, state = 1, owner = p_holder, code = p_code,
      lease_until = n + p_ttl * interval '1 microsecond', wake_at = null, touched = n, left_at = null,
      stuck = case when t.owner is null then t.stuck else @.lost(t) end
      where id = p_thread returning * into t;
  end if;
  return query select not held and other is null, t.id, t.state, t.fence, t.head, t.base, t.owner, t.lease_until,
    t.wake_at, t.code, t.created, t.touched, t.stuck, other;
end $$;

-- As before, but a thread that is over asks nobody: who was replaced does not know that it was forgotten.
create or replace function @.ask(
  p_id text, p_thread text, p_step bytea, p_tool text, p_digest bytea, p_shown json, p_policy text, p_expires bigint
) returns setof @.approvals_now language plpgsql as $$
declare
  t @.thread;
  n timestamptz;
begin
  t := @.locked(p_thread);
  if t.state in (3, 5, 9) then
    perform @.ended(p_thread, t.state);
  end if;
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

-- The page ends behind this many bytes of bodies. How long one is, is known without reading it.
create function @.read(p_thread text, p_after bigint, p_limit bigint, p_bytes bigint)
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
  return query select p.seq, p.fence, p.at, p.kind, p.version, p.step, p.print, p.body
    from (
      select e.*, sum(octet_length(e.body)) over (order by e.seq) - octet_length(e.body) as before from (
        select * from @.entry where thread = t.no and seq > p_after order by seq limit p_limit
      ) e
    ) p
    where p.before < p_bytes order by p.seq;
end $$;
