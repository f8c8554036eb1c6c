#!lua name=techrevati_fleet_1
--
-- What the processes of a fleet share. A function has one key, or the three of a tree of accounts, which have one
-- slot. Times are in microseconds, of the server's clock. Numbers of Lua are exact up to 2^53, which is enough for
-- times, counts and limits; sums of money are pairs.

local LONG_AGO = 24 * 3600 * 1000000

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function left(at, n)
  return math.max(at - n, 0)
end

-- A number as text, without an exponent.
local function text(number)
  return string.format('%.0f', number)
end

-- Breakers --------------------------------------------------------------------------------------------------

local function read_breaker(key)
  local found = redis.call('HMGET', key, 'generation', 'open_until', 'prober', 'probe_until')
  return {
    generation = tonumber(found[1]) or 0,
    open_until = tonumber(found[2]),
    prober = found[3],
    probe_until = tonumber(found[4]),
  }
end

-- Generation, what is left of the wait or -1, and whether a probe is under way.
local function view(b, n)
  local open = b.open_until and left(b.open_until, n) or -1
  local probing = b.probe_until and b.probe_until > n and 1 or 0
  return { b.generation, open, probing }
end

local function put_breaker(key, b, n, name, channel)
  redis.call('DEL', key)
  redis.call('HSET', key, 'generation', text(b.generation))
  if b.open_until then
    redis.call('HSET', key, 'open_until', text(b.open_until))
  end
  if b.prober then
    redis.call('HSET', key, 'prober', b.prober, 'probe_until', text(b.probe_until))
  end
  local told = view(b, n)
  local change = { 'breaker', text(told[1]), text(told[2]), text(told[3]), name }
  redis.call('PUBLISH', channel, table.concat(change, '\n'))
  return told
end

local function breaker(keys)
  return view(read_breaker(keys[1]), now())
end

local function open(keys, args)
  local name, channel, seen, wait = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  local b, n = read_breaker(keys[1]), now()
  if not b.open_until then
    -- It was opened and closed since, and these failures are older.
    if b.generation > seen then
      return view(b, n)
    end
    b.generation = b.generation + 1
  elseif b.open_until >= n + wait then
    return view(b, n)
  end
  b.open_until = n + wait
  return put_breaker(keys[1], b, n, name, channel)
end

local function probe(keys, args)
  local name, channel, member, ttl, wait = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
  local b, n = read_breaker(keys[1]), now()
  local granted, told = 0, nil
  if b.open_until and b.open_until <= n then
    b.generation = b.generation + 1
    b.prober = member
    b.probe_until = n + ttl
    -- If it is not heard of any more, it has failed.
    b.open_until = b.probe_until + wait
    granted, told = 1, put_breaker(keys[1], b, n, name, channel)
  elseif b.open_until and b.prober == member and b.probe_until > n then
    -- Asked again: the first answer may have been lost.
    granted = 1
  end
  told = told or view(b, n)
  told[4] = granted
  return told
end

-- Without a wait (-1), the probe succeeded.
local function probed(keys, args)
  local name, channel, member, generation, wait = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
  local b, n = read_breaker(keys[1]), now()
  if b.generation ~= generation or b.prober ~= member then
    return view(b, n)
  end
  b.generation = b.generation + 1
  b.open_until = wait >= 0 and n + wait or nil
  b.prober = nil
  b.probe_until = nil
  return put_breaker(keys[1], b, n, name, channel)
end

-- Members and limits ----------------------------------------------------------------------------------------

