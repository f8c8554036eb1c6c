-- Schema 6 of what a fleet shares counts sums of members with as many digits as they take, and knows of a limit whose
-- members it has forgotten.

-- Each member's own sums are below 2^63, and those of all may be more.
alter table @.fleet_account
  alter column spent type numeric, alter column estimated type numeric,
  alter column granted type numeric, alter column told type numeric;

-- They take, or return, other types now.
drop function if exists @.fleet_rest(@.fleet_grant);
drop function if exists @.fleet_reached(bigint, bigint, integer);

-- Until then, members of which nothing was heard yet may go by what they were given before.
alter table @.fleet_limit add column settles timestamptz not null default '-infinity';
