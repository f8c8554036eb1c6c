-- Schema 4 of threads of durable agents adds the call that forgets old threads. Programs that know an older schema list
-- them and forget each, although one may have come alive meanwhile.

create function @.forget_untouched(p_states smallint[], p_since bigint, p_limit bigint)
returns bigint language plpgsql as $$
declare
  old text;
  forgotten bigint := 0;
begin
  -- What others are changing is not old, and what they have changed is looked at again under the lock.
  for old in
    select t.id from @.thread t, (select clock_timestamp() - p_since * interval '1 microsecond' as before) s
    where t.state = any (p_states) and t.touched <= s.before
      and (t.left_at is null or t.left_at <= s.before) and (t.wake_at is null or t.wake_at <= s.before)
      and (t.lease_until is null or t.lease_until <= clock_timestamp())
    order by t.touched limit p_limit for no key update of t skip locked
  loop
    perform @.forget(old);
    forgotten := forgotten + 1;
  end loop;
  return forgotten;
end $$;
