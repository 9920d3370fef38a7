-- What one machine knows that it has spent: its sums are at least that.
-- KEYS: tokens of the day, dollars of the month. ARGV: machine, tokens, dollars, milliseconds they are kept.
for i = 1, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', KEYS[i], ARGV[1]) or 0) then
    redis.call('HSET', KEYS[i], ARGV[1], ARGV[i + 1])
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
  end
end
return 0
