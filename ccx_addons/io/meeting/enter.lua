-- A place in every scope, or in none. The clock is the engine's own.
-- KEYS: epoch; starts and slots of each scope; used and flying of each pace; held, month and day of each budget.
-- ARGV: slot, lease in ms, number of scopes, number of paces, tokens and dollars of this request, machine, milliseconds
--       that sums are kept; rpm and concurrency of each scope; tokens a minute of each pace; of each budget: most
--       requests, tokens and dollars of the month and of the day, then what that machine has used of them.
-- Returns {0: taken, n: scope n, or pace n minus the number of scopes, is full, -1: too young to decide, -2 and below: a
--         sum of a budget, in their order, is used up}, ms to wait (-1: as soon as a place is given back; of a sum: what
--         is under way may use it up), epoch.
local settle = 1000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local born = tonumber(redis.call('GET', KEYS[1]))
if not born then
  born = now
  redis.call('SET', KEYS[1], now)
end
if now - born < settle then return {-1, 0, born} end

local slot, lease, n, m, tokens = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local machine, kept = ARGV[7], ARGV[8]
local first_budget, budgets = 8 + 2 * n + m, (#ARGV - 8 - 2 * n - m) / 12

-- What all machines have used together, by requests, tokens and dollars; each one's own is at least what it says.
local function used(key, known)
  local all, sums, own = redis.call('HGETALL', key), {0, 0, 0}, {0, 0, 0}
  for i = 1, #all, 2 do
    local k = tonumber(string.sub(all[i], 1, 1))
    if string.sub(all[i], 2) == machine then own[k] = tonumber(all[i + 1]) else sums[k] = sums[k] + tonumber(all[i + 1]) end
  end
  for k = 1, 3 do
    local told = ARGV[known + k - 1]
    if tonumber(told) > own[k] then
      own[k] = tonumber(told)
      redis.call('HSET', key, k .. machine, told)
      redis.call('PEXPIRE', key, kept)
    end
    sums[k] = sums[k] + own[k]
  end
  return sums
end

local full = 0
for j = 1, budgets do
  local at, place = first_budget + 12 * (j - 1), 2 * n + 2 * m + 3 * (j - 1) + 2
  local held, under, any = KEYS[place], {0, 0, 0}, false
  local all = redis.call('HGETALL', held)
  for i = 1, #all, 2 do
    local till, more, cost = string.match(all[i + 1], '^(%S+) (%S+) (%S+)$')
    if tonumber(till) <= now then
      redis.call('HDEL', held, all[i])
    else
      any, under = true, {under[1] + 1, under[2] + tonumber(more), under[3] + tonumber(cost)}
    end
  end
  for span = 0, 1 do
    local sums = used(KEYS[place + 1 + span], at + 7 + 3 * span)
    for k = 1, 3 do
      local most, sum = tonumber(ARGV[at + 3 * span + k]), -1 - 6 * (j - 1) - 3 * span - k
      if most > 0 and sums[k] >= most then return {sum, 0, born} end
      if most > 0 and any and sums[k] + under[k] >= most and full == 0 then full = sum end
    end
  end
end
if full < 0 then return {full, 1000, born} end

for i = 1, n do
  local starts, slots, rpm, most = KEYS[2 * i], KEYS[2 * i + 1], tonumber(ARGV[7 + 2 * i]), tonumber(ARGV[8 + 2 * i])
  if most > 0 then
    redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
    if redis.call('ZCARD', slots) >= most then return {i, -1, born} end
  end
  if rpm > 0 then
    redis.call('ZREMRANGEBYSCORE', starts, '-inf', now - 60000)
    local over = redis.call('ZCARD', starts) - rpm + 1
    if over > 0 then
      local first = redis.call('ZRANGE', starts, over - 1, over - 1, 'WITHSCORES')
      return {i, math.max(1, first[2] + 60000 - now), born}
    end
  end
end

-- Each one over its pace by itself at most: used in the last minute, and under way.
for j = 1, m do
  local spent, flying, most = KEYS[2 * n + 2 * j], KEYS[2 * n + 2 * j + 1], tonumber(ARGV[8 + 2 * n + j])
  redis.call('ZREMRANGEBYSCORE', spent, '-inf', now - 60000)
  local all, left, wait = redis.call('ZRANGE', spent, 0, -1, 'WITHSCORES'), 0, 0
  for i = 1, #all, 2 do left = left + tonumber(string.match(all[i], '^%d+')) end
  local under = redis.call('HGETALL', flying)
  for i = 1, #under, 2 do
    local till, more = string.match(under[i + 1], '^(%S+) (%S+)$')
    if tonumber(till) <= now then redis.call('HDEL', flying, under[i]) else left = left + tonumber(more) end
  end
  for i = 1, #all, 2 do
    if left < most then break end
    left = left - tonumber(string.match(all[i], '^%d+'))
    wait = all[i + 1] + 60000 - now
  end
  if left >= most then wait = 1000 end
  if wait > 0 then return {n + j, wait, born} end
end

for i = 1, n do
  if tonumber(ARGV[7 + 2 * i]) > 0 then
    redis.call('ZADD', KEYS[2 * i], now, slot)
    redis.call('PEXPIRE', KEYS[2 * i], 61000)
  end
  if tonumber(ARGV[8 + 2 * i]) > 0 then
    redis.call('ZADD', KEYS[2 * i + 1], now + lease, slot)
    redis.call('PEXPIRE', KEYS[2 * i + 1], lease * 2)
  end
end
for j = 1, m do
  local flying = KEYS[2 * n + 2 * j + 1]
  redis.call('HSET', flying, slot, string.format('%d %d', now + lease, tokens))
  redis.call('PEXPIRE', flying, lease * 2)
end
for j = 1, budgets do
  local held = KEYS[2 * n + 2 * m + 3 * (j - 1) + 2]
  redis.call('HSET', held, slot, string.format('%d %s %s', now + lease, ARGV[5], ARGV[6]))
  redis.call('PEXPIRE', held, lease * 2)
end
return {0, 0, born}
