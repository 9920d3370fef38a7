-- A worker lives. KEYS: epoch, run, workers. ARGV: worker, lease in ms, the engine's run id (empty: unknown).
-- An engine that was started anew, with whatever it remembers, begins a new epoch. Returns how many workers live.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[3] then
  redis.call('SET', KEYS[2], ARGV[3])
  redis.call('SET', KEYS[1], now)
end
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
return redis.call('ZCARD', KEYS[3])
