-- An account as programs read it.
local function told_of(path, account)
  local function sum(of)
    return nanos(least(of, MOST))
  end
  return {
    path, nanos(account.amount), account.enforced, account.strict, account.on_loss, account.marks,
    sum(account.spent), sum(account.estimated), sum(account.granted), account.holders,
  }
end

-- An account and the one that is missing of its path.
local function no_account(name, path)
  return redis.error_reply('NOACCOUNT ' .. name .. '\t' .. path)
end

-- Money is short on an account. Who hears of it gives back, so it is told once in a while.
local function tell_short(tree, path, who, channel)
  local account = account_of(tree, path)
  if (account.short_until or 0) <= tree.now then
    redis.call('PUBLISH', channel, table.concat({ 'short', who, path }, '\n'))
  end
  account.short_member = who
  account.short_until = tree.now + 2000000
  account.is_changed = true
end

-- Grants what is asked for beyond `known`: what fits on the whole path, up to `most`, or nothing.
local function grant(tree, paths, g, known, ask, channel)
  local up_to = known + ask.most
  if up_to <= g.granted then
    return
  end
  local room, tight
  for level = #paths, 1, -1 do
    local account = account_of(tree, paths[level])
    local free = above_zero(account.amount - account.spent - account.granted)
    if account.enforced == 1 and (not room or free < room) then
      room, tight = free, paths[level]
    end
  end
  if room then
    -- What it spent beyond what it held has been counted as spent.
    room = g.granted + room + above_zero(NOTHING - rest(g))
    if room < known + ask.least then
      return tell_short(tree, tight, g.member, channel)
    end
    up_to = least(up_to, room)
  end
  if g.granted < up_to then
    g.granted = up_to
  end
end

-- Whether a spent amount reaches a mark.
local function reached(spent, account, percent)
  local function times(sum, by)
    return money(sum.d * by, sum.n * by)
  end
  return NOTHING < spent and times(account.amount, percent) <= times(spent, 100)
end

local function marks_of(rules)
  local marks = {}
  for percent in string.gmatch(rules.marks, '%d+') do
    table.insert(marks, tonumber(percent))
  end
  return marks
end

-- Gives the member the marks that the path has reached, and those that are owed, until it has heard them.
local function give_marks(tree, paths, g)
  for level = #paths, 1, -1 do
    local account = account_of(tree, paths[level])
    local marks = account.owed or {}
    for _, percent in ipairs(marks_of(account)) do
      if reached(account.spent, account, percent) and not reached(account.told, account, percent) then
        table.insert(marks, percent)
      end
    end
    for _, percent in ipairs(marks) do
      table.insert(g.marks, { seq = g.seq, account = paths[level], percent = percent })
    end
    if account.told < account.spent or account.owed then
      account.told = account.told < account.spent and account.spent or account.told
      account.owed, account.is_changed = nil, true
    end
  end
end

-- The answer to a booking: a grant, and the accounts of its path from the bottom to the top.
local function booked(tree, paths, g)
  local is_short, levels = 0, {}
  for level = #paths, 1, -1 do
    local account, marks = account_of(tree, paths[level]), {}
    if (account.short_until or 0) > tree.now and account.short_member ~= g.member then
      is_short = 1
    end
    for _, mark in ipairs(g.marks) do
      if mark.account == paths[level] then
        table.insert(marks, mark.percent)
      end
    end
    table.insert(levels, { told_of(paths[level], account), marks })
  end
  return { nanos(g.granted), nanos(g.lost), is_short, levels }
end

local function book(keys, args)
  local channel, name, who = args[1], args[2], args[3]
  local seq, heard, ttl = tonumber(args[4]), tonumber(args[5]), tonumber(args[6])
  local tree, paths = tree_of(keys), path_of(name)
  for _, path in ipairs(paths) do
    if not account_of(tree, path) then
      return no_account(name, path)
    end
  end
  expire(tree)
  local was = grant_of(tree, name, who)
  local g = copied(was)
  -- A machine may sleep for days. Who says farewell is kept for one.
  g.ends = ttl > 0 and tree.now + ttl or tree.now - 6 * DAY
  if seq >= was.seq then
    local known = read(args[7])
    g.seq = seq
    -- A server that lost its last moments learns of them.
    g.granted = was.granted < known and known or was.granted
    g.spent, g.estimated, g.returned = read(args[8]), read(args[9]), read(args[10])
    -- Who comes back holds what it held.
    g.away, g.counted, g.marks = false, NOTHING, {}
    -- What it has corrected itself is not given back a second time.
    g.corrected = least(g.corrected, g.estimated)
    for _, mark in ipairs(was.marks) do
      if mark.seq > heard then
        table.insert(g.marks, mark)
      end
    end
    put(tree, was, g)
    was = copied(g)
    grant(tree, paths, g, known, { least = read(args[11]), most = read(args[12]) }, channel)
    give_marks(tree, paths, g)
  end
  local answer = booked(tree, paths, g)
  if ttl == 0 then
    -- Who says farewell tells what its last answer has.
    g.marks = {}
  end
  put(tree, was, g)
  write(tree)
  return answer
end

