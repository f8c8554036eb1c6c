-- Schema 5 of threads of durable agents adds why a thread is stuck: until `wake_at` it is offered to no code of the
-- versions that came to it. Programs that know an older schema call what it has, and let it wait as well.

-- How often, why, and the versions. json, not jsonb: the reason may have a zero character.
alter table @.thread add column stuck json;

-- `threads_now` with it: older programs read that one.
create view @.threads_stuck as
  select n.*, t.stuck from @.threads_now n join @.thread t using (id);

create function @.look_up(p_thread text) returns setof @.threads_stuck language sql stable as $$
  select * from @.threads_stuck where id = p_thread
$$;

create function @.list(p_states smallint[], p_after text, p_limit bigint)
returns setof @.threads_stuck language sql stable as $$
  select * from @.threads_stuck
  where (cardinality(p_states) = 0 or state = any (p_states)) and id > coalesce(p_after, '')
  order by id limit p_limit
$$;

-- As `acquire`, with what the thread is stuck with, which stays until it is given back.
create function @.take(p_thread text, p_holder text, p_code text, p_ttl bigint)
returns table (
  taken boolean, id text, state smallint, fence bigint, head bigint, base bigint, holder text,
  held_until timestamptz, wake_at timestamptz, code text, created timestamptz, touched timestamptz, stuck json
) language sql as $$
  select a.*, (select t.stuck from @.thread t where t.id = a.id)
  from @.acquire(p_thread, p_holder, p_code, p_ttl) a
$$;

create function @.release(p_thread text, p_fence bigint, p_state smallint, p_wake_at timestamptz, p_wait bigint, p_stuck json)
returns void language plpgsql as $$
declare
  n timestamptz;
begin
  perform @.held(p_thread, p_fence);
  n := clock_timestamp();
  -- What woke the thread since it was acquired counts.
  update @.thread set state = p_state, owner = null, lease_until = null, touched = n, left_at = n, stuck = p_stuck,
    wake_at = case
      when p_stuck is not null then least(wake_at, n + p_wait * interval '1 microsecond')
      when p_state = 2 then least(wake_at, p_wake_at)
    end
    where id = p_thread;
end $$;

create or replace function @.release(p_thread text, p_fence bigint, p_state smallint, p_wake_at timestamptz)
returns void language plpgsql as $$
begin
  perform @.release(p_thread, p_fence, p_state, p_wake_at, null, null);
end $$;

create function @.runnable(p_role text, p_code text, p_limit bigint) returns table (id text) language sql stable as $$
  select t.id from @.threads_now t join @.thread r on r.id = t.id
  where t.holder is null
    and (t.wake_at <= clock_timestamp() or (t.state = 1 and (t.wake_at is null or (
      p_code is not null and not exists (select from json_array_elements_text(r.stuck -> 'codes') c where c = p_code)))))
    and t.state in (1, 2)
    and (r.role is null or p_role is null or r.role = p_role)
  order by coalesce(t.wake_at, t.touched) limit p_limit
$$;

create or replace function @.runnable(p_role text, p_limit bigint) returns table (id text) language sql stable as $$
  select id from @.runnable(p_role, null, p_limit)
$$;

create or replace function @.runnable(p_limit bigint) returns table (id text) language sql stable as $$
  select id from @.runnable(null, null, p_limit)
$$;

create function @.offer(p_thread text) returns setof @.threads_stuck language plpgsql as $$
declare
  t @.thread;
  n timestamptz;
begin
  t := @.free(p_thread);
  if t.state in (3, 5, 9) then
    perform @.ended(p_thread, t.state);
  end if;
  if t.state <> 2 then
    n := clock_timestamp();
    update @.thread set state = 1, owner = null, lease_until = null, wake_at = null, stuck = null, touched = n,
      left_at = n where id = p_thread;
  end if;
  return query select * from @.threads_stuck where id = p_thread;
end $$;

-- What a thread had of a message may be what it failed of: then this one takes its place.
create or replace function @.deliver(p_thread text, p_key text, p_body json) returns boolean language plpgsql as $$
declare
  t @.thread;
begin
  t := @.locked(p_thread);
  if t.state in (3, 5, 9) then
    perform @.ended(p_thread, t.state);
  end if;
  insert into @.inbox (thread, key, at, body) values (p_thread, p_key, clock_timestamp(), p_body)
    on conflict (thread, key) do update set at = excluded.at, body = excluded.body where t.state = 4;
  if found then
    perform @.wake(p_thread);
    return true;
  end if;
  return false;
end $$;
