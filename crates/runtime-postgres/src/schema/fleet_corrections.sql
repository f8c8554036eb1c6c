-- The functions of a fleet, continued: what people see of members that are lost, and correct.

-- Who holds money of an account, or has spent some on an estimate.
create or replace function @.fleet_holders(p_account text) returns setof jsonb language plpgsql as $$
begin
  if (select count(*) from @.fleet_accounts(p_account)) = 0 then
    raise exception 'there is no account %', quote_literal(p_account) using errcode = 'TR021', detail = p_account;
  end if;
  return query select jsonb_build_object('member', g.member, 'spent', @.fleet_sum(g.spent::numeric + g.counted - g.corrected),
      'estimated', @.fleet_sum(g.estimated::numeric + g.counted - g.corrected), 'held', @.fleet_held(g), 'away', g.away)
    from @.fleet_grant g
    where g.account = p_account and (@.fleet_held(g) > 0 or g.estimated::numeric + g.counted - g.corrected > 0)
    order by g.member;
end $$;

-- Gives back what is spent for a member on an estimate, at most this much: first what counts for it since it is
-- away. Returns how much it was.
create or replace function @.fleet_correct(p_account text, p_member text, p_over bigint) returns jsonb language plpgsql as $$
declare
  was @.fleet_grant;
  g @.fleet_grant;
  counted bigint;
  own bigint;
begin
  if not exists (select 1 from @.fleet_account where path = p_account) then
    raise exception 'there is no account %', quote_literal(p_account) using errcode = 'TR021', detail = p_account;
  end if;
  perform 1 from @.fleet_account where path = any(@.fleet_path(p_account)) order by path for no key update;
  perform @.fleet_expire(array[split_part(p_account, '/', 1)]);
  select * into was from @.fleet_grant where account = p_account and member = p_member for no key update;
  if not found then
    return '0';
  end if;
  counted := least(p_over, was.counted);
  own := least(p_over - counted, greatest(was.estimated - was.corrected, 0));
  g := was;
  g.counted := g.counted - counted;
  -- It stays given back, should the member be heard of after all.
  g.lost := g.lost + counted;
  g.corrected := g.corrected + own;
  perform @.fleet_put(was, g);
  return to_jsonb(counted + own);
end $$;