local function has_rules(account, rules)
  for field, value in pairs(rules) do
    if account[field] ~= value then
      return false
    end
  end
  return true
end

local function take_rules(account, rules)
  for field, value in pairs(rules) do
    account[field] = value
  end
  account.is_changed = true
end

-- Marks that are reached under these rules, and were not under those before: they are for the next one that books.
local function owed_under(account, rules)
  local before, owed = {}, {}
  for _, percent in ipairs(marks_of(account)) do
    before[percent] = reached(account.told, account, percent)
  end
  for _, percent in ipairs(account.owed or {}) do
    before[percent] = false
  end
  for _, percent in ipairs(marks_of(rules)) do
    if reached(account.spent, rules, percent) and not before[percent] then
      table.insert(owed, percent)
    end
  end
  return #owed > 0 and owed or nil
end

-- Of an account that was deleted, or of a tree that was thrown away, there may be grants, which count in the new one.
-- They are looked at only if that may be so: accounts are counted, and are fewer then.
local function count_grants(tree, paths)
  local name, root, known = paths[#paths], account_of(tree, paths[1]), redis.call('HLEN', tree.accounts)
  root.is_changed = true
  if #paths > 1 and root.made == known then
    root.made = known + 1
    return
  end
  local own, others_miss = tree.read[name], false
  for _, found in ipairs(redis.call('HVALS', tree.grants)) do
    local g = unpacked(found, GRANT_SUMS)
    local counted = g.counted - g.corrected
    for _, path in ipairs(path_of(g.account)) do
      if path == name then
        own.spent = own.spent + g.spent + counted
        own.estimated = own.estimated + g.estimated + counted
        own.granted = own.granted + held(g)
        own.holders = own.holders + (NOTHING < held(g) and 1 or 0)
      elseif not account_of(tree, path) then
        others_miss = true
      end
    end
  end
  root.made = not others_miss and known + 1 or nil
end

-- Opens an account. One that is there gets these rules only if that is asked for.
local function set_account(keys, args)
  local name, changes = args[1], args[7] == '1'
  local tree, paths = tree_of(keys), path_of(name)
  for level = #paths - 1, 1, -1 do
    if not account_of(tree, paths[level]) then
      return no_account(name, paths[level])
    end
  end
  local account = account_of(tree, name)
  local is_new = not account
  expire(tree)
  if is_new then
    account = { spent = NOTHING, estimated = NOTHING, granted = NOTHING, told = NOTHING, holders = 0 }
    tree.read[name] = account
    count_grants(tree, paths)
  end
  local rules = {
    amount = read(args[2]), enforced = tonumber(args[3]), strict = tonumber(args[4]),
    on_loss = tonumber(args[5]), marks = args[6],
  }
  if is_new then
    take_rules(account, rules)
  elseif changes and not has_rules(account, rules) then
    account.owed = owed_under(account, rules)
    if account.amount ~= rules.amount then
      account.told = account.spent
    end
    take_rules(account, rules)
    redis.call('PUBLISH', args[8], table.concat({ 'rules', name }, '\n'))
  end
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

-- Who holds money of an account, or has spent some on an estimate.
local function holders(keys, args)
  local name, tree, told = args[1], tree_of(keys), {}
  if not account_of(tree, name) then
    return no_account(name, name)
  end
  expire(tree)
  write(tree)
  for _, found in ipairs(redis.call('HVALS', tree.grants)) do
    local g = unpacked(found, GRANT_SUMS)
    local counted = g.counted - g.corrected
    if g.account == name and (NOTHING < held(g) or NOTHING < g.estimated + counted) then
      table.insert(told, {
        g.member, nanos(g.spent + counted), nanos(g.estimated + counted), nanos(held(g)), g.away and 1 or 0,
      })
    end
  end
  table.sort(told, function(a, b) return a[1] < b[1] end)
  return told
end

-- Gives back what is spent for a member on an estimate, at most this much: first what counts for it since it is
-- away. Returns how much it was.
local function correct(keys, args)
  local name, over = args[1], read(args[3])
  local tree = tree_of(keys)
  for _, path in ipairs(path_of(name)) do
    if not account_of(tree, path) then
      return no_account(name, path)
    end
  end
  expire(tree)
  local was = grant_of(tree, name, args[2])
  local counted = least(over, was.counted)
  local own = least(over - counted, above_zero(was.estimated - was.corrected))
  if NOTHING < counted + own then
    local g = copied(was)
    g.counted = g.counted - counted
    -- It stays given back, should the member be heard of after all.
    g.lost = g.lost + counted
    g.corrected = g.corrected + own
    put(tree, was, g)
  end
  write(tree)
  return nanos(counted + own)
end

local function register(name, callback)
  redis.register_function('@LIBRARY_' .. name, function(keys, args)
    NOTHING, MOST = NOTHING or money(0, 0), MOST or money(18446744073, 709551615)
    return callback(keys, args)
  end)
end

register('breaker', breaker)
register('open', open)
register('probe', probe)
register('probed', probed)
register('member', member)
register('share', share)
register('paused', paused)
register('pause', pause)
register('book', book)
register('set_account', set_account)
register('accounts', accounts)
register('holders', holders)
register('correct', correct)
