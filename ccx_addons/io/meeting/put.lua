-- What one worker has taken under one name, told again: members are unique, so twice is once.
-- KEYS: starts, slots, held. ARGV: lease in ms, number of starts, age in ms and slot of each, then slot, tokens and
-- dollars of each that is under way; both are empty where that is no budget of it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease, n = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 3, 1 + 2 * n, 2 do redis.call('ZADD', KEYS[1], 'NX', now - tonumber(ARGV[i]), ARGV[i + 1]) end
if n > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60000)
  redis.call('PEXPIRE', KEYS[1], 61000)
end
for i = 3 + 2 * n, #ARGV, 3 do
  redis.call('ZADD', KEYS[2], now + lease, ARGV[i])
  redis.call('PEXPIRE', KEYS[2], lease * 2)
  if ARGV[i + 1] ~= '' then
    redis.call('HSET', KEYS[3], ARGV[i], string.format('%d %s %s', now + lease, ARGV[i + 1], ARGV[i + 2]))
    redis.call('PEXPIRE', KEYS[3], lease * 2)
  end
end
return 0
