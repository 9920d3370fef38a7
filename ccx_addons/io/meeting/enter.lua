-- A place in every scope, or in none. The clock is the engine's own.
-- KEYS: epoch; starts and slots of each scope; used and flying of each pace; with a budget: held, tokens of the day,
--       dollars of the month.
-- ARGV: slot, lease in ms, number of scopes, number of paces, tokens of this request for its paces; rpm and concurrency
--       of each scope; tokens a minute of each pace; with a budget: most tokens, most dollars, tokens and dollars of
--       this request, machine, what that machine has spent, milliseconds that sums are kept.
-- Returns {0: taken, n: scope n, or pace n minus the number of scopes, is full, -1: too young to decide, -2: tokens, -3: dollars, -4: held, ...},
--         ms to wait (-1: as soon as a place is given back), epoch.
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
local budget = 6 + 2 * n + m
local held = KEYS[2 + 2 * n + 2 * m]

-- What all machines have spent together; each one's own sum is at least what it says.
local function spent(key, machine, known, kept)
  local all, sum, own = redis.call('HGETALL', key), 0, 0
  for i = 1, #all, 2 do
    if all[i] == machine then own = tonumber(all[i + 1]) else sum = sum + tonumber(all[i + 1]) end
  end
  if tonumber(known) > own then
    own = tonumber(known)
    redis.call('HSET', key, machine, known)
    redis.call('PEXPIRE', key, kept)
  end
  return sum + own
end

if held then
  local most, dollars = tonumber(ARGV[budget]), tonumber(ARGV[budget + 1])
  local machine, kept = ARGV[budget + 4], ARGV[budget + 7]
  local used = spent(KEYS[3 + 2 * n + 2 * m], machine, ARGV[budget + 5], kept)
  local paid = spent(KEYS[4 + 2 * n + 2 * m], machine, ARGV[budget + 6], kept)
  if most > 0 and used >= most then return {-2, 0, born} end
  if dollars > 0 and paid >= dollars then return {-3, 0, born} end
  local all, any = redis.call('HGETALL', held), false
  for i = 1, #all, 2 do
    local till, more, cost = string.match(all[i + 1], '^(%S+) (%S+) (%S+)$')
    if tonumber(till) <= now then
      redis.call('HDEL', held, all[i])
    else
      any, used, paid = true, used + tonumber(more), paid + tonumber(cost)
    end
  end
  if any and ((most > 0 and used >= most) or (dollars > 0 and paid >= dollars)) then return {-4, 1000, born} end
end

for i = 1, n do
  local starts, slots, rpm, most = KEYS[2 * i], KEYS[2 * i + 1], tonumber(ARGV[4 + 2 * i]), tonumber(ARGV[5 + 2 * i])
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
  local spent, flying, most = KEYS[2 * n + 2 * j], KEYS[2 * n + 2 * j + 1], tonumber(ARGV[5 + 2 * n + j])
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
  if tonumber(ARGV[4 + 2 * i]) > 0 then
    redis.call('ZADD', KEYS[2 * i], now, slot)
    redis.call('PEXPIRE', KEYS[2 * i], 61000)
  end
  if tonumber(ARGV[5 + 2 * i]) > 0 then
    redis.call('ZADD', KEYS[2 * i + 1], now + lease, slot)
    redis.call('PEXPIRE', KEYS[2 * i + 1], lease * 2)
  end
end
for j = 1, m do
  local flying = KEYS[2 * n + 2 * j + 1]
  redis.call('HSET', flying, slot, string.format('%d %d', now + lease, tokens))
  redis.call('PEXPIRE', flying, lease * 2)
end
if held and (tonumber(ARGV[budget + 2]) > 0 or tonumber(ARGV[budget + 3]) > 0) then
  redis.call('HSET', held, slot, string.format('%d %s %s', now + lease, ARGV[budget + 2], ARGV[budget + 3]))
  redis.call('PEXPIRE', held, lease * 2)
end
return {0, 0, born}
