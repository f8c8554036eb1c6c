-- Version 2 of the schema: what the processes of a fleet share. `@.` stands for the name of the schema.
--
-- It only adds to version 1. Its functions are in `fleet.sql` and `fleet_accounts.sql`.

-- The processes that are there.
create table @.fleet_member (
  id text collate "C" primary key,
  until timestamptz not null
) with (fillfactor = 50);

-- How many there are, until one comes or leaves, or the first of them may be over. One row.
create table @.fleet_size (
  members bigint not null,
  next_end timestamptz not null
) with (fillfactor = 50);
insert into @.fleet_size values (0, '-infinity');

create table @.fleet_breaker (
  name text collate "C" primary key,
  generation bigint not null,
  open_until timestamptz,  -- null: it is closed
  -- The probe that is under way, or was lost.
  prober text,
  probe_until timestamptz,
  probe_wait bigint  -- what follows if it is lost
) with (fillfactor = 50);

-- Limits, and pauses of limits and routes. A limit's row is locked while its shares change.
create table @.fleet_limit (
  name text collate "C" primary key,
  pause_until timestamptz,
  -- Sums over its shares.
  members bigint not null default 0,
  used numeric[] not null default '{0, 0, 0, 0}',  -- what they may use
  next_end timestamptz not null default 'infinity'  -- no share ends before
) with (fillfactor = 50);

-- Members' parts of limits. In each array: thousandths of requests, input tokens, output tokens, tokens a minute.
create table @.fleet_share (
  name text collate "C" not null,
  member text collate "C" not null,
  seq bigint not null,  -- of the last report
  until timestamptz not null,
  limits bigint[] not null,   -- the limit, as the member has it
  applied bigint[] not null,  -- what it goes by
  given bigint[] not null,    -- what it may go by
  demand bigint[] not null,
  primary key (name, member)
) with (fillfactor = 50);

-- How many members of a limit have a value: of `limits` (1 to 4), or of `demand` (5 to 8). So a part is found without
-- a look at all shares.
create table @.fleet_tally (
  name text collate "C" not null,
  what integer not null,
  value bigint not null,
  members bigint not null,
  primary key (name, what, value)
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
  holders integer not null default 0,  -- of grants that are not used up
  told bigint not null default 0,  -- the spent amount whose marks were given to members
  owed integer[] not null default '{}',  -- marks given to members that are away, and not said to have been heard
  short_member text,
  short_until timestamptz
) with (fillfactor = 50);

-- What a member holds of an account: `granted - spent - returned - lost`, or nothing if that is less. While it
-- is away it holds nothing, and `counted` is spent for it on an estimate.
create table @.fleet_grant (
  account text collate "C" not null,
  member text collate "C" not null,
  root text collate "C" not null,
  until timestamptz not null,
  away boolean not null,
  seq bigint not null,
  granted bigint not null,
  spent bigint not null,
  estimated bigint not null,
  returned bigint not null,
  lost bigint not null,
  counted bigint not null,
  corrected bigint not null,  -- given back of its own estimates
  marks jsonb not null,  -- those that it is to tell: of which account, since which booking
  primary key (account, member)
) with (fillfactor = 50);
create index fleet_grant_until on @.fleet_grant (root, until);
