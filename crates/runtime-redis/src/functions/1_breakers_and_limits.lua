#!lua name=@LIBRARY
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
  local change = { 'breaker', text(n), text(told[1]), text(told[2]), text(told[3]), name }
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

-- A member is there until its time is over. Returns how many are, the time, and why they cannot be counted: then
-- somebody else has something at the key, which is a matter of the count alone.
local function member(keys, args)
  local n, ttl = now(), tonumber(args[2])
  local added = redis.pcall('ZADD', keys[1], text(n + ttl), args[1])
  if type(added) == 'table' then
    local is_of_another = string.sub(added.err, 1, 9) == 'WRONGTYPE'
    return is_of_another and { 0, n, added.err } or added
  end
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', text(n))
  return { redis.call('ZCARD', keys[1]), n, '' }
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
    redis.call('PUBLISH', channel, table.concat({ 'pause', text(n), text(wait), name }, '\n'))
  end
end

-- Limits and parts are in thousandths of a unit a minute.
--
-- What members of a limit have of each number is summed up beside them, so that a part follows from the sums: how
-- many have a limit, how many want as much, and what all may use.
local function nobody(settles)
  local sums = { members = 0, ends = math.huge, settles = settles, of = {} }
  for d = 1, 4 do
    sums.of[d] = { used = 0, limits = {}, demands = {} }
  end
  return sums
end

local function count(counts, value, by)
  local number = (counts[value] or 0) + by
  counts[value] = number > 0 and number or nil
end

local function used(s, d)
  return math.max(s.applied[d], s.given[d], 0)
end

-- A member comes or leaves.
local function sum_up(sums, s, by)
  sums.members = sums.members + by
  for d, of in ipairs(sums.of) do
    of.used = of.used + by * used(s, d)
    count(of.demands, math.max(s.demand[d], 0), by)
    if s.limits[d] >= 0 then
      count(of.limits, s.limits[d], by)
    end
  end
  if by > 0 then
    sums.ends = math.min(sums.ends, s.ends)
  end
end

-- The sums, without members whose time is over. All members are looked at only if there may be one.
local function sums_of(key, n)
  local packed = redis.call('HGET', key, 'sums')
  local sums = packed and cmsgpack.unpack(packed)
  if sums and sums.ends > n then
    return sums
  end
  sums = nobody(sums and sums.settles or 0)
  local found = redis.call('HGETALL', key)
  for i = 1, #found, 2 do
    if string.sub(found[i], 1, 2) == 'm:' then
      local s = cmsgpack.unpack(found[i + 1])
      if s.ends > n then
        sum_up(sums, s, 1)
      else
        redis.call('HDEL', key, found[i])
      end
    end
  end
  return sums
end

-- What a member that is counted may have of one number of a limit: its fair part, as `fair_parts` of the crate
-- runtime-fleet has it, but never what others were given or still go by. -1 is no limit.
local function part_of(sums, d, demand, others)
  local whole = math.huge
  for limit in pairs(sums.of[d].limits) do
    whole = math.min(whole, limit)
  end
  if whole == math.huge then
    return -1
  end
  local demands = {}
  for value in pairs(sums.of[d].demands) do
    table.insert(demands, value)
  end
  table.sort(demands)
  local floor = math.floor(math.floor(whole / sums.members) / 4)
  local rest, behind, level = whole, sums.members, math.huge
  for _, value in ipairs(demands) do
    local want, equal = math.max(value, floor), math.floor(rest / behind)
    if want > equal then
      level = math.max(equal, math.min(whole, 1))
      break
    end
    local members = sums.of[d].demands[value]
    rest, behind = rest - want * members, behind - members
  end
  local own = math.min(math.max(demand, floor), level)
  -- What nobody asked for is divided evenly.
  if level == math.huge then
    own = own + math.floor(rest / sums.members)
  end
  return math.max(math.min(own, whole - others), 0)
end

-- When the time of a member is over, in steps of a sixteenth of it: members are looked at for their ends only that
-- often, however many of them die.
local function end_of(n, ttl)
  local step = math.max(math.floor(ttl / 16), 1)
  return math.ceil((n + ttl) / step) * step
end

-- A member's part of a limit, of four numbers, and what is left of a pause or -1.
local function share(keys, args)
  local key, field, seq, ttl = keys[1], 'm:' .. args[1], tonumber(args[2]), tonumber(args[3])
  local n = now()
  local sums, given = sums_of(key, n), { -1, -1, -1, -1 }
  local is_first, goes_by_something = sums.members == 0, false
  local packed = redis.call('HGET', key, field)
  local own = packed and cmsgpack.unpack(packed)
  if ttl > 0 and own and own.seq > seq then
    given = own.given
  else
    if own then
      sum_up(sums, own, -1)
    end
    local others = {}
    for d = 1, 4 do
      others[d] = sums.of[d].used
    end
    if ttl > 0 then
      own = { seq = seq, ends = end_of(n, ttl), limits = {}, applied = {}, demand = {}, given = given }
      for d = 1, 4 do
        own.limits[d] = tonumber(args[3 + d])
        own.applied[d] = tonumber(args[7 + d])
        own.demand[d] = tonumber(args[11 + d])
        goes_by_something = goes_by_something or own.applied[d] > 0
      end
      if is_first then
        -- If nobody is known, and who comes goes by something all the same, then others may, too.
        sums.settles = goes_by_something and own.ends or 0
      end
      sum_up(sums, own, 1)
      for d = 1, 4 do
        given[d] = part_of(sums, d, own.demand[d], others[d])
        if n < sums.settles then
          given[d] = math.min(given[d], math.max(own.applied[d], 0))
        end
        sums.of[d].used = others[d] + used(own, d)
      end
      redis.call('HSET', key, field, cmsgpack.pack(own), 'sums', cmsgpack.pack(sums))
    elseif sums.members > 0 then
      redis.call('HDEL', key, field)
      redis.call('HSET', key, 'sums', cmsgpack.pack(sums))
    else
      redis.call('HDEL', key, field, 'sums')
    end
  end
  return { given[1], given[2], given[3], given[4], paused_of(key, n) }
end