-- A member is there, until its time is over. Returns how many are.
local function member(keys, args)
  local n = now()
  redis.call('ZADD', keys[1], text(n + args[2]), args[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', text(n))
  return redis.call('ZCARD', keys[1])
end

local function paused_of(key, n)
  local at = tonumber(redis.call('HGET', key, 'pause'))
  return at and at > n and at - n or -1
end

local function paused(keys)
  return paused_of(keys[1], now())
end

local function pause(keys, args)
  local name, channel, wait = args[1], args[2], tonumber(args[3])
  local n = now()
  if paused_of(keys[1], n) < wait then
    redis.call('HSET', keys[1], 'pause', text(n + wait))
    redis.call('PUBLISH', channel, table.concat({ 'pause', text(wait), name }, '\n'))
  end
end

-- What a member may have of one number of a limit: its fair part, as `fair_parts` of the crate runtime-fleet has
-- it, but never what another one was given or still goes by. -1 is no limit.
local function part_of(shares, who, d)
  local whole, count = math.huge, #shares
  for _, share in ipairs(shares) do
    if share.limits[d] >= 0 then
      whole = math.min(whole, share.limits[d])
    end
  end
  if whole == math.huge then
    return -1
  end
  local wants, used = {}, 0
  local floor = math.floor(math.floor(whole / count) / 4)
  for _, share in ipairs(shares) do
    table.insert(wants, { who = share.who, want = math.max(share.demand[d], floor) })
    if share.who ~= who then
      used = used + math.max(share.applied[d], share.given[d], 0)
    end
  end
  table.sort(wants, function(a, b)
    return a.want < b.want or (a.want == b.want and a.who < b.who)
  end)
  local rest, own = whole, 0
  for place, share in ipairs(wants) do
    local part = math.min(share.want, math.floor(rest / (count - place + 1)))
    rest = rest - part
    if share.who == who then
      own = part
    end
  end
  -- What nobody asked for is divided evenly.
  own = own + math.floor(rest / count)
  return math.max(math.min(own, whole - used), 0)
end

-- A member's part of a limit, of four numbers, and what is left of a pause or -1.
local function share(keys, args)
  local who, seq, ttl = args[1], tonumber(args[2]), tonumber(args[3])
  local n, own, shares = now(), nil, {}
  local found = redis.call('HGETALL', keys[1])
  for i = 1, #found, 2 do
    if string.sub(found[i], 1, 2) == 'm:' then
      local other = cmsgpack.unpack(found[i + 1])
      other.who = string.sub(found[i], 3)
      if other.who == who then
        own = other
      elseif other['until'] <= n then
        redis.call('HDEL', keys[1], found[i])
      else
        table.insert(shares, other)
      end
    end
  end
  own = own or { seq = 0, given = { -1, -1, -1, -1 } }
  if seq > own.seq then
    own.seq, own['until'], own.who = seq, n + ttl, who
    own.limits, own.applied, own.demand = {}, {}, {}
    for d = 1, 4 do
      own.limits[d] = tonumber(args[3 + d])
      own.applied[d] = tonumber(args[7 + d])
      own.demand[d] = tonumber(args[11 + d])
    end
    table.insert(shares, own)
    local given = {}
    for d = 1, 4 do
      given[d] = part_of(shares, who, d)
    end
    own.given, own.who = given, nil
    redis.call('HSET', keys[1], 'm:' .. who, cmsgpack.pack(own))
  end
  local told = own.given
  told[5] = paused_of(keys[1], n)
  return told
end

-- Money -----------------------------------------------------------------------------------------------------

-- A sum in nano-dollars: `d` billions of them, and `n` below a billion.
local Money = {}
local BILLION = 1000000000

local function money(d, n)
  local carry = math.floor(n / BILLION)
  return setmetatable({ d = d + carry, n = n - carry * BILLION }, Money)
end

Money.__add = function(a, b) return money(a.d + b.d, a.n + b.n) end
Money.__sub = function(a, b) return money(a.d - b.d, a.n - b.n) end
Money.__eq = function(a, b) return a.d == b.d and a.n == b.n end
Money.__lt = function(a, b) return a.d < b.d or (a.d == b.d and a.n < b.n) end
Money.__le = function(a, b) return not (b < a) end

local NOTHING = money(0, 0)

local function read(nanos)
  return money(tonumber(string.sub(nanos, 1, -10)) or 0, tonumber(string.sub(nanos, -9)))
end

-- Of a sum that is not below zero.
local function nanos(sum)
  if sum.d > 0 then
    return string.format('%.0f%09d', sum.d, sum.n)
  end
  return text(sum.n)
end

local function least(a, b)
  return a < b and a or b
end

local function above_zero(sum)
  return NOTHING < sum and sum or NOTHING
end

-- An account and those above, from the top to the bottom.
local function path_of(account)
  local paths, at = {}, string.find(account, '/', 1, true)
  while at do
    table.insert(paths, string.sub(account, 1, at - 1))
    at = string.find(account, '/', at + 1, true)
  end
  table.insert(paths, account)
  return paths
end

local SUMS = { 'amount', 'spent', 'estimated', 'granted', 'told' }
local GRANT_SUMS = { 'granted', 'spent', 'estimated', 'returned', 'lost', 'missing' }

local function unpacked(packed, sums)
  local value = cmsgpack.unpack(packed)
  for _, name in ipairs(sums) do
    value[name] = read(value[name])
  end
  return value
end

local function packed(value, sums)
  local copy = {}
  for name, field in pairs(value) do
    copy[name] = field
  end
  for _, name in ipairs(sums) do
    copy[name] = nanos(value[name])
  end
  return cmsgpack.pack(copy)
end

-- A tree of accounts: what was read of it, to be written at once.
local function tree_of(keys)
  return { accounts = keys[1], grants = keys[2], ends = keys[3], read = {}, now = now() }
end

-- An account, or nil.
local function account_of(tree, path)
  if not tree.read[path] then
    local found = redis.call('HGET', tree.accounts, path)
    tree.read[path] = found and unpacked(found, SUMS)
  end
  return tree.read[path] or nil
end

local function write(tree)
  for path, account in pairs(tree.read) do
    if account and account.is_changed then
      account.is_changed = nil
      redis.call('HSET', tree.accounts, path, packed(account, SUMS))
    end
  end
end

local function rest(g)
  return g.granted - g.spent - g.returned - g.lost
end

local function held(g)
  return g.away and NOTHING or above_zero(rest(g))
end

-- The place of a grant. A path has no zero characters.
local function id_of(account, who)
  return account .. '\0' .. who
end

local function grant_of(tree, account, who)
  local found = redis.call('HGET', tree.grants, id_of(account, who))
  if found then
    return unpacked(found, GRANT_SUMS)
  end
  local grant = { account = account, member = who, seq = 0, away = true, is_new = true }
  for _, name in ipairs(GRANT_SUMS) do
    grant[name] = NOTHING
  end
  return grant
end

local function copied(grant)
  local copy = {}
  for name, field in pairs(grant) do
    copy[name] = field
  end
  copy.is_new = nil
  return copy
end

-- Writes a grant, and what that changes of the accounts of its path. While a member is away it holds nothing, and
-- `missing` counts as spent.
local function put(tree, was, g)
  local id = id_of(g.account, g.member)
  redis.call('HSET', tree.grants, id, packed(g, GRANT_SUMS))
  local at = g['until']
  if g.away then
    -- By then nobody comes back.
    at = at + (NOTHING < g.missing and 30 or 1) * LONG_AGO
  end
  redis.call('ZADD', tree.ends, text(at), id)
  for _, path in ipairs(path_of(g.account)) do
    local account = account_of(tree, path)
    account.spent = account.spent + g.spent + g.missing - was.spent - was.missing
    account.estimated = account.estimated + g.estimated + g.missing - was.estimated - was.missing
    account.granted = account.granted + held(g) - held(was)
    account.holders = account.holders + (was.away and 1 or 0) - (g.away and 1 or 0)
    account.is_changed = true
  end
end

-- Ends the grants whose time is over.
local function expire(tree)
  local ended = redis.call('ZRANGEBYSCORE', tree.ends, '-inf', text(tree.now))
  for _, id in ipairs(ended) do
    local was = unpacked(redis.call('HGET', tree.grants, id), GRANT_SUMS)
    if was.away then
      redis.call('HDEL', tree.grants, id)
      redis.call('ZREM', tree.ends, id)
    else
      local g = copied(was)
      g.away = true
      if account_of(tree, g.account).on_loss == 2 then
        g.lost = g.lost + held(was)
      else
        g.missing = held(was)
      end
      put(tree, was, g)
    end
  end
end

-- An account as programs read it.
local function told_of(path, account)
  return {
    path, nanos(account.amount), account.enforced, account.strict, account.on_loss, account.marks,
    nanos(account.spent), nanos(account.estimated), nanos(account.granted), account.holders,
  }
end

local function no_account(path)
  return redis.error_reply('NOACCOUNT ' .. path)
end

-- Money is short on an account.
local function tell_short(tree, path, who, channel)
  local account = account_of(tree, path)
  if (account.short_until or 0) <= tree.now then
    redis.call('PUBLISH', channel, 'short\n' .. path)
  end
  account.short_member = who
  account.short_until = tree.now + 2000000
  account.is_changed = true
end

local function book(keys, args)
  local channel, name, who = args[1], args[2], args[3]
  local seq, heard, ttl = tonumber(args[4]), tonumber(args[5]), tonumber(args[6])
  local known, spent, estimated, returned = read(args[7]), read(args[8]), read(args[9]), read(args[10])
  local at_least, at_most = read(args[11]), read(args[12])
  local tree, paths = tree_of(keys), path_of(name)
  for _, path in ipairs(paths) do
    if not account_of(tree, path) then
      return no_account(path)
    end
  end
  expire(tree)

  local was = grant_of(tree, name, who)
  local is_heard = heard >= was.seq
  local g = copied(was)
  g['until'] = tree.now + ttl
  -- Who comes back holds what it held.
  g.away = false
  g.missing = NOTHING
  if seq > was.seq then
    g.seq = seq
    -- A server that lost its last moments learns of them.
    g.granted = known < was.granted and was.granted or known
    g.spent, g.estimated, g.returned = spent, estimated, returned
  elseif seq < was.seq then
    is_heard = true
  end
  put(tree, was, g)
  local was_held = copied(g)

  if seq > was.seq and g.granted < known + at_most then
    local room, tight = nil, nil
    for _, path in ipairs(paths) do
      local account = account_of(tree, path)
      local free = account.amount - account.spent - account.granted
      if account.enforced == 1 and (not room or free < room) then
        room, tight = free, path
      end
    end
    local up_to = known + at_most
    if room then
      -- What it spent beyond what it held has been counted as spent.
      up_to = least(up_to, g.granted + above_zero(room) + above_zero(NOTHING - rest(g)))
    end
    if tight and up_to < known + at_least then
      tell_short(tree, tight, who, channel)
    elseif g.granted < up_to then
      g.granted = up_to
    end
  end

  -- Marks are told again until the answer was heard.
  local claims = not is_heard and was.claims or nil
  local is_claimed, now_claims = false, {}
  for level, path in ipairs(paths) do
    local account = account_of(tree, path)
    local from = account.told
    if claims and read(claims[level]) < from then
      from = read(claims[level])
    end
    now_claims[level] = nanos(from)
    if from < account.spent then
      is_claimed = true
    end
    if account.told < account.spent and seq >= was.seq then
      account.told = account.spent
      account.is_changed = true
    end
  end
  g.claims = is_claimed and now_claims or nil
  put(tree, was_held, g)

  local is_short, levels = 0, {}
  for level = #paths, 1, -1 do
    local account = account_of(tree, paths[level])
    if (account.short_until or 0) > tree.now and account.short_member ~= who then
      is_short = 1
    end
    local told = told_of(paths[level], account)
    told[11] = now_claims[level]
    table.insert(levels, told)
  end
  write(tree)
  return { nanos(g.granted), nanos(g.lost), is_short, levels }
end

-- Opens an account, or changes its rules.
local function set_account(keys, args)
  local name = args[1]
  local tree, paths = tree_of(keys), path_of(name)
  for level = 1, #paths - 1 do
    if not account_of(tree, paths[level]) then
      return no_account(paths[level])
    end
  end
  local account = account_of(tree, name)
  if not account then
    account = { spent = NOTHING, estimated = NOTHING, granted = NOTHING, told = NOTHING, holders = 0 }
    tree.read[name] = account
  end
  account.amount = read(args[2])
  account.enforced, account.strict = tonumber(args[3]), tonumber(args[4])
  account.on_loss, account.marks = tonumber(args[5]), args[6]
  account.is_changed = true
  write(tree)
  return told_of(name, account)
end

-- All accounts of a tree.
local function accounts(keys)
  local tree, told = tree_of(keys), {}
  expire(tree)
  write(tree)
  local found = redis.call('HGETALL', tree.accounts)
  for i = 1, #found, 2 do
    table.insert(told, told_of(found[i], unpacked(found[i + 1], SUMS)))
  end
  return told
end

-- Gives back, of what counts as spent for a member that is away, at most this much. Returns how much it was.
local function correct(keys, args)
  local tree = tree_of(keys)
  for _, path in ipairs(path_of(args[1])) do
    if not account_of(tree, path) then
      return no_account(path)
    end
  end
  expire(tree)
  local was = grant_of(tree, args[1], args[2])
  local g, less = copied(was), least(read(args[3]), was.missing)
  if NOTHING < less then
    g.missing = g.missing - less
    g.lost = g.lost + less
    put(tree, was, g)
  end
  write(tree)
  return nanos(less)
end

local FUNCTIONS = {
  breaker = breaker, open = open, probe = probe, probed = probed, member = member, paused = paused,
  pause = pause, share = share, book = book, set_account = set_account, accounts = accounts, correct = correct,
}
for name, callback in pairs(FUNCTIONS) do
  redis.register_function('techrevati_fleet_1_' .. name, callback)
end
