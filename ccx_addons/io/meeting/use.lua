-- Tokens that count for one pace: used by requests that are over, and to be used by those under way.
-- KEYS: used, flying. ARGV: lease in ms, number of the used, age in ms, slot and tokens of each; then slot and tokens of
-- each that is under way.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease, n = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 3, 2 + 3 * n, 3 do
  redis.call('ZADD', KEYS[1], 'NX', now - tonumber(ARGV[i]), ARGV[i + 2] .. ' ' .. ARGV[i + 1])
end
if n > 0 then redis.call('PEXPIRE', KEYS[1], 61000) end
for i = 3 + 3 * n, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], string.format('%d %d', now + lease, ARGV[i + 1]))
  redis.call('PEXPIRE', KEYS[2], lease * 2)
end
return 0
