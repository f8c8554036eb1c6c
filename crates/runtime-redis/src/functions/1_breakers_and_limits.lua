#!lua name=techrevati_fleet_1
--
-- What the processes of a fleet share. A function has one key, or the three of a tree of accounts, which have one
-- slot. Times are in microseconds, of the server's clock. Numbers of Lua are exact up to 2^53, which is enough for
-- times, counts and limits; sums of money are pairs.

local DAY = 24 * 3600 * 1000000

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

local FIELDS = { 'generation', 'open_until', 'prober', 'probe_until', 'probe_wait' }

local function read_breaker(key)
  local found, b = redis.call('HMGET', key, unpack(FIELDS)), {}
  for i, field in ipairs(FIELDS) do
    b[field] = tonumber(found[i])
  end
  b.generation = b.generation or 0
  b.prober = found[3]
  return b
end

-- When the wait is over, that of a lost probe included.
local function open_until(b)
  local lost = b.probe_until and b.probe_until + b.probe_wait
  return b.open_until and math.max(b.open_until, lost or 0)
end

-- Generation, what is left of the wait or -1, and whether a probe is under way.
local function view(b, n)
  local open = b.open_until and left(open_until(b), n) or -1
  local probing = b.probe_until and b.probe_until > n and 1 or 0
  return { b.generation, open, probing }
end

local function put_breaker(key, b, n, name, channel)
  redis.call('DEL', key)
  for _, field in ipairs(FIELDS) do
    if b[field] then
      local value = b[field]
      redis.call('HSET', key, field, type(value) == 'number' and text(value) or value)
    end
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
    b.generation = seen + 1
  elseif b.open_until >= n + wait then
    return view(b, n)
  end
  b.open_until = n + wait
  return put_breaker(keys[1], b, n, name, channel)
end

-- Asks for the probe. The fourth number is what is left of its time, or -1 if it is not granted.
local function probe(keys, args)
  local name, channel, member, ttl, wait = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
  local b, n = read_breaker(keys[1]), now()
  local told, granted
  if b.probe_until and b.probe_until > n then
    -- Asked again by who has it: the first answer may have been lost.
    told, granted = view(b, n), b.prober == member and b.probe_until - n or -1
  elseif not b.open_until or open_until(b) > n then
    told, granted = view(b, n), -1
  else
    b.generation = b.generation + 1
    b.open_until = n
    b.prober, b.probe_until, b.probe_wait = member, n + ttl, wait
    told, granted = put_breaker(keys[1], b, n, name, channel), ttl
  end
  told[4] = granted
  return told
end

-- How a probe ended: -1 the dependency is back, otherwise the wait.
local function probed(keys, args)
  local name, channel, member, generation, wait = args[1], args[2], args[3], tonumber(args[4]), tonumber(args[5])
  local b, n = read_breaker(keys[1]), now()
  if b.generation ~= generation or b.prober ~= member or b.probe_until <= n then
    return view(b, n)
  end
  b.generation = b.generation + 1
  b.prober, b.probe_until, b.probe_wait = nil, nil, nil
  if wait >= 0 then
    b.open_until = math.max(b.open_until, n + wait)
  -- Unless somebody asked for a longer wait while it probed.
  elseif b.open_until <= n then
    b.open_until = nil
  end
  return put_breaker(keys[1], b, n, name, channel)
end

-- Members and limits ----------------------------------------------------------------------------------------

-- A member is there until its time is over. Returns how many are.
local function member(keys, args)
  local n, ttl = now(), tonumber(args[2])
  redis.call('ZADD', keys[1], text(n + ttl), args[1])
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
      if other.ends <= n or other.who == who and ttl == 0 then
        redis.call('HDEL', keys[1], found[i])
      elseif other.who == who then
        own = other
      else
        table.insert(shares, other)
      end
    end
  end
  local given = own and own.given or { -1, -1, -1, -1 }
  if ttl > 0 and seq >= (own and own.seq or 0) then
    own = { who = who, seq = seq, ends = n + ttl, limits = {}, applied = {}, demand = {}, given = { 0, 0, 0, 0 } }
    for d = 1, 4 do
      own.limits[d] = tonumber(args[3 + d])
      own.applied[d] = tonumber(args[7 + d])
      own.demand[d] = tonumber(args[11 + d])
    end
    table.insert(shares, own)
    given = {}
    for d = 1, 4 do
      given[d] = part_of(shares, who, d)
    end
    own.given, own.who = given, nil
    redis.call('HSET', keys[1], 'm:' .. who, cmsgpack.pack(own))
  end
  return { given[1], given[2], given[3], given[4], paused_of(keys[1], n) }
end

