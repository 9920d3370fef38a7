-- What one machine knows that it has used of a budget: its sums are at least that.
-- KEYS: the month, the day. ARGV: machine, milliseconds they are kept, requests, tokens and dollars of both.
for i = 1, 2 do
  for k = 1, 3 do
    local told, field = ARGV[3 * i - 1 + k], k .. ARGV[1]
    if tonumber(told) > tonumber(redis.call('HGET', KEYS[i], field) or 0) then
      redis.call('HSET', KEYS[i], field, told)
      redis.call('PEXPIRE', KEYS[i], ARGV[2])
    end
  end
end
return 0
