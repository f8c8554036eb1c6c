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

-- A metatable can be set within a call only. The second is the most that programs read.
local NOTHING, MOST

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
local GRANT_SUMS = { 'granted', 'spent', 'estimated', 'returned', 'lost', 'counted', 'corrected' }

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
  local grant = { account = account, member = who, seq = 0, away = false, marks = {} }
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
  return copy
end

-- Notes when something becomes of a grant.
local function put_end(tree, id, g)
  local ends = g.ends
  if g.away then
    -- By then nobody comes back. Who did would tell totals that are counted already.
    ends = ends + (NOTHING < g.counted and 30 or 7) * DAY
  end
  redis.call('ZADD', tree.ends, text(ends), id)
end

-- Writes a grant, and what that changes of the accounts of its path. While a member is away it holds nothing, and
-- `counted` is spent for it on an estimate. `corrected` was given back of its own estimates.
local function put(tree, was, g)
  local id = id_of(g.account, g.member)
  redis.call('HSET', tree.grants, id, packed(g, GRANT_SUMS))
  put_end(tree, id, g)
  local counted = g.counted - g.corrected - was.counted + was.corrected
  local holders = (NOTHING < held(g) and 1 or 0) - (NOTHING < held(was) and 1 or 0)
  for _, path in ipairs(path_of(g.account)) do
    local account = account_of(tree, path)
    -- Or it was deleted. Set anew, it counts the grant as it is then.
    if account then
      account.spent = account.spent + g.spent - was.spent + counted
      account.estimated = account.estimated + g.estimated - was.estimated + counted
      account.granted = account.granted + held(g) - held(was)
      account.holders = account.holders + holders
      account.is_changed = true
    end
  end
end

-- Ends the grants whose time is over.
local function expire(tree)
  if redis.call('ZCARD', tree.ends) == 0 then
    -- A server that is short of memory may have thrown the ends away, and nothing else.
    for _, found in ipairs(redis.call('HVALS', tree.grants)) do
      local g = unpacked(found, GRANT_SUMS)
      put_end(tree, id_of(g.account, g.member), g)
    end
  end
  local ended = redis.call('ZRANGEBYSCORE', tree.ends, '-inf', text(tree.now))
  for _, id in ipairs(ended) do
    local found = redis.call('HGET', tree.grants, id)
    local was = found and unpacked(found, GRANT_SUMS)
    if not was or was.away then
      redis.call('HDEL', tree.grants, id)
      redis.call('ZREM', tree.ends, id)
    else
      local g, own = copied(was), account_of(tree, was.account)
      g.away = true
      if own and own.on_loss == 2 then
        g.lost = g.lost + held(was)
      else
        g.counted = held(was)
      end
      -- What it has not said to have heard goes to the next one.
      for _, mark in ipairs(was.marks) do
        local account = account_of(tree, mark.account)
        if account then
          account.owed = account.owed or {}
          table.insert(account.owed, mark.percent)
        end
      end
      g.marks = {}
      put(tree, was, g)
    end
  end
end
